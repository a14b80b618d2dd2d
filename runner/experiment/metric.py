"""Metric: an indicator that is read from the team's own monitoring, as an OpenSLO document describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from runner.experiment import promql
from runner.experiment.notes import described
from runner.experiment.openslo_form import OpenSloForm, mapping
from runner.experiment.source import Steps

if TYPE_CHECKING:
    from runner.experiment.calendar_window import CalendarWindow

_OPS = ("lt", "lte", "gt", "gte")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What to ask a source for, and how its answer becomes good and bad events."""

    name: str
    source: str
    form: Literal["good", "bad", "success", "failure", "threshold"]
    """`query` counts the good or the bad of `total`, is itself a ratio of successes or failures, or a value to compare."""
    query: str
    total: str = ""
    op: str = "lte"
    """Threshold: a reading is good when it is lt, lte, gt or gte `value`."""
    value: float = 0.0
    calendar: CalendarWindow | None = None
    """Its SLO's window, where that begins at fixed moments."""
    origin: str = ""
    """Which source that is, where it might be another of the same name."""

    @property
    def head(self) -> dict[str, Any]:
        """What was asked, as it is kept beside the counts."""
        asked = {"form": self.form, "query": self.query, "total": self.total}
        return asked | ({"op": self.op, "value": self.value} if self.form == "threshold" else {})

    def asks(self, head: Mapping[str, Any]) -> bool:
        """Whether that is what was asked for; an older record does not say everything."""
        return all(head.get(key, value) == value for key, value in self.head.items())

    @property
    def how(self) -> str:
        """How its events come about, for plan and report: what was not counted but extrapolated is marked so."""
        if self.form == "threshold":
            return f"each reading is one event, good when {self.op} {self.value:g}"
        if self.form in ("success", "failure"):
            return f"each reading is one event, as bad as its ratio says ({self.form})"
        if function := promql.rated(self.query) or promql.rated(self.total):
            return f"taken as the source computes it: {function}() extrapolates and smooths, the counts are estimates"
        if promql.selector(self.query) and promql.selector(self.total):
            return "counters, differenced here reading by reading"
        return "expressions of counters, differenced here: a reset of one series inside is not seen as such"


def from_openslo(
    form: OpenSloForm, sli: Mapping[str, Any], goal: Mapping[str, Any], at: Steps, name: str, source: str
) -> Metric | None:
    """The metric of one objective; None, and noted, where the document does not say what to ask."""
    spec = mapping(sli, "spec")
    ratio, threshold = mapping(spec, "ratioMetric"), mapping(spec, "thresholdMetric")
    if threshold:
        return _threshold(form, threshold, goal, at, name, source)
    kinds = [kind for kind in ("good", "bad") if kind in ratio]
    if "raw" in ratio:
        kind = str(ratio.get("rawType", "success"))
        query = _query(form, ratio, "raw", at, name)
        if kind not in ("success", "failure"):
            form.notes.error("openslo", at, f"the rawType of '{name}' is success or failure, not {kind}")
            return None
        return query and Metric(name=name, source=source, form=kind, query=query)  # type: ignore[return-value,arg-type]
    if len(kinds) != 1 or "total" not in ratio:
        hint = "ratioMetric: {counter: true, bad: {metricSource: …}, total: {metricSource: …}}"
        form.notes.error("openslo", at, f"the SLI of '{name}' needs good or bad, and total, or raw", hint=hint)
        return None
    query, total = (_query(form, ratio, key, at, name) for key in (kinds[0], "total"))
    if query is None or total is None:
        return None
    return Metric(name=name, source=source, form=kinds[0], query=query, total=total)  # type: ignore[arg-type]


def _threshold(
    form: OpenSloForm, threshold: Mapping[str, Any], goal: Mapping[str, Any], at: Steps, name: str, source: str
) -> Metric | None:
    query, op, value = _query(form, {"it": threshold}, "it", at, name), goal.get("op"), goal.get("value")
    if op not in _OPS:
        form.notes.error("openslo", (*at, "op"), f"op is one of {', '.join(_OPS)}, not {described(op)}")
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        form.notes.error("openslo", (*at, "value"), f"a threshold needs a number as its value, not {described(value)}")
        return None
    return query and Metric(name=name, source=source, form="threshold", query=query, op=op, value=float(value))  # type: ignore[return-value]


def _query(form: OpenSloForm, owner: Mapping[str, Any], key: str, at: Steps, name: str) -> str | None:
    """The PromQL of one part of an indicator, whatever its vendor calls it."""
    source = mapping(mapping(owner, key), "metricSource")
    spec = mapping(source, "spec")
    found: str | None = next((spec[k] for k in ("query", "promql", "expr") if isinstance(spec.get(k), str)), None)
    kind = str(source.get("type") or "prometheus")
    if kind.lower() != "prometheus":
        form.notes.error("openslo", at, f"'{name}' comes from {kind}: only Prometheus can be asked here")
    elif found is None or not found.strip():
        hint = "metricSource: {type: Prometheus, spec: {query: …}}"
        form.notes.error("openslo", at, f"'{name}' has no query in its metricSource ({key})", hint=hint)
    elif "{{" in found:
        form.notes.error(
            "openslo", at, f"the query of '{name}' has a placeholder that is not filled in: {found.strip()}"
        )
    else:
        return found
    return None
