"""Rules: the answer of a Prometheus-like rules API, from which alerts are read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from runner.probe.alerts.dating import Answer, RemoteClock
from runner.probe.alerts.source import Setting

Alert = tuple[Mapping[str, Any], Mapping[str, Any], float]
"""An alert, its rule, and how often the rule is evaluated, in seconds."""


def data(whose: RemoteClock, answer: Answer) -> Mapping[str, Any]:
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


def alerts(whose: RemoteClock, answer: Answer) -> Iterator[Alert]:
    """Every alert of every rule that has the labels we want."""
    for rule, every in alerting(data(whose, answer)):
        for alert in rule.get("alerts") or ():
            if whose.setting.matches(alert["labels"]):
                yield alert, rule, every


def expected(setting: Setting) -> dict[str, str]:
    """The labels that are known beforehand of an alert that we wait for: what it has to match, and what the file expects."""
    options = setting.options
    named = {"alertname": str(options["alert"])} if options.get("alert") else {}
    return {str(k): str(v) for k, v in (options.get("labels") or {}).items()} | dict(setting.match) | named


def floor(whose: RemoteClock, answer: Answer, labels: Mapping[str, str] | None = None) -> dict[str, float]:
    """`evaluation` and `for` of the rule of an alert with these labels (None: of the expected one); where several rules may
    raise it, the slowest evaluation and the shortest `for`. Raises EnvironmentFailure where there is no rule at all: such a
    silence would say nothing."""
    rules = list(alerting(data(whose, answer)))
    if not rules:
        raise whose.failure("it has no alerting rule")
    wanted = expected(whose.setting) if labels is None else labels
    named = [(r, every) for r, every in rules if _raises(r, wanted)] or rules
    return {
        "evaluation": max(every for _, every in named),
        "for": min(float(rule.get("duration") or 0.0) for rule, _ in named),
    }


def may_raise(whose: RemoteClock, answer: Answer) -> list[dict[str, str]]:
    """What the rules that may raise the expected alert say of its labels."""
    wanted = expected(whose.setting)
    found = [_own_labels(rule) for rule, _ in alerting(data(whose, answer)) if _raises(rule, wanted)]
    return [{**wanted, **own} for own in found]


def _own_labels(rule: Mapping[str, Any]) -> dict[str, str]:
    """The labels that every alert of a rule has."""
    given = {"alertname": rule.get("name"), **(rule.get("labels") or {})}
    return {str(name): str(value) for name, value in given.items() if "{{" not in str(value)}


def _raises(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a rule may raise an alert with these labels, and others: what it says of its labels does not contradict them."""
    own = _own_labels(rule)
    return all(own[name] == value for name, value in labels.items() if name in own)


def identity(rule: Mapping[str, Any]) -> str:
    """Which rule it is, in every answer."""
    return json.dumps([rule.get(part) for part in ("name", "query", "labels")], sort_keys=True)


def was_evaluated(rule: Mapping[str, Any], *, since: Mapping[str, Any]) -> bool:
    """Whether a rule was evaluated after an earlier answer; taken for granted where a system does not say."""
    now, before = str(rule.get("lastEvaluation")), str(since.get("lastEvaluation"))
    try:
        return datetime.fromisoformat(now) > datetime.fromisoformat(before)
    except (ValueError, TypeError):
        return True


def evaluated(found: Answer, whose: RemoteClock) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Groups by file and name."""
    groups = data(whose, found).get("groups") or ()
    return {(str(g.get("file")), str(g.get("name"))): g for g in groups}


def compare(whose: RemoteClock, before: Answer | None, answer: Answer) -> None:
    """Its clock by evaluations between two looks: those are dated by it. One that another replica made is left out."""
    old = evaluated(before, whose) if before is not None else {}
    for key, group in evaluated(answer, whose).items():
        last, now = str(old.get(key, {}).get("lastEvaluation")), str(group.get("lastEvaluation"))
        every = float(group.get("interval") or 60.0)
        try:
            passed_s = (datetime.fromisoformat(now) - datetime.fromisoformat(last)).total_seconds()
        except (ValueError, TypeError):  # none yet, or a system that does not say
            continue
        if before is not None and abs(passed_s - every) < 0.2 * every:
            whose.between(now, before, answer, float(group.get("evaluationTime") or 0.0) + 0.1)


def hold_time_s(seconds: float, every: float) -> float:
    """How long a condition is true before it fires with a `for` of that length: evaluations come every `every` seconds."""
    return -(-round(seconds * 1000) // max(1, round(every * 1000))) * every


def key(labels: Mapping[str, str]) -> str:
    """An alert by its labels alone, without those that are its system's own."""
    return ",".join(f"{name}={labels[name]}" for name in sorted(labels) if not name.startswith("__"))
