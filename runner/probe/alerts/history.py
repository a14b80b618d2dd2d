"""History: what a Prometheus wrote down of its alerts (the series ALERTS), for whoever did not look while they fired.

The series is there from the evaluation at which an alert got into its state until the one at which it left it. It is read at
steps of one evaluation interval, so that each stage is known to one interval: it was reached within the step before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runner.probe.alerts import rules
from runner.probe.alerts.dating import Answer
from runner.probe.alerts.remote import RemoteSource
from runner.timeline.alerting import Seen

_MOST_STEPS = 10_000
"""Of one question; Prometheus gives at most 11,000 points a series."""
_OWN = ("__name__", "alertstate")


@dataclass(frozen=True, slots=True)
class _RangeReading:
    """The answer, and the steps at which it was read (Unix seconds of its clock)."""

    answer: Answer
    step_s: float
    end_s: float


async def read(remote: RemoteSource, source: str, since_ns: int, until_ns: int, evaluation_s: float) -> list[Seen]:
    """Every stage that alerts reached between two moments (monotonic), in order of time. Raises EnvironmentFailure.

    An alert that was on already at `since_ns` is told as of then.
    """
    start_s, end_s = remote.there(since_ns), remote.there(until_ns)
    step_s = max(evaluation_s, (end_s - start_s) / _MOST_STEPS)
    query = {"query": _selector(remote), "start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:.3f}"}
    answer = await remote.get("/api/v1/query_range", query)
    reading = _RangeReading(answer, step_s, end_s)
    told = [
        _observation(remote, source, reading, series["metric"], stage, at_s)
        for series in rules.data(remote, answer).get("result") or ()
        for stage, at_s in _turns(series, reading)
        if remote.setting.matches(series["metric"])
    ]
    return sorted(told, key=lambda s: s.mono_ns)


def _selector(remote: RemoteSource) -> str:
    wanted = ",".join(f"{name}={json.dumps(value)}" for name, value in remote.setting.match.items())
    return f"ALERTS{{{wanted}}}"


def _turns(series: Mapping[str, Any], reading: _RangeReading) -> Iterator[tuple[str, float]]:
    """When it was seen first in its state, and, if that is to fire, when it was not any more."""
    state = series["metric"]["alertstate"]
    at = [float(when) for when, _ in series["values"]]
    gap = 1.5 * reading.step_s
    for before, when in zip([float("-inf"), *at], at, strict=False):
        if when - before > gap:
            yield state, when
    for when, after in zip(at, [*at[1:], float("inf")], strict=True):
        if state == "firing" and after - when > gap and when + reading.step_s <= reading.end_s:
            yield "resolved", when + reading.step_s


def _observation(
    remote: RemoteSource, source: str, reading: _RangeReading, metric: Mapping[str, str], stage: str, at_s: float
) -> Seen:
    labels = {name: value for name, value in metric.items() if name not in _OWN}
    mono_ns = remote.at(at_s)
    return remote.seen(source, stage, labels, rules.key(labels), mono_ns, reading.answer, reading.step_s)
