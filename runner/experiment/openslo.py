"""OpenSLO: v1 documents of SLOs, read as they are in the wild, bound to the traffic that we generate ourselves or to a source.

A ratio indicator is the availability of the traffic, a threshold indicator its latency (`value` in seconds). Annotations of
the SLO or SLI say what v1 cannot: `chaos-run/indicator` (which traffic), `chaos-run/unit` (of `value`: s, ms, us),
`chaos-run/threshold` (a ratio that counts fast answers: `300ms`) and `chaos-run/time-slice-window` (shorter than v1's minute:
`5s`). Strict reading refuses what the official validator does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from pydantic import ValidationError

from runner import errors, units
from runner.experiment import findings, metric, model, openslo_alerts, openslo_fields, openslo_sources, source
from runner.experiment.metric import Metric
from runner.experiment.notes import Notes, described
from runner.experiment.openslo_alerts import OfferedGuard
from runner.experiment.openslo_form import (
    UNITS,
    Library,
    OpenSloForm,
    OpenSloObject,
    annotation,
    calendar_window,
    entry,
    mapping,
    slices,
    target,
    window,
)
from runner.experiment.source import Steps

KINDS = ("DataSource", "SLO", "SLI", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "Service")
VERSION = "openslo/v1"
UNREAD = "the document is not read"


@dataclass
class OpenSloContext:
    """Mutable: the experiment that a document is read for, and what the document brings along for it."""

    traffic: Sequence[str]
    sources: Mapping[str, str] = field(default_factory=dict)
    """The experiment's own, by name, and their URLs."""
    counted: Mapping[str, Mapping[str, Any]] | None = None
    """What a run has counted, by indicator: where it is judged once more, nothing can be asked any more."""
    metrics: list[Metric] = field(default_factory=list)
    made: dict[str, model.Source] = field(default_factory=dict)
    """DataSources that something is read from."""
    offers: dict[str, list[OfferedGuard]] = field(default_factory=dict)
    """Guards, by objective."""


def resolve(
    notes: Notes,
    reference: model.OpenSlo,
    where: Steps,
    around: OpenSloContext,
    env: Mapping[str, str] = os.environ,
) -> tuple[list[model.Objective], list[findings.FileFinding]]:
    """The objectives of one referenced document, and the findings in it; what is wrong with the reference goes into `notes`.

    What else the document brings along is added to `around`.
    """
    path = locate(notes.source.path, reference.openslo)
    try:
        forms = [OpenSloForm(Notes(read), reference.strict) for read in source.written(source.read_all(path, env=env))]
    except findings.BrokenExperiment as problem:
        return [], list(problem.found)
    except errors.ChaosRunError as problem:
        notes.error("openslo", (*where, "openslo"), problem.message, hint=problem.hint)
        return [], []
    items = [item for form in forms for item in _items(form)]
    slos = [item for item in items if item.kind == "SLO"]
    if not slos:
        notes.error("openslo", (*where, "openslo"), f"there is no SLO of {VERSION} in {path}")
    library = {(item.kind, item.name): item for item in items}
    found = [o for slo in slos for o in _objectives(slo, library, reference, around)]
    objectives = [o.model_copy(update={"judge": reference.judge}) for o in found]
    return objectives, [f for form in forms for f in form.notes.found]


def locate(experiment: str, reference: str) -> str:
    """A document's path or URL, relative to the experiment that names it."""
    if "://" in experiment or "://" in reference:
        return urljoin(experiment, reference)
    return os.path.normpath(Path(experiment).parent / reference)


def _items(form: OpenSloForm) -> Iterator[OpenSloObject]:
    tree = form.notes.source.tree
    places: list[tuple[Steps, Any]] = (
        [((), tree)] if not isinstance(tree, list) else [((i,), t) for i, t in enumerate(tree)]
    )
    for steps, body in places:
        if not isinstance(body, dict):
            form.deviates(steps, f"an OpenSLO object is a mapping, this is {described(body)}")
            continue
        version, kind = body.get("apiVersion"), str(body.get("kind"))
        known = {k.lower(): k for k in KINDS}
        if version not in (VERSION, "openslo.com/v1"):
            form.deviates((*steps, "apiVersion"), f"apiVersion {version!r} is not {VERSION}", so=UNREAD)
            continue
        if version != VERSION:
            form.deviates((*steps, "apiVersion"), f"the specification writes {VERSION}, not {version}")
        if kind.lower() not in known:
            form.deviates(
                (*steps, "kind"),
                f"the kind '{kind}' is not known",
                findings.nearest(kind, KINDS),
                so=UNREAD,
            )
            continue
        if kind not in KINDS:
            form.deviates((*steps, "kind"), f"the specification writes {known[kind.lower()]}, not {kind}")
        item = OpenSloObject(form, steps, known[kind.lower()], body)
        form.named(item.name, (*steps, "metadata"))
        openslo_fields.check(item)
        yield item


def _objectives(
    slo: OpenSloObject, library: Library, reference: model.OpenSlo, around: OpenSloContext
) -> Iterator[model.Objective]:
    """One objective of ours for each of the SLO's, as far as they can be understood."""
    form, spec, steps = slo.form, mapping(slo.body, "spec"), (*slo.steps, "spec")
    form.slo(spec, steps)
    goals = spec.get("objectives")
    if not isinstance(goals, list) or not goals:
        form.notes.error("openslo", (*steps, "objectives"), f"the SLO '{slo.name}' has no objectives", key=True)
        return
    offered = openslo_alerts.offers(slo, library)
    for index, goal in enumerate(goals):
        at = (*steps, "objectives", index)
        if not isinstance(goal, dict):
            form.notes.error("openslo", at, f"an objective is a mapping, not {described(goal)}")
            continue
        name = slo.name if len(goals) == 1 else f"{slo.name}-{goal.get('displayName') or index + 1}"
        one = _SloObjective(slo, goal, at, _indicator(slo, goal, at, library), name)
        made = _placed(one, library, reference, around)
        if made is not None:
            around.offers[name] = offered
            yield made


@dataclass(frozen=True)
class _SloObjective:
    """One of an SLO's objectives, with its indicator and what it will be called."""

    slo: OpenSloObject
    body: Mapping[str, Any]
    at: Steps
    sli: OpenSloObject
    name: str

    @property
    def form(self) -> OpenSloForm:
        return self.slo.form

    def promise(self, indicator: str, threshold: float | None = None) -> model.Objective | None:
        """What it asks of an indicator; None, and noted, where that cannot be used."""
        share = target(self.form, self.body, self.at)
        cut = slices(self.form, self.slo, self.body, self.at)
        if share is None or cut is OpenSloForm.BROKEN:
            return None
        lasts = window(self.form, mapping(self.slo.body, "spec"), (*self.slo.steps, "spec"))
        if lasts is None:
            return None
        given = {"name": self.name, "indicator": indicator, "target": share, "threshold": threshold, "window": lasts}
        try:
            return model.Objective.model_validate(given | {"slice": cut[0], "slice_target": cut[1]})
        except ValidationError as problem:
            message = problem.errors()[0]["msg"]
            self.form.notes.error("openslo", self.at, f"the SLO '{self.name}' cannot be used: {message}")
            return None


def _placed(
    goal: _SloObjective, library: Library, reference: model.OpenSlo, around: OpenSloContext
) -> model.Objective | None:
    """An objective measured by what the experiment names, else by what its document names, else by our only traffic."""
    bound = reference.indicator or annotation("indicator", goal.sli.body, goal.slo.body)
    if around.counted is not None:
        return _judged_again(goal, reference.source, bound, around)
    if reference.source:
        return _measured(goal, reference.source, around)
    if bound is None:
        one = len(around.traffic) == 1
        named = openslo_sources.chosen(goal.sli, around.sources, library, traffic=one)
        if named is OpenSloForm.BROKEN:
            return None
        if named is not None:
            return _measured(goal, named, around, library.get(("DataSource", named)))
    return _of_traffic(goal, bound, around)


def _judged_again(
    goal: _SloObjective, source: str | None, bound: str | None, around: OpenSloContext
) -> model.Objective | None:
    """An objective on what a run has seen: the very counts that it asks for, where it is not about our traffic."""
    if source or bound is None:
        if (indicator := _as_counted(goal, around.counted or {})) is not None:
            return goal.promise(indicator)
        if source or any(openslo_sources.references(goal.sli)):
            said = f"'{goal.name}' is measured by a source, which was not asked for this in the run"
            hint = f"the run counted: {', '.join(around.counted or ()) or 'nothing'}; for our traffic name it in the annotation"
            goal.form.notes.error("openslo", goal.at, said, hint=f"{hint} chaos-run/indicator")
            return None
    return _of_traffic(goal, bound, around)


def _as_counted(goal: _SloObjective, counted: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The indicator of which a run has the very counts that this one asks for."""
    quiet = OpenSloForm(Notes(goal.form.notes.source), strict=False)
    asked = metric.from_openslo(quiet, goal.sli.body, goal.body, goal.at, goal.name, "")
    return next((name for name, head in counted.items() if asked is not None and asked.asks(head)), None)


def _measured(
    goal: _SloObjective, source: str, around: OpenSloContext, there: OpenSloObject | None = None
) -> model.Objective | None:
    """An objective that is an indicator of its own, measured by a source of ours or by one that its document brings along."""
    spec, origin = mapping(goal.slo.body, "spec"), ""
    if source not in around.sources and there is not None:
        made_source = openslo_sources.to_source(there)
        if made_source is None or not _agreed(goal, made_source, around):
            return None
        origin = f" (the DataSource of {Path(goal.form.notes.source.path).name}, {made_source.prometheus})"
    elif there is not None:
        origin = f" (our own, not the DataSource of {Path(goal.form.notes.source.path).name})"
    found = metric.from_openslo(goal.form, goal.sli.body, goal.body, goal.at, goal.name, source)
    promise = goal.promise(goal.name)
    if found is None or promise is None:
        return None
    aligned = calendar_window(goal.form, spec, (*goal.slo.steps, "spec"))
    around.metrics.append(replace(found, calendar=aligned, origin=origin))
    return promise


def _agreed(goal: _SloObjective, source: model.Source, around: OpenSloContext) -> bool:
    """Keep a DataSource; False, and noted, where another document means something else by its name."""
    before = around.made.setdefault(source.name, source)
    if before.prometheus == source.prometheus:
        return True
    said = f"another document has a DataSource '{source.name}' too, at {before.prometheus}"
    goal.form.notes.error("openslo", goal.at, said, hint=f"say which one it is: a source '{source.name}' in sources:")
    return False


def _of_traffic(goal: _SloObjective, bound: str | None, around: OpenSloContext) -> model.Objective | None:
    bound = bound or (around.traffic[0] if len(around.traffic) == 1 else None)
    if bound not in around.traffic:
        said = f"no traffic '{bound}'" if bound else "nothing that says which traffic measures it"
        hint = "name it beside `openslo:` as `indicator:`, or in the annotation chaos-run/indicator"
        goal.form.notes.error("openslo", goal.at, f"for the SLO '{goal.name}' there is {said}", hint=hint)
        return None
    threshold = _threshold(goal.form, goal.body, goal.at, goal.sli.body, goal.slo)
    return None if threshold is OpenSloForm.BROKEN else goal.promise(str(bound), threshold)


def _indicator(slo: OpenSloObject, goal: Mapping[str, Any], at: Steps, library: Library) -> OpenSloObject:
    """The SLI of an objective: inline or referenced, at the SLO or, for a composite, at the objective."""
    for owner, steps in ((goal, at), (mapping(slo.body, "spec"), (*slo.steps, "spec"))):
        if isinstance(owner.get("indicator"), dict):
            return OpenSloObject(slo.form, (*steps, "indicator"), "SLI", mapping(owner, "indicator"))
        if (ref := owner.get("indicatorRef")) is not None:
            if (found := library.get(("SLI", str(ref)))) is not None:
                return found
            hint = findings.nearest(str(ref), [name for kind, name in library if kind == "SLI"], what="SLIs")
            slo.form.notes.warning(
                "openslo",
                (*steps, "indicatorRef"),
                f"there is no SLI '{ref}' in this file: it is taken for a plain one",
                hint=hint,
            )
            return OpenSloObject(slo.form, steps, "SLI", {})
    slo.form.deviates((*slo.steps, "spec"), f"the SLO '{slo.name}' has neither indicator nor indicatorRef")
    return OpenSloObject(slo.form, at, "SLI", {})


def _threshold(
    form: OpenSloForm, goal: Mapping[str, Any], at: Steps, sli: Mapping[str, Any], slo: OpenSloObject
) -> Any:
    """Seconds for a latency objective, None for availability, `form.BROKEN` for what our traffic cannot measure."""
    spec = mapping(sli, "spec")
    if text := annotation("threshold", sli, slo.body):
        return entry(form, at, lambda: units.parse_duration(text))
    ratio = any(key in spec for key in ("ratioMetric", "ratioMetrics"))
    if ratio or ("thresholdMetric" not in spec and "value" not in goal):
        for key in ("op", "value"):
            if key in goal and ratio:
                form.deviates(
                    (*at, key),
                    f"'{key}' belongs to a thresholdMetric, the SLO '{slo.name}' has a ratio",
                    so="it is ignored",
                )
        return None
    if goal.get("op", "lte") not in ("lte", "lt"):
        form.notes.error("openslo", (*at, "op"), f"latency is good when it is lte or lt a value, not {goal.get('op')}")
        return form.BROKEN
    unit = annotation("unit", sli, slo.body) or "s"
    if unit not in UNITS or isinstance(goal.get("value"), bool) or "value" not in goal:
        form.notes.error("openslo", (*at, "value"), f"a latency needs a value in {', '.join(UNITS)}")
        return form.BROKEN
    return entry(form, (*at, "value"), lambda: float(goal["value"]) * UNITS[unit])
