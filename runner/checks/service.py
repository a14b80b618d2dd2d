"""The checks of a service as its users, its queues, its batches and its traces see it, whatever it runs on."""

from __future__ import annotations

from runner.checks import due
from runner.checks.asks import DoneFile, Felt, PromQl, Shape, Web
from runner.checks.check import Check, Level, Parameter, Unit

_HISTOGRAM = Parameter("metric", "histogram of seconds, without _bucket: job_duration_seconds", required=True)
_DONE = Parameter("metric", "gauge with the unix time of the last success", required=True)
_CALLS = Parameter("metric", "counter of spans by status_code", default="traces_span_metrics_calls_total")
_ERRORS = 'sum(rate($metric{status_code="STATUS_CODE_ERROR",$match}[5m])) or vector(0)'
_RESTARTS = "max(increase(kube_pod_container_status_restarts_total{$match}[1h]))"


def _web(name: str, level: Level, felt: Felt, limit: float, requests: int) -> Check:
    what, unit = (
        ("p95 latency of the service", Unit.SECONDS)
        if felt is Felt.P95
        else ("failed requests to the service", Unit.RATIO)
    )
    asks = Web(felt=felt, requests=requests)
    return Check(
        name=name, about="Web, by requests of its own", level=level, asks=asks, what=what, limit=limit, unit=unit
    )


CHECKS = (
    _web("web_latency", Level.WARNING, Felt.P95, 0.5, 100),
    _web("web_latency_critical", Level.CRITICAL, Felt.P95, 1.0, 100),
    _web("web_errors", Level.WARNING, Felt.ERRORS, 0.001, 1000),
    _web("web_errors_critical", Level.CRITICAL, Felt.ERRORS, 0.01, 100),
    Check(
        name="async_latency",
        about="Asynchronous work and traces, by Prometheus",
        level=Level.WARNING,
        asks=PromQl(query="sum by (le) (rate(${metric}_bucket{$match}[5m]))", shape=Shape.BUCKETS, about=(_HISTOGRAM,)),
        what="p95 time that a job takes",
        limit=5,
        unit=Unit.SECONDS,
    ),
    Check(
        name="tracing_errors",
        about="Asynchronous work and traces, by Prometheus",
        level=Level.CRITICAL,
        asks=PromQl(query=f"({_ERRORS}) / sum(rate($metric{{$match}}[5m]))", about=(_CALLS,)),
        what="spans that ended in an error",
        limit=0.01,
        unit=Unit.RATIO,
    ),
    Check(
        name="pod_restarts_metric",
        about="Asynchronous work and traces, by Prometheus",
        level=Level.WARNING,
        asks=PromQl(query=_RESTARTS),
        what="most restarts of a container in an hour, by kube-state-metrics",
        limit=10,
    ),
    Check(
        name="batch_metric_late",
        about="Batches",
        level=Level.WARNING,
        asks=PromQl(query="max($metric{$match})", shape=Shape.DONE_AT, about=(_DONE, *due.TAKES)),
        what="time since the batch had to be done",
        limit=0,
        unit=Unit.SECONDS,
    ),
    Check(
        name="batch_file_late",
        about="Batches",
        level=Level.WARNING,
        asks=DoneFile(),
        what="time since the batch had to be done",
        limit=0,
        unit=Unit.SECONDS,
    ),
)
