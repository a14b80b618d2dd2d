"""Proving: how far it is known that each action of a method bit: proven, assumed, silent or vacuous."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runner import error_text
from runner.experiment.runtime import Runtime
from runner.faults.driver import Evidence, FaultTarget
from runner.timeline.mark import Mark
from runner.timeline.record import Fault
from runner.timeline.vocabulary import Proof

UNSAID = "no reason given, see worker.log"


@dataclass(frozen=True)
class Seen:
    """What a run saw of its actions, by their names, and when users felt something (None: they did not)."""

    evidence: Mapping[str, Evidence]
    runs: Mapping[str, Mapping[str, Any]]
    felt: Mark | None
    runtime: Runtime
    begun: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By then begun, in this order, when an action was last looked at: what was seen may be the work of any of them."""


def to_look_at(
    actions: Iterable[FaultTarget], evidence: Mapping[str, Evidence], begun: Iterable[str]
) -> list[FaultTarget]:
    """Whose effect is to be looked for: before an action has begun, what its proof sees is the work of another."""
    begun = {*begun}
    open_ = (a for a in actions if a.provable and not ((e := evidence.get(a.action)) and e.confirmed))
    return [a for a in open_ if a.action in begun]


def told(action: FaultTarget, evidence: Evidence, begun: Iterable[str]) -> str:
    """What was seen of an action: nobody asked its probe between the start of the method and those that were begun beside it."""
    others = [name for name in dict.fromkeys(begun) if name != action.action]
    if action.probe is None or not evidence.confirmed or not others:
        return evidence.sentence
    return f"the probe {action.probe!r} holds, and did not before the method, in which {_names(others)} began too"


def faults(actions: Iterable[FaultTarget], seen: Seen) -> tuple[Fault, ...]:
    """Each action with its targets and how far it is proven.

    One that says nothing of itself, has no target and left no trace may be a pause, or may have done nothing at all: beside one that
    bit it is silent and decides nothing; alone, nothing was tested.
    """
    actions = [*actions]
    found = [_fault(action, seen, actions) for action in actions]
    bitten = any(f.proof in (Proof.PROVEN, Proof.ASSUMED) and not f.stays for f in found)
    told = zip(actions, found, strict=True)
    return tuple(replace(f, proof=Proof.SILENT) if bitten and _is_silent(a, f, seen) else f for a, f in told)


def _fault(action: FaultTarget, seen: Seen, actions: Sequence[FaultTarget]) -> Fault:
    name = action.action
    evidence = seen.evidence.get(name)
    proof, sentence = _proof(action, seen, actions)
    if not seen.runtime.acts:
        proof, sentence = Proof.VACUOUS, f"not executed: the file asks for a dry run ({seen.runtime.dry})"
    targets = (evidence.targets if evidence else ()) or action.targets
    return Fault(
        name=name, targets=targets, proof=proof, evidence=sentence, undo_owner=action.owner, stays=action.stays
    )


def _proof(action: FaultTarget, seen: Seen, actions: Sequence[FaultTarget]) -> tuple[Proof, str]:
    """Proven by what changed, assumed from what the action says of itself or users felt, vacuous when nothing was hit.

    What changed proves nothing of an action that never began, and little where another one could have changed it as well.
    """
    evidence, run = seen.evidence.get(action.action), seen.runs.get(action.action)
    if run is None:
        return Proof.VACUOUS, "the action was never started"
    denied, found = _denied(run), ""
    if evidence is not None and evidence.confirmed:
        found = told(action, evidence, seen.begun.get(action.action, ()))
        if not (others := _rivals(action, seen, actions, denied=bool(denied))):
            return Proof.PROVEN, f"{denied}; yet {found}" if denied else found
        found = f"; {found}: that may be the work of {_names(others)}"
    elif evidence is not None:
        unchanged = f"nothing changed: {evidence.sentence}"
        failed = denied if run.get("status") == "failed" else ""
        return Proof.VACUOUS, f"{failed}; {unchanged}" if failed else unchanged
    if denied:
        return Proof.VACUOUS, denied + found
    if "status" not in run:
        return Proof.ASSUMED, "the action was interrupted by the stop" + found
    output = run.get("output")
    if not action.targets and says_nothing(output):
        return _by_effect(output, run, seen.felt)
    return Proof.ASSUMED, f"the action reports {short(output)}, and nothing contradicts it{found}"


def _denied(run: Mapping[str, Any]) -> str:
    """Why an action did nothing, by its own account; empty where it does not say so."""
    output = run.get("output")
    if run.get("status") == "failed":
        return f"the action failed: {error_text.of_account(run.get('exception')) or UNSAID}"
    if output is False or (isinstance(output, list | dict | str) and not output):
        return f"the action reports that it had no effect: {output!r}"
    if refused := error_text.of_answer(output):
        return f"the action had no effect: {refused}"
    return ""


def _rivals(action: FaultTarget, seen: Seen, actions: Sequence[FaultTarget], *, denied: bool) -> list[str]:
    """Whose work the change that was seen may be instead.

    Of an action that denies it: of any that had begun and changes the same, for a probe of any at all. Else of one that was there first,
    and does not deny it either; whom a file's own probe proves, its author has said.
    """
    begun = seen.begun.get(action.action, ())
    if denied and action.probe is not None:
        return [name for name in dict.fromkeys(begun) if name != action.action]
    alike = [a.action for a in actions if a.action != action.action and a.action in begun and _same(a, action)]
    if denied:
        return alike
    before = begun[: begun.index(action.action)] if action.action in begun and action.probe is None else ()
    return [name for name in alike if name in before and not _denied(seen.runs.get(name, {}))]


def _same(one: FaultTarget, other: FaultTarget) -> bool:
    """Whether two actions make the same change to the same thing, so that a look at it cannot tell them apart."""
    alike = one.resolved and (one.system, one.kind) == (other.system, other.kind)
    return alike and not {*(one.objects or one.targets)}.isdisjoint(other.objects or other.targets)


def _names(names: Iterable[str]) -> str:
    return " and ".join(repr(name) for name in names)


def _by_effect(output: Any, run: Mapping[str, Any], felt: Mark | None) -> tuple[Proof, str]:
    """Of an action that says nothing: users may have felt it all the same."""
    said = f"the action reports {_said(output)}"
    if felt is not None and felt.mono_ns >= run["started_ns"] - round(felt.error_s * 1e9):
        return Proof.ASSUMED, f"{said}, but {felt.source} deviated from its baseline after the action had started"
    why = "it names no target, and no indicator deviated from its baseline"
    return Proof.VACUOUS, f"{said}, {why}: name a probe that verifies it under proof:, or measure what it affects"


def says_nothing(output: Any) -> bool:
    """Whether an action's result tells no more than that it ended: nothing, a number, yes, or an exit code without a word."""
    if isinstance(output, Mapping) and "stdout" in output and "status" in output:
        return not str(output.get("stdout") or "").strip() and not str(output.get("stderr") or "").strip()
    return output is None or isinstance(output, bool | int | float)


def _said(output: Any) -> str:
    if output is None:
        return "nothing"
    if isinstance(output, Mapping):
        return f"exit code {output.get('status')} and nothing else"
    return f"{output!r} and nothing else"


def _is_silent(action: FaultTarget, fault: Fault, seen: Seen) -> bool:
    run = seen.runs.get(action.action) or {}
    ended = run.get("status") == "succeeded" and run.get("output") is not False
    unseen = seen.evidence.get(action.action) is None and not action.targets
    return fault.proof == Proof.VACUOUS and ended and unseen and seen.runtime.acts and says_nothing(run.get("output"))


def short(value: Any, limit: int = 200) -> Any:
    """A value small enough for an event; HTTP answers by their status, long texts cut."""
    if isinstance(value, Mapping) and "status" in value and ("body" in value or "stdout" in value):
        return f"status {value['status']}"
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
