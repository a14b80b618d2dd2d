"""Proving: how far it is known that each action of a method bit: proven, assumed, silent or vacuous."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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


def faults(actions: Iterable[FaultTarget], seen: Seen) -> tuple[Fault, ...]:
    """Each action with its targets and how far it is proven.

    One that says nothing of itself, has no target and left no trace may be a pause, or may have done nothing at all: beside one that
    bit it is silent and decides nothing; alone, nothing was tested.
    """
    actions = [*actions]
    found = [_fault(action, seen) for action in actions]
    bitten = any(f.proof in (Proof.PROVEN, Proof.ASSUMED) and not f.stays for f in found)
    told = zip(actions, found, strict=True)
    return tuple(replace(f, proof=Proof.SILENT) if bitten and _is_silent(a, f, seen) else f for a, f in told)


def _fault(action: FaultTarget, seen: Seen) -> Fault:
    name = action.action
    evidence = seen.evidence.get(name)
    proof, sentence = _proof(action, seen)
    if not seen.runtime.acts:
        proof, sentence = Proof.VACUOUS, f"not executed: the file asks for a dry run ({seen.runtime.dry})"
    targets = (evidence.targets if evidence else ()) or action.targets
    return Fault(
        name=name, targets=targets, proof=proof, evidence=sentence, undo_owner=action.owner, stays=action.stays
    )


def _proof(action: FaultTarget, seen: Seen) -> tuple[Proof, str]:
    """Proven by what changed, assumed from what the action says of itself or users felt, vacuous when nothing was hit."""
    evidence, run = seen.evidence.get(action.action), seen.runs.get(action.action)
    if evidence is not None and evidence.confirmed:
        return Proof.PROVEN, evidence.sentence
    if run is None:
        return Proof.VACUOUS, "the action was never started"
    unchanged = f"nothing changed: {evidence.sentence}" if evidence is not None else ""
    if run.get("status") == "failed":
        why = error_text.of_account(run.get("exception")) or UNSAID
        return Proof.VACUOUS, f"the action failed: {why}" + (f"; {unchanged}" if unchanged else "")
    if unchanged:
        return Proof.VACUOUS, unchanged
    output = run.get("output")
    if output is False or (isinstance(output, list | dict | str) and not output):
        return Proof.VACUOUS, f"the action reports that it had no effect: {output!r}"
    if refused := error_text.of_answer(output):
        return Proof.VACUOUS, f"the action had no effect: {refused}"
    if "status" not in run:
        return Proof.ASSUMED, "the action was interrupted by the stop"
    if not action.targets and says_nothing(output):
        return _by_effect(output, run, seen.felt)
    return Proof.ASSUMED, f"the action reports {short(output)}, and nothing contradicts it"


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
