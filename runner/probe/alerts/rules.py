"""Rules: the answer of a Prometheus-like rules API, from which alerts are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.probe.alerts.dating import Answer, Dating

Alert = tuple[Mapping[str, Any], Mapping[str, Any], float]
"""An alert, its rule, and how often the rule is evaluated, in seconds."""


def data(whose: Dating, answer: Answer) -> Mapping[str, Any]:
    """What is in an answer. Raises EnvironmentFailure for what no Prometheus would say."""
    body = answer.body
    if not isinstance(body, dict) or body.get("status") != "success" or not isinstance(body.get("data"), dict):
        raise whose.failure("it does not answer like a Prometheus")
    return dict(body["data"])


def alerting(found: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], float]]:
    """Every alerting rule, with how often it is evaluated, in seconds."""
    for group in found.get("groups") or ():
        for rule in group.get("rules") or ():
            if rule.get("type") == "alerting":
                yield rule, float(group.get("interval") or 60.0)


def alerts(whose: Dating, answer: Answer) -> Iterator[Alert]:
    """Every alert of every rule that has the labels we want."""
    for rule, every in alerting(data(whose, answer)):
        for alert in rule.get("alerts") or ():
            if whose.setting.matches(alert["labels"]):
                yield alert, rule, every


def floor(whose: Dating, answer: Answer) -> dict[str, float]:
    """`evaluation` and `for` of the rule of the expected alert, of all rules where none is. Raises EnvironmentFailure where
    no alerting rule could ever match: such a silence would say nothing."""
    rules = list(alerting(data(whose, answer)))
    if not rules:
        raise whose.failure("it has no alerting rule")
    wanted = whose.setting.options.get("alert")
    named = [(r, every) for r, every in rules if r.get("name") == wanted] or rules
    return {
        "evaluation": max(every for _, every in named),
        "for": min(float(rule.get("duration") or 0.0) for rule, _ in named),
    }


def held(seconds: float, every: float) -> float:
    """How long a condition is true before it fires with a `for` of that length: evaluations come every `every` seconds."""
    return -(-round(seconds * 1000) // max(1, round(every * 1000))) * every


def key(labels: Mapping[str, str]) -> str:
    """An alert by its labels alone, without those that are its system's own."""
    return ",".join(f"{name}={labels[name]}" for name in sorted(labels) if not name.startswith("__"))
