"""Fields that OpenSLO v1 knows, level by level: what a document writes beside them nobody heeds.

From https://github.com/OpenSLO/OpenSLO, "Specification". What a metric source asks is its vendor's own and not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.experiment import findings
from runner.experiment.openslo_form import OpenSloForm, OpenSloObject
from runner.experiment.source import Steps


@dataclass(frozen=True)
class Level:
    """What a mapping is called in a sentence, the fields it may have, and the levels below some of them."""

    what: str
    names: tuple[str, ...]
    inner: Mapping[str, Level] = field(default_factory=dict)


_METRIC = Level(
    "a metric", ("metricSource",), {"metricSource": Level("a metricSource", ("metricSourceRef", "type", "spec"))}
)
_RATIO = Level(
    "a ratioMetric",
    ("counter", "good", "bad", "total", "rawType", "raw"),
    dict.fromkeys(("good", "bad", "total", "raw"), _METRIC),
)
_SLI = Level(
    "an SLI",
    ("description", "thresholdMetric", "ratioMetric", "ratioMetrics"),  # the last one as v1alpha called it
    {"thresholdMetric": _METRIC, "ratioMetric": _RATIO},
)
_OBJECT = ("apiVersion", "kind", "metadata", "spec")
_INDICATOR = Level("an indicator", _OBJECT, {"spec": _SLI})
_OBJECTIVE = Level(
    "an objective",
    (
        *("displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow"),
        *("indicator", "indicatorRef", "compositeWeight", "metadata"),
    ),
    {"indicator": _INDICATOR},
)
_WINDOW = Level(
    "a timeWindow",
    ("duration", "isRolling", "calendar"),
    {"calendar": Level("a calendar", ("startTime", "timeZone"))},
)
_SLO = Level(
    "an SLO",
    (
        *("description", "service", "indicator", "indicatorRef", "budgetingMethod", "timeWindow", "objectives"),
        "alertPolicies",
    ),
    {"indicator": _INDICATOR, "objectives": _OBJECTIVE, "timeWindow": _WINDOW},
)
_KINDS = {"SLO": Level("an object", _OBJECT, {"spec": _SLO}), "SLI": Level("an object", _OBJECT, {"spec": _SLI})}


def check(item: OpenSloObject) -> None:
    """Every unknown field of an SLO or SLI, at its place, with the fields of the same level as a hint."""
    if (level := _KINDS.get(item.kind)) is not None:
        _look(item.form, level, item.body, item.steps)


def _look(form: OpenSloForm, level: Level, found: Any, steps: Steps) -> None:
    if isinstance(found, list):
        for index, one in enumerate(found):
            _look(form, level, one, (*steps, index))
    elif isinstance(found, dict):
        for name, value in found.items():
            if name in level.inner:
                _look(form, level.inner[name], value, (*steps, name))
            elif name not in level.names:
                hint = findings.nearest(str(name), level.names, what="fields")
                said = f"v1 knows no field '{name}' of {level.what}"
                form.deviates((*steps, name), said, hint, so="it is ignored", key=True)
