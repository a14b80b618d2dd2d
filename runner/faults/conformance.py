"""Conformance: what every fault driver must do, to be run by whoever brings one against a real system of its kind.

problems = conformance.check(Driver(), Trial(setting=…, activity=…, act=…, …))
assert problems == []

`check` is for faults that activities of a file inject, `check_making` for what the runner itself makes in a system (`driver.Making`).
Both read undo records back from JSON and open the system anew for each step, as a process does that undoes after a crash.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from runner import clock, codec, errors
from runner.faults.driver import (
    Activity,
    Claim,
    Driver,
    Evidence,
    FaultTarget,
    Making,
    Owner,
    Residue,
    Setting,
    State,
    UndoStep,
    Where,
)
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

T = TypeVar("T")
EVERY_S = 0.2


class Trouble(StrEnum):
    """How an API can fail to answer."""

    TOO_MANY = "429"
    BROKEN = "500"
    SILENT = "no answer"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One fault, on a live system that may be broken."""

    setting: Setting
    activity: Activity
    act: Callable[[], object]
    """Does what the activity does, by the means that it has itself."""
    nothing: Activity
    """The same, aimed at a target that is not there."""
    others: Callable[[], object]
    """Makes a change of the same kind that is somebody else's, to another target."""
    untouched: Callable[[], bool]
    """Whether that change is still as it was made."""
    gone: Setting | None = None
    """A setting that leads to a system which is not there."""
    leftover: Callable[[], object] | None = None
    """Makes what an earlier run may have left: something of the very name that the activity makes; None where names cannot meet."""
    refusals: tuple[type[Exception], ...] = (errors.ChaosRunError,)
    """What `act` raises where it does not go on."""
    remove_target: Callable[[], object] | None = None
    """Takes the target away while the fault is in it."""
    restore_target: Callable[[], object] = lambda: None
    """Brings it back."""
    troubled: Callable[[Trouble], AbstractContextManager[Setting]] | None = None
    """A setting whose system answers with this trouble for as long as it lasts; None for a system without an API of its own."""
    alike: Callable[[], AbstractContextManager[Callable[[], bool]]] | None = None
    """What somebody else does to the very target, for as long as the block lasts, that looks like the fault: gives whether it is still so.

    None where the name of what is made says whose it is."""
    limit_s: float = 30.0
    """How long the system may take until a change can be seen."""
    over_s: float | None = None
    """When the fault is over in a stand-in that is quicker than the time to live has room for; None: after that time."""


@dataclass(frozen=True, kw_only=True)
class MakingTrial:
    """One thing that the runner makes in a live system."""

    setting: Setting
    step: UndoStep
    """Its undo record, as it is written before it is made."""
    others: Callable[[], object]
    untouched: Callable[[], bool]
    limit_s: float = 30.0


def check(driver: Driver, trial: Trial) -> list[str]:
    """What is wrong with a driver, as sentences; an empty list where nothing is."""
    return [
        *_claims(driver, trial),
        *_unreachable(driver, trial),
        *_nothing(driver, trial),
        *_life(driver, trial),
        *_leftover(driver, trial),
        *_alike(driver, trial),
        *_without_target(driver, trial),
        *(sentence for trouble in Trouble for sentence in _troubled(driver, trial, trouble)),
    ]


def check_making(driver: Driver, trial: MakingTrial) -> list[str]:
    """The same for a driver that makes things for the runner."""
    return list(_made(driver, trial))


def _claims(driver: Driver, trial: Trial) -> Iterator[str]:
    if driver.claims(trial.activity.provider) is not Claim.YES:
        yield "it does not claim its own activity"
    if driver.claims({"type": "python", "module": "nobody.knows.this", "func": "f"}) is Claim.YES:
        yield "it claims an activity that it cannot know"
    where = driver.environment(trial.activity.provider, Where(context=trial.setting.context))
    if not where.system or not where.name:
        yield f"the environment {where} does not name the system and the place in it"


def _unreachable(driver: Driver, trial: Trial) -> Iterator[str]:
    if trial.gone is None:
        return
    try:
        driver.open(trial.gone).check()
    except errors.ChaosRunError:
        return
    yield "check() takes a system that is not there for one that is"


def _nothing(driver: Driver, trial: Trial) -> Iterator[str]:
    found = driver.open(trial.setting).resolve(trial.nothing)
    if found is None or not found.resolved:
        yield "of a known action without a target it says that it is unknown, instead of that it has none"
    elif found.targets or found.undo:
        yield f"it names targets or undo records where nothing is there: {found.targets or found.undo}"


def _life(driver: Driver, trial: Trial) -> Iterator[str]:
    system = driver.open(trial.setting)
    system.check()
    target = system.resolve(trial.activity)
    if target is None or not target.targets:
        yield "it resolves no target of an action whose target is there"
        return
    yield from _promised(driver, target)
    target, records = _from_json(FaultTarget, target), _records(target.undo)
    before = json.loads(json.dumps(codec.encode(system.snapshot([target], must=True))))
    if _confirmed(driver, trial, target).confirmed:
        yield "it confirms an effect before anything was done"
    yield from _undone(driver, trial.setting, records, State.ALREADY, "what was never done")
    trial.others()
    trial.act()
    evidence = _settled(driver, trial, target)
    if not evidence.confirmed:
        yield f"it never confirms the effect: {evidence.sentence}"
    if unknown := set(evidence.targets) - set(target.targets):
        yield f"it confirms targets that it had not named: {', '.join(sorted(unknown))}"
    yield from _way_back(driver, trial, before, records, heals=target.owner == Owner.SYSTEM)
    if not trial.untouched():
        yield "the undo changed what somebody else had done"
    if target.ttl_s is not None:
        trial.act()
        time.sleep(target.ttl_s if trial.over_s is None else trial.over_s)
        if left := _left(driver, trial.setting, before, records, trial.limit_s).residue:
            yield f"its time to live does not end it: {'; '.join(left)}"


def _leftover(driver: Driver, trial: Trial) -> Iterator[str]:
    """What an earlier run left is no success of this one: the action fails, or its effect is there; and the way back ends it."""
    if trial.leftover is None:
        return
    target, records, before = _planned(driver, trial)
    trial.leftover()
    try:
        trial.act()
        acted = True
    except trial.refusals:
        acted = False
    if acted and not _settled(driver, trial, target).confirmed:
        yield "its action succeeds with a leftover of the same name in place, and has no effect"
    yield from _ended(driver, trial, before, records, "with a leftover in place")


def _alike(driver: Driver, trial: Trial) -> Iterator[str]:
    """Somebody else did to the target what this run then never came to: that is his."""
    if trial.alike is None:
        return
    _, records, before = _planned(driver, trial)
    with trial.alike() as stands:
        yield from _undone(driver, trial.setting, records, State.ALREADY, "what somebody else did to the target")
        if left := driver.open(trial.setting).residue(before, records, Kept()).residue:
            yield f"it takes for its own what somebody else did to the target: {'; '.join(left)}"
        if not stands():
            yield "the undo put back what somebody else had done to the target"


def _without_target(driver: Driver, trial: Trial) -> Iterator[str]:
    """A target that is gone before the undo leaves nothing to be undone in it, and is no failure."""
    if trial.remove_target is None:
        return
    _, records, before = _planned(driver, trial)
    trial.act()
    trial.remove_target()
    try:
        yield from _ended(driver, trial, before, records, "of a target that is gone")
    finally:
        trial.restore_target()


def _troubled(driver: Driver, trial: Trial, trouble: Trouble) -> Iterator[str]:
    """An API that does not answer well: the undo says that it failed, never that it is done, and succeeds once it answers again."""
    if trial.troubled is None:
        return
    target, records, before = _planned(driver, trial)
    trial.act()
    _settled(driver, trial, target)
    with trial.troubled(trouble) as setting:
        for record in reversed(records):
            outcome = driver.open(setting).undo(record, hurried=True)
            if outcome.state is not State.FAILED or not outcome.error:
                yield f"while the API answers {trouble} its undo says {outcome.state}, with the error {outcome.error!r}"
    yield from _ended(driver, trial, before, records, f"after the API answered {trouble}")


def _planned(driver: Driver, trial: Trial) -> tuple[FaultTarget, list[UndoRecord], Mapping[str, Any]]:
    """A target resolved anew, its undo records and the snapshot, as they come out of a run's folder."""
    system = driver.open(trial.setting)
    target = system.resolve(trial.activity)
    assert target is not None, "_life has resolved it"
    before = json.loads(json.dumps(codec.encode(system.snapshot([target], must=True))))
    return _from_json(FaultTarget, target), _records(target.undo), before


def _ended(
    driver: Driver, trial: Trial, before: Mapping[str, Any], records: Sequence[UndoRecord], what: str
) -> Iterator[str]:
    """The undo answers, and nothing is left."""
    for record in reversed(records):
        outcome = driver.open(trial.setting).undo(record)
        if outcome.state is State.FAILED:
            yield f"the undo {record.what!r} {what} fails: {outcome.error}"
    if left := _left(driver, trial.setting, before, records, trial.limit_s).residue:
        yield f"it finds residue after the undo {what}: {'; '.join(left)}"


def _settled(driver: Driver, trial: Trial, target: FaultTarget) -> Evidence:
    """The evidence once there is some, or the last that was had."""
    return clock.poll_until(
        lambda: _confirmed(driver, trial, target), trial.limit_s, EVERY_S, enough=lambda found: found.confirmed
    )


def _promised(driver: Driver, target: FaultTarget) -> Iterator[str]:
    """What it says before the change."""
    if target.system != driver.name:
        yield f"it calls its system {target.system!r}, and itself {driver.name!r}"
    if target.owner == Owner.UNDOER and not target.undo:
        yield "it says that the undoer undoes it, and gives it no undo record"
    for step in target.undo:
        if step.kind not in driver.undoes:
            yield f"it writes an undo record {step.kind!r} that it does not play"
        if not step.what:
            yield f"its undo record {step.kind!r} says to nobody what it undoes"
        if taken := {"kind", "what"} & step.args.keys():
            yield f"its undo record {step.kind!r} has arguments that the ledger gives itself: {', '.join(sorted(taken))}"


def _way_back(
    driver: Driver, trial: Trial, before: Mapping[str, Any], records: Sequence[UndoRecord], *, heals: bool
) -> Iterator[str]:
    """`heals`: the system undoes it by itself, so nothing has to be found meanwhile."""
    setting = trial.setting
    if driver.sees_residue and not heals:
        if not driver.open(setting).residue(before, records, Kept()).residue:
            yield "it sees no residue while the fault is in place"
        kept = driver.open(setting).residue(before, records, Kept(names=None))
        if kept.residue or not kept.meant:
            yield "what the file wants to stay is not told apart from residue"
    yield from _undone(driver, setting, records, State.UNDONE, "a fault in place")
    yield from _undone(driver, setting, records, State.ALREADY, "what was undone before")
    if left := _left(driver, setting, before, records, trial.limit_s).residue:
        yield f"it finds residue after the undo: {'; '.join(left)}"


def _made(driver: Driver, trial: MakingTrial) -> Iterator[str]:
    records = _records((trial.step,))
    yield from _undone(driver, trial.setting, records, State.ALREADY, "what was never made")
    opened: object = driver.open(trial.setting)
    if not isinstance(opened, Making):
        yield "its system does not make anything: make() and readable() are missing"
        return
    if trouble := opened.readable([trial.step.args]):
        yield f"it cannot read a system that is there: {trouble}"
    trial.others()
    if trouble := opened.make(trial.step.kind, trial.step.args, 60.0, "conformance"):
        yield f"it does not make it: {trouble}"
    if not driver.open(trial.setting).residue({}, records, Kept()).residue:
        yield "it sees no residue while what it made is there"
    yield from _undone(driver, trial.setting, records, State.UNDONE, "what it made")
    yield from _undone(driver, trial.setting, records, State.ALREADY, "what was undone before")
    found = _left(driver, trial.setting, {}, records, trial.limit_s)
    yield from (f"it finds residue after the undo: {sentence}" for sentence in found.residue)
    if not found.cleared:
        yield "it does not say that nothing is left"
    if not trial.untouched():
        yield "the undo changed what somebody else had made"


def _undone(driver: Driver, setting: Setting, records: Sequence[UndoRecord], wanted: State, what: str) -> Iterator[str]:
    """Last in, first out; each by a system that has just been opened."""
    for record in reversed(records):
        outcome = driver.open(setting).undo(record)
        if outcome.state is not wanted:
            said = f" ({outcome.error})" if outcome.error else ""
            yield f"the undo {record.what!r} of {what} answers {outcome.state}{said}, not {wanted}"


def _left(
    driver: Driver, setting: Setting, before: Mapping[str, Any], records: Sequence[UndoRecord], limit_s: float
) -> Residue:
    return clock.poll_until(
        lambda: driver.open(setting).residue(before, records, Kept()),
        limit_s,
        EVERY_S,
        enough=lambda found: not found.residue,
    )


def _confirmed(driver: Driver, trial: Trial, target: FaultTarget) -> Evidence:
    return driver.open(trial.setting).confirm(trial.activity, target)


def _records(steps: Sequence[UndoStep]) -> list[UndoRecord]:
    read = [_from_json(UndoStep, step) for step in steps]
    return [UndoRecord(number=n, kind=s.kind, what=s.what, args=dict(s.args)) for n, s in enumerate(read, 1)]


def _from_json(kind: type[T], value: T) -> T:
    return codec.decode(kind, json.loads(json.dumps(codec.encode(value))))
