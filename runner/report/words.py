"""Words: the verdicts, marks, events and numbers of a run in the words and signs that every report shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner import units
from runner.characters import harmless
from runner.timeline.event import Event, Name
from runner.timeline.vocabulary import MarkName, Phase, StopReason, UndoState

if TYPE_CHECKING:
    from runner.timeline.mark import Mark
    from runner.timeline.record import ObjectiveResult, RunRecord, UndoStep

SIGNS = {
    "PASS": "✔",
    "FAIL": "✘",
    "INCONCLUSIVE": "?",
    "ABORTED": "■",
    "UNDO_FAILED": "!",
    "ENVIRONMENT": "!",
    "INTERRUPTED": "■",
}
TITLES = {
    "UNDO_FAILED": "UNDO FAILED",
    "ENVIRONMENT": "TECHNICAL ERROR",
}
PHASES = (Phase.BASELINE, Phase.INJECT, Phase.UNDO, Phase.RECOVER, Phase.JUDGE)
PHASE_TITLES = {"prepare": "prepare", "notice": "notice", "inject": "fault", "recover": "recovery"}
MARKS: dict[str, str] = {
    MarkName.INJECTED: "injected",
    MarkName.EFFECTIVE: "effective",
    MarkName.DETECTED: "detected",
    MarkName.ABORTED: "aborted",
    MarkName.UNDO_STARTED: "undo started",
    MarkName.UNDONE: "undone",
    MarkName.RECOVERED: "recovered",
    MarkName.UNWATCHED: "unwatched",
}
_BARS = "▁▂▃▄▅▆▇█"
NO_DATA = "–"
WHEN = {
    "before": "before the method",
    "during": "during the method",
    "after": "after the method",
    "recovered": "after the undo",
}
PUT_BACK = {
    "proven": "yes",
    "assumed": "assumed",
    "not checked": "not checked",
    "no undo": "no",
    "not played": "no",
    "left": "no",
    "nothing": "nothing to put back",
}
"""For each value of `PutBack`; yes is what was looked at."""
_BACK_TONES = {"proven": "good", "assumed": "good", "no undo": "warn", "not played": "warn", "left": "bad"}


def clean(value: object) -> str:
    """Text that cannot move a cursor, break a line or an XML parser: services may answer anything."""
    return harmless(str(value)).replace("\n", " ⏎ ").replace("\t", " ")


def title(verdict: str) -> str:
    """A verdict in the words people read."""
    return TITLES.get(verdict, verdict)


def sign(verdict: str) -> str:
    """A verdict's sign, so that colour is never the only difference."""
    return SIGNS.get(verdict, "•")


def tone(verdict: str) -> str:
    """A verdict's tone: good, warn or bad."""
    return {"PASS": "good", "INCONCLUSIVE": "warn", "INTERRUPTED": "warn"}.get(verdict, "bad")


def phase_title(phase: str) -> str:
    """A phase in the words people read: `inject` is the fault, `recover` the recovery."""
    return PHASE_TITLES.get(phase, phase)


def mark_title(name: str) -> str:
    """A mark in the words people read."""
    return MARKS.get(name, name.replace("_", " "))


def in_order(marks: Iterable[Mark]) -> list[Mark]:
    """As they came; what falls within the injection's own call stands after it."""
    early = {"injected": 1e9}  # its moment is the middle of a call, its error half the call's length
    return sorted(marks, key=lambda m: m.mono_ns - m.error_s * early.get(m.name, 0.0))


def count(number: int) -> str:
    """`12,345`."""
    return f"{number:,}"


def ratio(value: float | None) -> str:
    """A ratio as a percentage, or a dash."""
    return NO_DATA if value is None else units.format_ratio(value)


def seconds(value: float | None) -> str:
    """A duration, or a dash; below 10 ms with one decimal."""
    if value is None:
        return NO_DATA
    return f"{value * 1000:.1f}ms" if 0 < value < 0.01 else units.format_duration(value)


def spark(values: Sequence[float | None], width: int, *, top: float | None = None) -> str:
    """The last `width` values as blocks, a blank for none; `top` is the value of a full block (default: the largest)."""
    shown = list(values[-width:]) if width > 0 else []
    highest = max(top or 0.0, *(v for v in shown if v is not None), 1e-12) if any(v is not None for v in shown) else 1.0
    return "".join(_block(v, highest) for v in shown)


def _block(value: float | None, highest: float) -> str:
    if value is None:
        return " "
    return _BARS[min(len(_BARS) - 1, max(0, round(value / highest * (len(_BARS) - 1))))]


def objective_goal(objective: ObjectiveResult) -> str:
    """What is asked for: `99 % good` or `95 % within 500ms`."""
    goal = units.format_ratio(objective.target)
    within = f"within {seconds(objective.threshold_s)}" if objective.threshold_s is not None else "good"
    if objective.slice_s is None:
        return f"{goal} {within}"
    slices = f"slices of {seconds(objective.slice_s)}"
    if objective.slice_target is None:
        return f"{goal} {within}, mean of {slices}"
    return f"{goal} of {slices}, each {units.format_ratio(objective.slice_target)} {within}"


def bounds(objective: ObjectiveResult) -> str:
    """The two one-sided 95 % bounds of the bad ratio, or what is missing."""
    if not objective.total:
        return "no data"
    return f"{units.format_ratio(objective.lower)} to {units.format_ratio(objective.upper)}"


def last_steps(steps: Iterable[UndoStep]) -> list[UndoStep]:
    """Each undo step as it ended: who takes the undoer's place counts from 1 again, and plays what had failed once more."""
    last: list[UndoStep] = []
    before, number = 0, -1
    for step in steps:
        if step.step <= number:
            before = len(last)
        number = step.step
        again = (n for n, old in enumerate(last[:before]) if old.what == step.what and old.state == UndoState.FAILED)
        if (at := next(again, None)) is None:
            last.append(step)
        else:
            last[at] = step
    return last


def undo_line(record: RunRecord) -> str:
    """What was put back, in one sentence."""
    states = [s.state for s in last_steps(record.undo)]
    failed, done, already = (states.count(state) for state in (UndoState.FAILED, UndoState.UNDONE, UndoState.ALREADY))
    told = (
        f"{failed} of {len(states)} undo steps failed" if failed else "",
        f"{plural(done, 'step')} undone" if done else "",
        f"{plural(already, 'step')} had nothing to do" if already else "",
    )
    counted = ", ".join(filter(None, told))
    return clean(f"{record.back.sentence} ({counted})" if counted else record.back.sentence)


def put_back(record: RunRecord) -> str:
    """Whether all is as it was before, in a word or three."""
    return PUT_BACK.get(record.back.put_back, "not known")


def plural(number: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[object], most: int = 4) -> str:
    """Names separated by commas, shortened by number."""
    shown = ", ".join(clean(n) for n in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def describe_event(event: Event) -> tuple[str, str] | None:
    """An event as (tone, sentence), tone being plain, good, warn or bad; None for what a person need not read."""
    teller = _TELLERS.get(event.event)
    told = teller(event.fields) if teller else None
    return (told[0], clean(told[1])) if told else None


Fields = Mapping[str, Any]
Description = tuple[str, str] | None


def _run_started(f: Fields) -> Description:
    where = f" on {f['context']}" if f.get("context") else ""
    return "plain", f"“{f.get('title', '')}”{where} ({f.get('experiment', '')})"


def _notice(f: Fields) -> Description:
    if f.get("state") != "given":
        return "warn", f"called off: {f.get('sentence')}; a cancellation is sent to those who had the notice"
    return (
        "plain",
        f"notice: begins at {f.get('starts_at')}, in {seconds(f.get('before_s'))}; to stop it: {f.get('stop')}",
    )


def _differs(f: Fields) -> Description:
    before = f"{f['before']} -> " if f.get("before") else ""
    return "warn", f"not as in {f.get('repeats')}: {f.get('what')}: {before}{f.get('after')}"


def _phase(f: Fields) -> Description:
    planned, phase = f.get("planned_s"), str(f.get("phase"))
    how = {"inject": "at least", "recover": "at most"}.get(phase, "for")
    return "plain", f"── {phase_title(phase)}" + (f", {how} {seconds(planned)}" if planned else "")


def _baseline(f: Fields) -> Description:
    if f.get("met"):
        return "good", "baseline holds"
    said = [o.get("sentence", "") for o in f.get("objectives") or () if o.get("verdict") != "PASS"]
    return "bad", f"the baseline does not hold, nothing is injected: {'; '.join(said)}".rstrip(": ")


def _activity(f: Fields) -> Description:
    state, what = f.get("state"), f"{f.get('kind', 'activity')} {f.get('activity')}"
    if state == "failed":
        return "bad", f"{what} failed: {f.get('error') or 'no reason given, see worker.log'}"
    return ("plain", f"{what} …") if state == "started" else ("plain", f"{what} done")


def _wait(f: Fields) -> Description:
    what, within = f.get("probe"), seconds(f.get("within_s"))
    if f.get("state") == "started":
        return "plain", f"waiting, {within} at most, for {what} …"
    if f.get("state") == "met":
        return "good", f"waited {seconds(f.get('waited_s'))}, then it held: {what}"
    return "bad", f"not within {within}, so the method ends here: {what}: {f.get('sentence')}"


def _hypothesis(f: Fields) -> Description:
    when = f.get("when")
    if f.get("met"):
        return "good", f"hypothesis holds {WHEN.get(str(when), when)}"
    failed = ", ".join(_probe(p) for p in f.get("probes") or () if not p.get("met")) or "no probe answered"
    if when == "recovered":
        return "warn", f"not recovered yet: {failed}"
    return "bad", f"hypothesis broken{'' if when == 'during' else f' {WHEN.get(str(when), when)}'}: {failed}"


def _probe(p: Mapping[str, Any]) -> str:
    expected = f", expected {p['expected']}" if p.get("expected") is not None else ""
    return f"{p.get('name')}: {p.get('value')}{expected}"


def _effective(f: Fields) -> Description:
    what = "user impact" if f.get("indicator") else f"{f.get('fault')} took effect (proven)"
    return "warn" if f.get("indicator") else "plain", f"{what}: {f.get('how') or f.get('indicator')}"


def _abort(f: Fields) -> str:
    if f.get("by") == StopReason.GUARD:  # the breach was told already
        return "ABORT by the guard"
    whose = "" if f.get("by") == StopReason.CONTROL else f" by {f.get('by')}"  # its sentence says who it was
    return f"ABORT{whose}: {f.get('sentence')}"


def _undo_step(f: Fields) -> Description:
    state, what = f.get("state"), f"undo: {f.get('what')}"
    if state == "started" or (f.get("step") == 0 and state == "already"):  # most runs leave no process behind
        return None
    if state == "failed":
        return "bad", f"{what} FAILED: {f.get('error')}"
    if state == "already":
        return "good", ": ".join(filter(None, (f"{what} – nothing to do", f.get("error"))))
    return "good", f"{what} – done"


def _undone(f: Fields) -> Description:
    clean_, left = f.get("clean", True), f.get("residue")
    if said := f.get("sentence"):
        tone_ = _BACK_TONES.get(str(f.get("put_back")), "plain")
        return tone_, "; ".join((said, *((f.get("cleared") or ()) if clean_ else ())))
    if clean_ and not left:  # an old event does not say what was looked at
        return "plain", "; ".join(("every undo step succeeded", *(f.get("cleared") or ())))
    return "bad", f"NOT everything was put back: {'; '.join(left or ()) or 'an undo step failed'}"


def _undo_started(f: Fields) -> Description:
    steps = int(f.get("steps") or 0)
    return ("plain", f"undo started, {plural(steps, 'step')}") if steps else None


def _recovered(f: Fields) -> Description:
    stable = f.get("stable_s")
    if not stable:
        return "good", "recovered"
    pauses = f", after {plural(len(f['pauses']), 'pause')} between outages" if f.get("pauses") else ""
    return "good", f"recovered: the objectives held for {seconds(stable)}{pauses}"


def _finding(f: Fields) -> Description:
    severity = f.get("severity", "info")
    return {"error": "bad", "warning": "warn"}.get(severity, "plain"), f"{severity}: {f.get('message')}"


def _verdict(f: Fields) -> Description:
    verdict = str(f.get("verdict", ""))
    return tone(verdict), f"{title(verdict)}: {f.get('sentence', '')}"


_NOTICED = {"person": "", "burn-rate": "the built-in rule, "}
_TELLERS = {
    Name.NOTICE: _notice,
    Name.RUN_STARTED: _run_started,
    Name.DIFFERS: _differs,
    Name.PHASE: _phase,
    Name.BASELINE: _baseline,
    Name.ACTIVITY: _activity,
    Name.WAIT: _wait,
    Name.HYPOTHESIS: _hypothesis,
    Name.INJECTED: lambda f: (
        "warn",
        f"injected {f.get('fault')} into {listed(f.get('targets') or ()) or 'no known target'}",
    ),
    Name.EFFECTIVE: _effective,
    Name.DETECTED: lambda f: (
        "plain",
        f"detected by {_NOTICED.get(str(f.get('source')), 'the alert ')}{f.get('by')}",
    ),
    Name.ALERT: lambda f: ("plain", f"alert {f.get('alert')}: {f.get('stage')}, says {f.get('source')}"),
    Name.BREACH: lambda f: ("bad", f"breach: {f.get('sentence')}"),
    Name.ABORT: lambda f: ("bad", _abort(f)),
    Name.UNDO_STARTED: _undo_started,
    Name.UNDO_STEP: _undo_step,
    Name.UNDONE: _undone,
    Name.RECOVERED: _recovered,
    Name.FINDING: _finding,
    Name.VERDICT: _verdict,
}
