"""Comparison: two runs side by side, and of each difference whether chance explains it; a direction is told only where it does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runner import codec, units
from runner.slo import difference
from runner.slo.difference import Counted, Difference
from runner.timeline import conditions
from runner.timeline.conditions import Change
from runner.timeline.record import Fault, ObjectiveResult, RunRecord
from runner.timeline.vocabulary import Phase

LONGER = 1.2
"""From here on two windows are of different length, and their ratios hold different amounts of good time."""
_JUDGED = (Phase.INJECT, Phase.UNDO, Phase.RECOVER)


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectivePair:
    """One objective in both runs; None where a run does not have it."""

    name: str
    a: ObjectiveResult | None
    b: ObjectiveResult | None
    difference: Difference | None
    """Of the bad ratios, B less A; None where they cannot be compared."""
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """A TTD or TTR of one run, in seconds; None where it does not apply."""

    seconds: float | None
    censored: bool
    error_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitPair:
    """TTD or TTR in both runs, beside those of other runs of the same experiment."""

    name: str
    a: Wait
    b: Wait
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultPair:
    """One action in both runs; None where a run does not have it."""

    name: str
    a: Fault | None
    b: Fault | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Everything that is told of two runs together."""

    a: RunRecord
    b: RunRecord
    changes: tuple[Change, ...]
    objectives: tuple[ObjectivePair, ...]
    waits: tuple[WaitPair, ...]
    faults: tuple[FaultPair, ...]
    notes: tuple[str, ...]
    """What a reader of the figures has to know."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; both records whole are told by `show --json`."""
        return {
            "a": _head(self.a),
            "b": _head(self.b),
            "changes": [asdict(change) for change in self.changes],
            "objectives": [_with_chance(pair) for pair in self.objectives],
            "times": codec.encode(self.waits),
            "faults": codec.encode(self.faults),
            "notes": list(self.notes),
        }


def compare(
    a: RunRecord,
    b: RunRecord,
    others: Sequence[tuple[str, float, bool]] = (),
    contents: Sequence[Change] | None = None,
) -> Comparison:
    """B against A. `others` are the times of other runs of the same experiment: TTD or TTR, seconds, whether a lower bound; `contents`
    is what stands differently in the file, None where nobody knows more than its hash.
    """
    names = dict.fromkeys(o.name for o in (*a.objectives, *b.objectives))
    one, two = ({o.name: o for o in run.objectives} for run in (a, b))
    faults_a, faults_b = ({f.name: f for f in run.faults} for run in (a, b))
    return Comparison(
        a=a,
        b=b,
        changes=tuple(_changes(a, b, contents)),
        objectives=tuple(_objective(name, one.get(name), two.get(name)) for name in names),
        waits=tuple(_wait(name, a, b, [o[1:] for o in others if o[0] == name]) for name in ("TTD", "TTR")),
        faults=tuple(
            FaultPair(name=n, a=faults_a.get(n), b=faults_b.get(n)) for n in dict.fromkeys([*faults_a, *faults_b])
        ),
        notes=tuple(_notes(a, b)),
    )


def _changes(a: RunRecord, b: RunRecord, contents: Sequence[Change] | None) -> Iterator[Change]:
    for change in conditions.changes(conditions.of(a), conditions.of(b)):
        yield from [change] if contents is None or change.what != conditions.CONTENTS else contents


def judged_s(record: RunRecord) -> float:
    """How long the objectives were judged over: fault, undo and recovery, in seconds."""
    return sum((w.end_ns - w.start_ns) / 1e9 for w in record.windows if w.phase in _JUDGED)


def _objective(name: str, a: ObjectiveResult | None, b: ObjectiveResult | None) -> ObjectivePair:
    apart, sentence = None, _incomparable(a, b)
    if a and b and not sentence:
        apart = difference.between(_counted(a), _counted(b))
        sentence = _told(apart, a) if apart else f"no data in {'A' if not a.total else 'B'}"
    return ObjectivePair(name=name, a=a, b=b, difference=apart, sentence=sentence)


def _counted(objective: ObjectiveResult) -> Counted:
    return Counted(bad=objective.bad, total=objective.total, dispersion=objective.dispersion)


def _incomparable(a: ObjectiveResult | None, b: ObjectiveResult | None) -> str:
    """Why the two do not count the same thing."""
    if a is None or b is None:
        return f"only in {'B' if a is None else 'A'}"
    same = ("indicator", "kind", "threshold_s", "slice_s", "slice_target")
    different = [name for name in same if getattr(a, name) != getattr(b, name)]
    words = {"threshold_s": "threshold", "slice_s": "slice"}
    said = ", ".join(words.get(name, name) for name in different)
    return f"not compared: another {said}, so what is bad is not the same" if different else ""


def _told(apart: Difference, objective: ObjectiveResult) -> str:
    what = "requests" if objective.slice_s is None else "slices"
    if apart.few:
        return f"bad {what} in fewer than {difference.FEW} clumps: a difference cannot be told from chance"
    if not apart.beyond_chance:
        return f"chance explains the difference ({_points(apart.low)} to {_points(apart.high)} points, 95 %)"
    low, high = sorted((abs(apart.low), abs(apart.high)))
    which = "more" if apart.low > 0 else "fewer"
    return f"{which} bad {what} in B, by {_points(low, '')} to {_points(high, '')} points (95 %)"


def _points(ratio: float, sign: str = "+") -> str:
    """Percentage points with as many digits as a ratio has: `-0.2`, `+1.35`."""
    told = units.format_ratio(abs(ratio)).removesuffix(" %")
    return told if told == "0" else f"{'-' if ratio < 0 else sign}{told}"


def _wait(name: str, a: RunRecord, b: RunRecord, others: Sequence[tuple[float, bool]]) -> WaitPair:
    one, two = (_wait_of(name, run) for run in (a, b))
    return WaitPair(name=name, a=one, b=two, sentence="; ".join(filter(None, (_apart(one, two), _usual(others)))))


def _wait_of(name: str, run: RunRecord) -> Wait:
    key = name.lower()
    return Wait(
        seconds=getattr(run, f"{key}_s"),
        censored=getattr(run, f"{key}_censored"),
        error_s=getattr(run, f"{key}_error_s"),
    )


def _apart(a: Wait, b: Wait) -> str:
    """Two single times: how far apart, and never more than that."""
    if a.seconds is None or b.seconds is None:
        return ""
    if a.censored or b.censored:
        return "≥ is a lower bound: how far they are apart is not known"
    apart, doubt = abs(b.seconds - a.seconds), a.error_s + b.error_s
    if apart <= doubt:
        return f"no further apart than their clocks' errors (± {units.format_duration(doubt)})"
    return f"{units.format_duration(apart)} apart; from one run each nobody can tell whether that is chance"


def _usual(others: Sequence[tuple[float, bool]]) -> str:
    """What other runs took: a fact to hold them against."""
    if not others:
        return ""
    low, (most, bound) = min(others)[0], max(others)
    count = f"{len(others)} other run{'' if len(others) == 1 else 's'}"
    told = units.format_measured(most, at_least=bound)
    return f"{count}: {told}" if low == most else f"{count}: {units.format_duration(low)} to {told}"


def _notes(a: RunRecord, b: RunRecord) -> Iterator[str]:
    if a.service != b.service:
        yield "these runs are on different services: what differs between them is not what one change did"
    lengths = judged_s(a), judged_s(b)
    if min(lengths) > 0 and max(lengths) > LONGER * min(lengths):
        told = " and ".join(units.format_duration(s) for s in lengths)
        yield f"judged over {told}: in the longer one, good requests after the fault make the bad ratio smaller"
    if a.objectives and b.objectives:
        yield "the intervals are of these two windows; how runs of one experiment scatter: chaos-run metrics"


def _head(run: RunRecord) -> dict[str, Any]:
    kept = (
        "run",
        "title",
        "experiment",
        "experiment_hash",
        "service",
        "context",
        "started",
        "ended",
        "verdict",
        "sentence",
    )
    plain = run.to_json()
    return {name: plain[name] for name in kept} | {"targets": list(run.targets), "put_back": run.back.put_back}


def _with_chance(pair: ObjectivePair) -> dict[str, Any]:
    plain: dict[str, Any] = codec.encode(pair)
    if pair.difference is not None:
        plain["difference"]["beyond_chance"] = pair.difference.beyond_chance
    return plain
