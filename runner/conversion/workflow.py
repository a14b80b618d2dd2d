"""Workflow: the templates of a Chaos Mesh Workflow laid out on one line of time, which a method then follows with its pauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from runner.conversion import probes
from runner.conversion.draft import Activity, duration_s
from runner.conversion.fields import Field

Inject = Callable[[Field, str, str, str, str], Activity]
"""Of the spec, the kind, a name, the namespace and the duration."""
ONE_SHOT = ("pod-kill", "container-kill")
"""Actions that are over at once."""
NO_TASK = "a container that a workflow starts is no fault; write a probe or an action of its own for it"
NO_END = "nothing that it holds lasts so long"


@dataclass(frozen=True)
class Step:
    """One fault, from `at_s` on for `lasts_s`."""

    at_s: float
    lasts_s: float
    template: Field
    make: Callable[[str, float], Activity]
    """Of the namespace and the seconds that it lasts."""


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What a workflow does, and the checks that go with it."""

    steps: tuple[Step, ...]
    end_s: float
    probes: tuple[Activity, ...] = ()
    block: dict[str, Any] = field(default_factory=dict)
    url: str = ""


def method(timeline: Timeline, ns: str) -> tuple[Activity, ...]:
    """The faults in order, with pauses that put each at its time."""
    steps = sorted(timeline.steps, key=lambda step: step.at_s)
    ends = [*(b.at_s - a.at_s for a, b in pairwise(steps)), timeline.end_s - steps[-1].at_s]
    found = [_paused(step.make(ns, step.lasts_s), after=gap) for step, gap in zip(steps, ends, strict=True)]
    if steps[0].at_s:
        found[0] = {**found[0], "pauses": {"before": _seconds(steps[0].at_s), **found[0].get("pauses", {})}}
    return tuple(found)


def read(spec: Field, inject: Inject) -> Timeline:
    """The line of time of a workflow. Raises BrokenExperiment where there is nothing on it."""
    found = _Reader(spec, inject)
    steps, end_s = found.template(spec["entry"], 0.0, ())
    for one in found.templates.values():
        if str(one["name"].value) not in found.seen:
            one.lose("the entry does not lead to it")
    if not steps:
        spec["entry"].refuse("nothing in this workflow is a fault that can be converted", NO_TASK)
    return Timeline(steps=steps, end_s=end_s, probes=tuple(found.probes), block=found.block, url=found.url)


class _Reader:
    """Mutable: collects the checks while it goes through the templates."""

    def __init__(self, spec: Field, inject: Inject) -> None:
        self.inject = inject
        self.templates = {str(one["name"].value): one for one in spec["templates"].items()}
        self.seen: set[str] = set()
        self.probes: list[Activity] = []
        self.block: dict[str, Any] = {}
        self.url = ""

    def template(self, named: Field, at_s: float, above: tuple[str, ...]) -> tuple[tuple[Step, ...], float]:
        """The steps of a template by its name, and when it is over."""
        name = named.text()
        one = self.templates.get(name)
        if one is None:
            named.refuse(f"there is no template {name!r}", f"there are: {', '.join(self.templates)}")
        if name in above:
            named.refuse(f"the template {name!r} leads to itself")
        self.seen.add(name)
        one["name"].take()
        kind = one["templateType"].text()
        if not kind:
            old = "template_type" in (one.value or {})
            hint = (
                "template_type is of the first Workflows: templateType, deadline and children are their names now"
                if old
                else None
            )
            one["templateType"].refuse(f"the template {name!r} has no templateType", hint)
        one["abortWithStatusCheck"].lose(
            "a check that fails fails the run, and ends it only by a guard: see abort in docs/block.md"
        )
        steps, end_s = self._of_kind(kind, one, at_s, (*above, name))
        return _until(one["deadline"], steps, at_s, end_s) if kind in ("Serial", "Parallel") else (steps, end_s)

    def _of_kind(self, kind: str, one: Field, at_s: float, above: tuple[str, ...]) -> tuple[tuple[Step, ...], float]:
        if kind == "Serial":
            return self._serial(one["children"].items(), at_s, above)
        if kind == "Parallel":
            parts = [self.template(child, at_s, above) for child in one["children"].items()]
            return tuple(s for steps, _ in parts for s in steps), max((end for _, end in parts), default=at_s)
        if kind == "Suspend":
            return (), at_s + (_deadline(one) or 0.0)
        if kind == "StatusCheck":
            return (), at_s + self._check(one)
        if kind == "Task":
            one["task"].lose(NO_TASK)
            one["conditionalBranches"].lose(
                "an experiment has no branches: convert each of them as an experiment of its own"
            )
            return (), at_s
        return self._fault(kind, one, at_s)

    def _serial(self, children: list[Field], at_s: float, above: tuple[str, ...]) -> tuple[tuple[Step, ...], float]:
        steps: tuple[Step, ...] = ()
        for child in children:
            more, at_s = self.template(child, at_s, above)
            steps += more
        return steps, at_s

    def _fault(self, kind: str, one: Field, at_s: float) -> tuple[tuple[Step, ...], float]:
        spec = one[branch(kind, one)]
        if kind == "Schedule":
            for key in ("schedule", "concurrencyPolicy", "historyLimit", "startingDeadlineSeconds"):
                spec[key].lose("the fault is made once, at the beginning of its time, and not again and again")
            kind = spec["type"].text()
            spec = spec[branch(kind, spec)]
        lasts_s = _deadline(one)
        if lasts_s is None and kind == "PodChaos" and spec["action"].value in ONE_SHOT:
            lasts_s = 0.0
        elif lasts_s is None:
            lasts_s = duration_s(spec["duration"].text() or "60s") or 60.0
            if not spec["duration"]:
                one["deadline"].assume("60s", "without it the fault has no end; 60s is put in its place: change it")
        elif spec["duration"]:
            spec["duration"].lose("the deadline of its template is what ends it here")
        name = str(one["name"].value)
        return (
            Step(at_s, lasts_s, one, lambda ns, s: self.inject(spec, kind, name, ns, f"{_seconds(s)}s")),
        ), at_s + lasts_s

    def _check(self, one: Field) -> float:
        """A check becomes a probe of the hypothesis; the seconds that the workflow gives it."""
        spec = one["statusCheck"]
        found = check(spec, str(one["name"].value))
        if found is None:
            return 0.0
        self.probes.append(found)
        self.url = self.url or found["provider"]["url"]
        self._frequency(spec["intervalSeconds"])
        one["templateType"].change(
            "it is asked before, during and after the method, and nothing waits for it at its place"
        )
        spec["mode"].change("the hypothesis is asked before, during and after the method, whatever the mode")
        limit = duration_s(str(one["deadline"].value or "")) or 0.0
        one["deadline"].change("the hypothesis is asked as long as the method lasts")
        return limit if spec["mode"].value == "Continuous" else 0.0

    def _frequency(self, interval: Field) -> None:
        """The first check that says how often it is asked says it for all of them."""
        if self.block:
            interval.lose("all checks of a hypothesis are asked equally often, as the first one says")
        else:
            seconds = interval.number_or(10, "Chaos Mesh's own default")
            self.block = {"hypothesis": {"frequency": f"{_seconds(seconds)}s"}}


def check(spec: Field, name: str) -> Activity | None:
    """A StatusCheck as a probe; None, and lost, where it says no status to wait for."""
    http = spec["http"]
    wanted = probes.statuses(http["criteria"]["statusCode"].text())
    if spec["type"].text() not in ("", "HTTP") or wanted is None or not http["url"]:
        spec.lose("only a check of an HTTP status can be converted")
        return None
    headers = {
        str(h.key): ", ".join(map(str, h.take() if isinstance(h.value, list) else [h.take()]))
        for h in http["headers"].fields()
    }
    timeout_s = spec["timeoutSeconds"].number_or(1, "Chaos Mesh's own default")
    provider = probes.http(
        probes.asked_url(http["url"]), timeout_s=timeout_s, method=http["method"].text() or "GET", headers=headers
    )
    if text := http["body"].text():
        provider = probes.body(provider, text)
    for key in ("failureThreshold", "successThreshold"):
        spec[key].lose("one answer that is wrong counts: several in a row are what a guard tells apart")
    for key in ("duration", "recordsHistoryLimit"):
        spec[key].lose("the hypothesis is asked as long as the run lasts, and every answer is kept")
    return probes.probe(name, provider, wanted)


def _until(deadline: Field, steps: tuple[Step, ...], at_s: float, end_s: float) -> tuple[tuple[Step, ...], float]:
    """What is left of the steps at a deadline over all of them."""
    limit = duration_s(deadline.text()) if deadline else None
    if limit is None or at_s + limit >= end_s:
        deadline.lose(NO_END)
        return steps, end_s
    cut = at_s + limit
    deadline.change("it ends what it holds early: shorter durations, and faults that would begin later are not there")
    begun = {step.template.steps for step in steps if step.at_s < cut}
    for step in steps:
        if step.at_s >= cut and step.template.steps not in begun:
            step.template.lose(f"{deadline.path} is over before it begins")
        elif step.at_s < cut < step.at_s + step.lasts_s:
            step.template["deadline"].change(f"{deadline.path} ends it earlier")
    return tuple(replace(s, lasts_s=min(s.lasts_s, cut - s.at_s)) for s in steps if s.at_s < cut), cut


def _deadline(one: Field) -> float | None:
    text = one["deadline"].text()
    found = duration_s(text) if text else None
    if text and found is None:
        one["deadline"].refuse(f"{text!r} is not a duration", "write for example 30s or 1m30s")
    return found


def branch(kind: str, holder: Field) -> str:
    """The key that holds a kind's spec: `podChaos`, `ioChaos`; by its letters, whatever their case."""
    return next((str(field.key) for field in holder.fields() if str(field.key).lower() == kind.lower()), kind)


def _paused(one: Activity, after: float) -> Activity:
    found = {key: value for key, value in one.items() if key != "pauses"}
    return found | ({"pauses": {"after": _seconds(after)}} if after > 0 else {})


def _seconds(value: float) -> float:
    return int(value) if float(value).is_integer() else round(value, 3)
