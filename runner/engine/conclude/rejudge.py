"""Again: a run on record judged once more from its tapes, by its own objectives or by others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from runner import errors
from runner.engine.conclude import verdict_and_exit_code
from runner.probe import tape
from runner.slo import counts, verdict
from runner.slo.counts import Counts
from runner.slo.objective import Objective
from runner.slo.sample import Flag, Sample
from runner.timeline.mark import Indicator
from runner.timeline.record import ObjectiveResult, RunRecord
from runner.timeline.vocabulary import MarkName, Phase


def judge(record: RunRecord, objectives: Sequence[Objective] | None = None) -> RunRecord:
    """The record as it would be with these objectives, with its own where None is given.

    Exactly what the judge said at the end of the run, for the same objectives. What did not rest on objectives (an abort, a
    residue, the hypothesis, a vacuous fault) stays as it was. Raises EnvironmentFailure where the samples are gone, and
    UsageError for a run that cannot be judged again or an objective over traffic that it did not have.
    """
    if record.terms is None:
        raise errors.UsageError(
            f"{record.run} cannot be judged again: it does not say what its verdict rested on",
            hint="it was recorded by an older chaos-run, or its runner died and a recovery finished it",
        )
    if objectives is not None:
        _check(record, objectives)
    if not record.terms.injecting:  # nothing was injected: there is no window to judge, neither then nor now
        return verdict_and_exit_code.with_verdict(record)
    asked = [_as_promised(o) for o in record.objectives] if objectives is None else objectives
    samples = _samples(record, {o.indicator for o in asked})
    kept = {o.name: o for o in record.objectives}
    judged = [_judged(record, o, samples) or kept[o.name] for o in asked]
    return verdict_and_exit_code.with_verdict(replace(record, objectives=tuple(judged)))


def _as_promised(o: ObjectiveResult) -> Objective:
    kind: Literal["availability", "latency"] = "availability" if o.threshold_s is None else "latency"
    who: Literal["service", "window"] = "window" if o.judge == "window" else "service"
    return Objective(o.name, o.indicator, kind, o.target, o.threshold_s, o.window_s, o.slice_s, o.slice_target, who)


def _check(record: RunRecord, objectives: Sequence[Objective]) -> None:
    known = [i.name for i in _taped(record)] + [i.name for i in _told(record)]
    for o in objectives:
        if o.indicator not in known:
            raise errors.UsageError(
                f"the objective {o.name} is about {o.indicator!r}, of which {record.run} has no samples",
                hint=f"it has those of: {', '.join(known) or 'nothing'}",
            )


def _judged(record: RunRecord, o: Objective, samples: dict[str, list[Sample]]) -> ObjectiveResult | None:
    """None where the indicator left neither a tape nor counts: what was judged of it stays."""
    start, end = _window(record)
    if source := next((i for i in _told(record) if i.name == o.indicator), None):
        return verdict_and_exit_code.result(o, counts.judge(o, _counts(record, source), start, end), source.rate)
    indicator = next((i for i in _taped(record) if i.name == o.indicator), None)
    if indicator is None:
        return None
    timeout, seen = indicator.timeout_s, indicator.seen_ns
    found = verdict.judge(
        o,
        samples[o.indicator],
        start,
        end,
        rate=indicator.rate,
        timeout_s=timeout,
        now_ns=seen or None,
        until_ns=indicator.until_ns,
    )
    return verdict_and_exit_code.result(o, found, indicator.rate)


def _window(record: RunRecord) -> tuple[int, int]:
    """From the first change until the end of the recovery, in monotonic nanoseconds."""
    end = record.windows[-1].end_ns
    injected = record.mark(MarkName.INJECTED)
    if injected is not None:
        return injected.mono_ns - round(injected.error_s * 1e9), end
    return next((w.start_ns for w in record.windows if w.phase == Phase.INJECT), end), end


def _samples(record: RunRecord, wanted: set[str]) -> dict[str, list[Sample]]:
    return {i.name: _read(record, i) for i in _taped(record) if i.name in wanted}


def _counts(record: RunRecord, indicator: Indicator) -> Counts:
    """What a source told of an indicator during the run."""
    try:
        text = Path(record.folder, indicator.tape).read_text("utf-8")
        return counts.rebuilt(text, indicator.name, indicator.rate, indicator.seen_ns)
    except (OSError, ValueError, KeyError) as problem:
        raise errors.EnvironmentFailure(f"the counts of {indicator.name} cannot be read: {problem}") from None


def counted(record: RunRecord) -> dict[str, dict[str, Any]]:
    """What each source was asked for in the run, by indicator. Raises EnvironmentFailure where that is gone."""
    found = {}
    for indicator in _told(record):
        try:
            head = Path(record.folder, indicator.tape).read_text("utf-8").partition("\n")[0]
            found[indicator.name] = dict(json.loads(head))
        except (OSError, ValueError, TypeError) as problem:
            raise errors.EnvironmentFailure(f"the counts of {indicator.name} cannot be read: {problem}") from None
    return found


def _told(record: RunRecord) -> list[Indicator]:
    """What sources counted."""
    return [i for i in record.indicators if i.tape.endswith(counts.SUFFIX)]


def _taped(record: RunRecord) -> list[Indicator]:
    """Our own traffic, request by request."""
    return [i for i in record.indicators if i.tape.endswith(".tape")]


def _read(record: RunRecord, indicator: Indicator) -> list[Sample]:
    path = Path(record.folder, indicator.tape)
    try:
        samples = tape.read_all(path)
    except FileNotFoundError:
        raise errors.EnvironmentFailure(
            f"the samples of {indicator.name} are gone: there is no {path}",
            hint="judge it on the machine that ran it, or import its evidence bundle (chaos-run export there)",
        ) from None
    except (OSError, ValueError) as problem:
        raise errors.EnvironmentFailure(f"the samples of {indicator.name} cannot be read: {problem}") from None
    return [s for s in samples if _had_ended(s, indicator.seen_ns)]


def _had_ended(s: Sample, seen_ns: int) -> bool:
    """The judge saw only requests that had ended when it looked."""
    return bool(s.flags & Flag.DONE) and (not seen_ns or s.intended_ns + s.latency_us * 1000 <= seen_ns)
