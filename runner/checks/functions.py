"""The checks of AWS Lambda functions."""

from __future__ import annotations

from typing import Any

from runner.checks.asks import Aws, Described, Fold, Metric, Term
from runner.checks.check import Bad, Check, Level, Parameter, Unit

_FUNCTION = Parameter("function", "FunctionName", required=True)


def _lambda(name: str, stat: str, *, fold: Fold = Fold.NEWEST, scale: float = 1.0) -> Metric:
    dimensions = (("FunctionName", "function"),)
    return Metric(namespace="AWS/Lambda", name=name, stat=stat, dimensions=dimensions, fold=fold, scale=scale)


def _insights(name: str, stat: str, **more: Any) -> Metric:
    """Only of functions with the extension Lambda Insights."""
    return Metric(namespace="LambdaInsights", name=name, stat=stat, dimensions=(("function_name", "function"),), **more)


def _check(
    name: str, level: Level, what: str, of: Term, limit: float, *per: Term, bad: Bad = Bad.ABOVE, unit: Unit = Unit.RATIO,
    about: tuple[Parameter, ...] = (_FUNCTION,)
) -> Check:  # fmt: skip
    asks = Aws(of=of, per=per, about=about)
    return Check(name=name, about="AWS: Lambda", level=level, asks=asks, what=what, bad=bad, limit=limit, unit=unit)


_MEMORY = _insights("memory_utilization", "Maximum", scale=0.01)
_DURATION = _lambda("Duration", "p95", scale=0.001)
_DURATION_SAID = "p95 duration of the function, of its timeout"

CHECKS = (
    _check(
        "lambda_errors",
        Level.CRITICAL,
        "failed invocations of the function in five minutes",
        _lambda("Errors", "Sum", fold=Fold.TOTAL),
        0,
        unit=Unit.COUNT,
    ),
    _check(
        "lambda_throttles",
        Level.WARNING,
        "throttled invocations of the function in five minutes",
        _lambda("Throttles", "Sum", fold=Fold.TOTAL),
        0,
        unit=Unit.COUNT,
    ),
    _check(
        "lambda_concurrency",
        Level.WARNING,
        "concurrent executions in the account, of its limit",
        Metric(namespace="AWS/Lambda", name="ConcurrentExecutions", stat="Maximum"),
        0.8,
        Described.ACCOUNT_CONCURRENCY,
        about=(),
    ),
    _check(
        "lambda_reserved_concurrency",
        Level.WARNING,
        "concurrent executions of the function, of what is reserved for it",
        _lambda("ConcurrentExecutions", "Maximum"),
        0.8,
        Described.FUNCTION_RESERVED,
    ),
    _check("lambda_duration", Level.WARNING, _DURATION_SAID, _DURATION, 0.8, Described.FUNCTION_TIMEOUT),
    _check("lambda_duration_critical", Level.CRITICAL, _DURATION_SAID, _DURATION, 0.95, Described.FUNCTION_TIMEOUT),
    _check(
        "lambda_cold_starts",
        Level.INFO,
        "cold starts of the function, of its invocations in five minutes",
        _insights("init_duration", "SampleCount", fold=Fold.TOTAL, counts_beside=_MEMORY),
        0.05,
        _lambda("Invocations", "Sum", fold=Fold.TOTAL),
    ),
    _check(
        "lambda_memory",
        Level.WARNING,
        "highest memory use of the function, of what it has",
        _MEMORY,
        0.9,
    ),
    _check(
        "lambda_iterator_age",
        Level.CRITICAL,
        "age of the last record that the function has read from its stream",
        _lambda("IteratorAge", "Maximum", scale=0.001),
        3600,
        unit=Unit.SECONDS,
    ),
)
