"""Plan: what exactly will happen, as a value that can be printed, compared and hashed; drawn before the first change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from runner import units
from runner.experiment import dosing, variables
from runner.experiment.detecting import Detection
from runner.experiment.experiment import Experiment
from runner.experiment.model import Block, WaitFor
from runner.faults.driver import FaultTarget
from runner.plan import judgeable, translate
from runner.slo.objective import Objective
from runner.timeline.event import DRILL_ALERT

if TYPE_CHECKING:  # half a record, and only reruns have any
    from runner.timeline.conditions import Change

_NO_PART = ("standing", "repeats", "differs")
"""Of the hash: what changes by itself, and what is about another run."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One action of the method and everything known about it beforehand."""

    action: str
    targets: tuple[str, ...]
    note: str
    owner: str
    undo: tuple[str, ...]
    pinned: bool
    """A person has named its targets: it is called with arguments that name them."""
    known: bool
    """Whether its targets could be resolved; else what it hits is only known from its own report."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The whole run, before it happens."""

    title: str
    digest: str
    context: str
    environment: str
    steps: tuple[Step, ...]
    rollbacks: tuple[str, ...]
    locks: tuple[str, ...]
    baseline_s: float
    method_s: float
    """Its pauses and timeouts added up, as far as the file states them: a lower estimate."""
    recovery_s: float
    traffic: tuple[str, ...]
    objectives: tuple[str, ...]
    guards: tuple[str, ...]
    watchers: tuple[str, ...]
    """Which of the team's systems say who noticed, and when."""
    silences: tuple[str, ...]
    doses: tuple[str, ...]
    """How strong the fault is set, from where one begins and how far this file goes."""
    warnings: tuple[str, ...]
    refusals: tuple[str, ...]
    offered: tuple[str, ...] = ()
    """Guards that the OpenSLO documents bring along and the file does not ask for."""
    waits: tuple[str, ...] = ()
    """What the method waits for between its activities."""
    expected: tuple[str, ...] = ()
    """What the run must show besides its objectives."""
    left: tuple[str, ...] = ()
    """What will not be put back because the file says so."""
    hypothesis: str = ""
    """When the file's hypothesis is asked."""
    dry: str = ""
    """What is not executed."""
    repeats: str = ""
    """The run on record that this one would repeat."""
    differs: tuple[Change, ...] = ()
    """What is not as it was then."""
    standing: tuple[str, ...] = ()
    """How the objectives that sources measure stand right now; no part of the hash, for it changes by itself."""

    @property
    def hash(self) -> str:
        """Changes whenever what would happen changes: file, targets, undo path, guards."""
        plain = json.dumps(asdict(self) | dict.fromkeys(_NO_PART), sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()[:16]

    @property
    def vacuous(self) -> tuple[str, ...]:
        """Known actions that would hit nothing."""
        return tuple(s.action for s in self.steps if s.known and not s.targets)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"hash": self.hash}


def draw(
    experiment: Experiment,
    *,
    context: str,
    environment: str,
    actions: Sequence[FaultTarget],
    locks: Sequence[str],
    standing: Sequence[str] = (),
    notes: Sequence[str] = (),
    left: Sequence[str] = (),
) -> Plan:
    """From the experiment and the resolved targets of its actions to the plan; `notes` are warnings about where it takes place."""
    block = experiment.block
    method_s = method_seconds(experiment)
    judged_s = method_s + block.windows.stable
    opinions = judgeable.objectives(_ours(experiment), block, judged_s)
    return Plan(
        title=experiment.title,
        digest=experiment.digest,
        context=context,
        environment=environment,
        steps=tuple(map(_step, actions)),
        rollbacks=tuple(str(r.get("name") or r.get("ref")) for r in experiment.rollbacks),
        locks=tuple(locks),
        baseline_s=block.windows.baseline,
        method_s=method_s,
        recovery_s=block.windows.recovery,
        traffic=tuple(
            f"{t.name}: {t.rate:g}/s to {t.url}, timeout {units.format_duration(t.timeout)}" for t in block.traffic
        ),
        objectives=(*(o.sentence for o in opinions), *_measured(experiment)),
        guards=tuple(guard.sentence for guard in translate.guards(experiment)),
        watchers=tuple(_watcher(d) for d in block.detection if d.kind is not None),
        silences=tuple(_silences(experiment)),
        doses=tuple(dosing.sentence(dose, experiment.configuration) for dose in block.dose),
        warnings=(*notes, *experiment.warnings, *(o.warning for o in opinions if o.warning)),
        refusals=tuple(judgeable.short_windows(experiment)),
        offered=tuple(_offered(experiment)),
        waits=tuple(map(_wait, block.wait_for)),
        expected=tuple(_expected(block)),
        left=tuple(left),
        hypothesis=_asked(experiment),
        dry=experiment.runtime.dry,
        standing=tuple(standing),
    )


def _asked(experiment: Experiment) -> str:
    """When the hypothesis is asked, in words."""
    if not experiment.has_hypothesis:
        return ""
    when = {
        "default": "before and after the method",
        "before-method-only": "before the method only",
        "after-method-only": "after the method only",
        "during-method-only": "during the method only",
        "continuously": "before, during and after the method",
    }
    asked = when.get(experiment.runtime.hypothesis, "") if experiment.asks else ""
    return f"the hypothesis, {asked}" if asked else "nothing: the hypothesis is not asked"


def _wait(wait: WaitFor) -> str:
    within, every = units.format_duration(wait.within), units.format_duration(wait.every)
    return f"after {wait.after!r} until {wait.probe!r} holds, {within} at most, looking every {every}; else the method ends there"


def _watcher(detection: Detection) -> str:
    only = ", ".join(f"{name}={value!r}" for name, value in detection.match.items())
    return f"{detection.kind} {detection.where}" + (f", alerts with {only}" if only else "")


def _silences(experiment: Experiment) -> list[str]:
    most = units.format_duration(translate.silent_s(experiment))
    ends = f"until the undo is done; they expire by themselves {most} after the baseline at the latest"
    found = [f"{s.said} at {s.alertmanager}" for s in experiment.block.silence]
    raised = [f"an alert {DRILL_ALERT} is raised at {a.alertmanager}" for a in experiment.block.announce]
    return [*found, *raised, ends] if found or raised else []


def _ours(experiment: Experiment) -> list[Objective]:
    """The objectives that our own traffic and the checks of the file measure."""
    others = {m.name for m in experiment.metrics}
    return [o for o in translate.objectives(experiment) if o.indicator not in others]


def _measured(experiment: Experiment) -> list[str]:
    """The objectives that sources measure, and how."""
    if not experiment.metrics:
        return []
    from runner.slo import counts  # dear, and for nobody else

    promised = {o.indicator: o for o in translate.objectives(experiment)}
    return [
        f"{promised[m.name].name} ({counts.of_events(promised[m.name].promise)}), from {m.source}{m.origin}: {m.how}"
        for m in experiment.metrics
    ]


def _offered(experiment: Experiment) -> Iterator[str]:
    """Each guard that can be had, and what to write for it."""
    asked = {rule.alert_policies for rule in experiment.block.abort}
    for objective, offers in experiment.offered.items():
        for offer in offers:
            note = f" ({offer.note})" if offer.note else ""
            if objective not in asked:
                said = translate.offered(objective, offer).sentence
                yield f"{said}, by its alert policy {offer.policy}{note}: abort: [{{alert_policies: {objective}}}]"


def _expected(block: Block) -> Iterator[str]:
    """The file's `expect:` as people say it."""
    expect = block.expect
    for within, what in (
        (expect.detected_within, "detected within {} of the impact"),
        (expect.notified_within, "a notification within {} of the impact"),
        (expect.recovered_within, "recovered within {}"),
        (expect.resolved_within, "the alert is resolved within {} of the undo"),
    ):
        if within is not None:
            yield what.format(units.format_duration(within))
    if expect.alert:
        yield f"the alert {expect.alert} fires first"
    if expect.labels:
        yield f"it carries {', '.join(f'{k}={v}' for k, v in expect.labels.items())}"
    if expect.drill:
        drill = ", ".join(f"{k}={v}" for k, v in expect.drill.items())
        yield f"the alert would fire without the labels of a drill ({drill}) too"
    if expect.alerts:
        yield f"none of these problems with alerts: {', '.join(expect.alerts)}"


def method_seconds(experiment: Experiment) -> float:
    """The pauses that a method states, in seconds, but for those in whose place it waits, which may be over at once.

    Variables with their values; what probes have to tell is not known yet.
    """
    total, waited = 0.0, {wait.after for wait in experiment.block.wait_for}
    for activity in experiment.method:
        pauses = variables.substitute(activity.get("pauses") or {}, experiment.configuration)
        if activity.get("name") in waited:
            pauses = {k: v for k, v in pauses.items() if k != "after"}
        total += sum(float(v) for v in pauses.values() if isinstance(v, int | float))
    return total


def _step(action: FaultTarget) -> Step:
    return Step(
        action=action.action,
        targets=action.targets,
        note=action.note,
        owner=action.owner,
        undo=tuple(step.what for step in action.undo),
        pinned=action.pinned,
        known=action.resolved,
    )
