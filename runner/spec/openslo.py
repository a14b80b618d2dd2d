"""OpenSLO: v1 documents of SLOs, read as they are in the wild, bound to the traffic that we generate ourselves or to a source.

A ratio indicator is the availability of the traffic, a threshold indicator its latency (`value` in seconds). Annotations of
the SLO or SLI say what v1 cannot: `chaos-run/indicator` (which traffic), `chaos-run/unit` (of `value`: s, ms, us) and
`chaos-run/threshold` (a ratio that counts fast answers: `300ms`). Strict reading refuses what the official validator does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from pydantic import ValidationError

from runner import errors, units
from runner.spec import findings, metric, model, source
from runner.spec.metric import Metric
from runner.spec.notes import Notes, described
from runner.spec.openslo_form import UNITS, Form, annotation, entry, mapping, target, window
from runner.spec.source import Steps

KINDS = ("DataSource", "SLO", "SLI", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "Service")
VERSION = "openslo/v1"


@dataclass(frozen=True)
class _Item:
    """One OpenSLO object: its notes, where it stands in its document, and its kind."""

    form: Form
    steps: Steps
    kind: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(mapping(self.body, "metadata").get("name") or "")


def resolve(
    notes: Notes,
    reference: model.OpenSlo,
    where: Steps,
    traffic: Sequence[str],
    metrics: list[Metric],
    env: Mapping[str, str] = os.environ,
) -> tuple[list[model.Objective], list[findings.Finding]]:
    """The objectives of one referenced document, and the findings in it; what is wrong with the reference goes into `notes`.

    Indicators that a source measures are added to `metrics`.
    """
    path = locate(notes.source.path, reference.openslo)
    try:
        forms = [Form(Notes(read), reference.strict) for read in source.read_all(path, env=env)]
    except findings.Broken as problem:
        return [], list(problem.found)
    except errors.ChaosRunError as problem:
        notes.error("openslo", (*where, "openslo"), problem.message, hint=problem.hint)
        return [], []
    items = [item for form in forms for item in _items(form)]
    slos = [item for item in items if item.kind == "SLO"]
    if not slos:
        notes.error("openslo", (*where, "openslo"), f"there is no SLO of {VERSION} in {path}")
    indicators = {item.name: item for item in items if item.kind == "SLI"}
    objectives = [o for slo in slos for o in _objectives(slo, indicators, reference, traffic, metrics)]
    return objectives, [f for form in forms for f in form.notes.found]


def locate(experiment: str, reference: str) -> str:
    """A document's path or URL, relative to the experiment that names it."""
    if "://" in experiment or "://" in reference:
        return urljoin(experiment, reference)
    return os.path.normpath(Path(experiment).parent / reference)


def _items(form: Form) -> Iterator[_Item]:
    tree = form.notes.source.tree
    places: list[tuple[Steps, Any]] = (
        [((), tree)] if not isinstance(tree, list) else [((i,), t) for i, t in enumerate(tree)]
    )
    if isinstance(tree, list):
        form.deviates((), "a list of documents: v1 wants each as a document of its own, after `---`")
    for steps, body in places:
        if not isinstance(body, dict):
            form.deviates(steps, f"an OpenSLO object is a mapping, this is {described(body)}")
            continue
        version, kind = body.get("apiVersion"), str(body.get("kind"))
        known = {k.lower(): k for k in KINDS}
        if version not in (VERSION, "openslo.com/v1"):
            form.deviates((*steps, "apiVersion"), f"apiVersion {version!r} is not {VERSION}: the document is not read")
            continue
        if version != VERSION:
            form.deviates((*steps, "apiVersion"), f"the specification writes {VERSION}, not {version}")
        if kind.lower() not in known:
            form.deviates(
                (*steps, "kind"),
                f"the kind '{kind}' is not known: the document is not read",
                findings.nearest(kind, KINDS),
            )
            continue
        if kind not in KINDS:
            form.deviates((*steps, "kind"), f"the specification writes {known[kind.lower()]}, not {kind}")
        item = _Item(form, steps, known[kind.lower()], body)
        form.named(item.name, (*steps, "metadata"))
        yield item


def _objectives(
    slo: _Item,
    indicators: Mapping[str, _Item],
    reference: model.OpenSlo,
    traffic: Sequence[str],
    metrics: list[Metric],
) -> Iterator[model.Objective]:
    """One objective of ours for each of the SLO's, as far as they can be understood."""
    form, spec, steps = slo.form, mapping(slo.body, "spec"), (*slo.steps, "spec")
    form.slo(spec, steps)
    goals = spec.get("objectives")
    if not isinstance(goals, list) or not goals:
        form.notes.error("openslo", (*steps, "objectives"), f"the SLO '{slo.name}' has no objectives", key=True)
        return
    for index, goal in enumerate(goals):
        at = (*steps, "objectives", index)
        if not isinstance(goal, dict):
            form.notes.error("openslo", at, f"an objective is a mapping, not {described(goal)}")
            continue
        name = slo.name if len(goals) == 1 else f"{slo.name}-{goal.get('displayName') or index + 1}"
        if reference.source:
            made = _measured(slo, goal, at, _indicator(slo, goal, at, indicators), reference.source, name, metrics)
        else:
            made = _objective(slo, goal, at, indicators, reference, traffic, name)
        if made is not None:
            yield made


def _measured(
    slo: _Item,
    goal: Mapping[str, Any],
    at: Steps,
    sli: Mapping[str, Any],
    source: str,
    name: str,
    metrics: list[Metric],
) -> model.Objective | None:
    """An objective that is an indicator of its own, measured by a source."""
    made, share = metric.made(slo.form, sli, goal, at, name, source), target(slo.form, goal, at)
    if made is None or share is None:
        return None
    metrics.append(made)
    lasts = window(slo.form, mapping(slo.body, "spec"), (*slo.steps, "spec"))
    return model.Objective(name=name, indicator=name, target=share, window=lasts)


def _objective(
    slo: _Item,
    goal: Mapping[str, Any],
    at: Steps,
    indicators: Mapping[str, _Item],
    reference: model.OpenSlo,
    traffic: Sequence[str],
    name: str,
) -> model.Objective | None:
    form, spec = slo.form, mapping(slo.body, "spec")
    sli = _indicator(slo, goal, at, indicators)
    bound = reference.indicator or annotation("indicator", sli, slo.body) or (traffic[0] if len(traffic) == 1 else None)
    if bound not in traffic:
        said = f"no traffic '{bound}'" if bound else "nothing that says which traffic measures it"
        hint = "name it beside `openslo:` as `indicator:`, or in the annotation chaos-run/indicator"
        form.notes.error("openslo", at, f"for the SLO '{name}' there is {said}", hint=hint)
        return None
    share = target(form, goal, at)
    threshold = _threshold(form, goal, at, sli, slo)
    if share is None or threshold is form.BROKEN:
        return None
    try:
        return model.Objective(
            name=name,
            indicator=bound,
            target=share,
            threshold=threshold,
            window=window(form, spec, (*slo.steps, "spec")),
        )
    except ValidationError as problem:
        form.notes.error("openslo", at, f"the SLO '{name}' cannot be used: {problem.errors()[0]['msg']}")
        return None


def _indicator(slo: _Item, goal: Mapping[str, Any], at: Steps, indicators: Mapping[str, _Item]) -> Mapping[str, Any]:
    """The SLI of an objective: inline or referenced, at the SLO or, for a composite, at the objective."""
    for owner, steps in ((goal, at), (mapping(slo.body, "spec"), (*slo.steps, "spec"))):
        if isinstance(owner.get("indicator"), dict):
            return mapping(owner, "indicator")
        if (ref := owner.get("indicatorRef")) is not None:
            if ref in indicators:
                return indicators[ref].body
            hint = findings.nearest(str(ref), indicators, what="SLIs")
            slo.form.notes.warning(
                "openslo",
                (*steps, "indicatorRef"),
                f"there is no SLI '{ref}' in this file: it is taken for a plain one",
                hint=hint,
            )
            return {}
    slo.form.deviates((*slo.steps, "spec"), f"the SLO '{slo.name}' has neither indicator nor indicatorRef")
    return {}


def _threshold(form: Form, goal: Mapping[str, Any], at: Steps, sli: Mapping[str, Any], slo: _Item) -> Any:
    """Seconds for a latency objective, None for availability, `form.BROKEN` for what our traffic cannot measure."""
    spec = mapping(sli, "spec")
    if text := annotation("threshold", sli, slo.body):
        return entry(form, at, lambda: units.parse_duration(text))
    ratio = any(key in spec for key in ("ratioMetric", "ratioMetrics"))
    if ratio or ("thresholdMetric" not in spec and "value" not in goal):
        for key in ("op", "value"):
            if key in goal and ratio:
                form.deviates(
                    (*at, key), f"'{key}' belongs to a thresholdMetric, the SLO '{slo.name}' has a ratio: it is ignored"
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
