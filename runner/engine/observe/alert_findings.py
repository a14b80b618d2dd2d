"""Alerted: at the end of a run, what is to be said of its alerts: problems, who was not told and why, what is not known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from runner import units
from runner.engine.observe import source_gaps
from runner.engine.observe.source_gaps import Answers
from runner.engine.session import Session
from runner.experiment.detecting import Expectations
from runner.timeline import alerting
from runner.timeline.alerting import Floor, Seen, Wanted
from runner.timeline.record import Alerting
from runner.timeline.vocabulary import MarkName

if TYPE_CHECKING:
    from runner.probe.alerts.source import Source


class Alerted:
    """What the sources told of one run, for as long as it takes to say what it means."""

    def __init__(
        self,
        session: Session,
        expect: Expectations,
        named: Mapping[str, Source],
        floors: Sequence[Floor],
        heard: Answers,
        seen: Sequence[Seen],
    ) -> None:
        """`named`: the sources by what they are called in `heard`, in the order of their `floors`."""
        self._session = session
        self._expect = expect
        self._named, self._sources, self._floors = named, list(named.values()), floors
        self._answers, self._seen = heard, seen
        injected = session.marked(MarkName.INJECTED)
        self._begun_ns = None if injected is None else injected.mono_ns - round(injected.error_s * 1e9)
        self._own = [] if self._begun_ns is None else alerting.fresh(seen, self._begun_ns)
        self._failures: list[str] = []
        self._unknown: list[str] = []
        self._unwatched = "" if injected is None else source_gaps.told(heard.missing(injected.mono_ns))

    def conclude(self) -> Alerting:
        """Say it: findings, and what is kept."""
        stages = tuple(s for s in alerting.PIPELINE if any(s in source.stages for source in self._sources))
        floor, unnotified = self._floor(), ""
        if self._begun_ns is not None:
            unnotified = self._unnotified(floor, stages)
            self._look_for_problems(self._begun_ns)
            self._say_more()
            self._judge_notified(self._expect.notified_within)
            self._judge_resolved(self._expect.resolved_within)
        return Alerting(
            sources=tuple(self._named),
            stages=stages,
            floor=dict(floor.parts),
            unnotified=unnotified,
            failures=tuple(self._failures),
            unwatched=self._unwatched,
            unknown=tuple(self._unknown),
        )

    def _fired(self) -> list[Seen]:
        """Alerts of the fault as they are known to have come on, the expected one first."""
        wanted = self._expect.alert
        known = [s for s in self._own if s.stage in alerting.OPENINGS]
        return sorted(known, key=lambda s: (s.alert != wanted, alerting.OPENINGS.index(s.stage)))

    def _floor(self) -> Floor:
        """By the rule and the route of the alert that fired, where one did; else as it was reckoned beforehand."""
        from runner.probe.alerts.source import Explaining

        parts = []
        for source, before in zip(self._sources, self._floors, strict=True):
            labels = next((s.labels for s in self._fired() if s.source == source.name), None)
            labels = labels or next((s.labels for s in self._fired()), None)
            parts.append(source.floor_of(labels) if labels and isinstance(source, Explaining) else before)
        return alerting.joined(parts)

    def _unnotified(self, floor: Floor, stages: tuple[str, ...]) -> str:
        session, muted = self._session, self._muted()
        injected, undone = session.marked(MarkName.INJECTED), session.marked(MarkName.UNDONE)
        begun_ns = injected.mono_ns if injected else 0
        fault_s = ((undone.mono_ns if undone else session.clock.monotonic()) - begun_ns) / 1e9
        alone = list(muted.values()) if {s.alert for s in self._fired()} <= set(muted) else []
        names = [m.name for m in session.marks]
        said = alerting.unnotified(names, floor, fault_s, listened="notified" in stages, muted=alone) or ""
        if said:
            session.find("warning", said)
        for why in muted.values():
            if why not in said:
                session.find("info", f"{why}; no notification is sent for that alert")
        return said

    def _muted(self) -> dict[str, str]:
        """Alerts of the fault, by name, that their system kept to itself: a sentence each, in its own words."""
        from runner.probe.alerts import rules
        from runner.probe.alerts.source import Explaining

        found: dict[str, str] = {}
        for source in self._sources:
            reasons = source.muted() if isinstance(source, Explaining) else {}
            for s in self._fired():
                if why := reasons.get(rules.key(s.labels)):
                    found.setdefault(s.alert, f"{source.name} suppressed {s.alert}: {why}")
        return found

    def _look_for_problems(self, begun_ns: int) -> None:
        """Every one is a finding; those that the file names fail the run, or leave it open where they are not known."""
        session, expect = self._session, self._expect
        wanted = Wanted(alert=expect.alert, labels=expect.labels, drill=expect.drill)
        hurt = session.marked(MarkName.EFFECTIVE) is not None
        for problem in alerting.problems(self._seen, wanted, begun_ns, hurt=hurt, unwatched=self._unwatched):
            asked, unknown = problem.kind in expect.alerts, problem.kind == "unknown"
            session.find("error" if asked else "warning", problem.sentence)
            self._failures += [problem.sentence] if asked else []
            self._unknown += [problem.sentence] if unknown and "missing" in expect.alerts else []

    def _say_more(self) -> None:
        """Alerts that flapped, and clocks that contradict themselves."""
        from runner.probe.alerts.source import Explaining

        session, flaps = self._session, dict[str, int]()
        for source in self._sources:
            for alert, times in alerting.ending(self._own, source.name, None).flaps.items():
                flaps[alert] = max(times, flaps.get(alert, 0))
            if isinstance(source, Explaining) and (doubt := source.doubt()):
                session.find("warning", doubt)
        for alert, times in flaps.items():
            often = "once" if times == 1 else f"{times} times"
            session.find("warning", f"{alert} was resolved and fired again {often}: the last resolution counts")

    def _judge_notified(self, limit: float | None) -> None:
        session, start = self._session, self._session.marked(MarkName.EFFECTIVE)
        if limit is None or start is None:
            return
        reached = min((m.mono_ns for m in session.marks if m.name == MarkName.NOTIFIED), default=None)
        if reached is not None:
            self._judge_moment(MarkName.NOTIFIED, reached, start.mono_ns, limit)
        else:
            self._judge_missing(MarkName.NOTIFIED, start.mono_ns, limit, "no notification was received")

    def _judge_resolved(self, limit: float | None) -> None:
        """Over is what is over at every source that knew of it: one that still shows the alert has not given the all-clear."""
        session, start = self._session, self._session.marked(MarkName.UNDONE)
        if limit is None or start is None or not any(m.name in alerting.OPENINGS for m in session.marks):
            return
        clear = alerting.all_clear(session.marks, {s.name for s in self._sources if MarkName.RESOLVED in s.stages})
        if clear.last is not None:
            self._judge_moment(MarkName.RESOLVED, clear.last.mono_ns, start.mono_ns, limit)
        if clear.last is None:
            self._judge_missing(MarkName.RESOLVED, start.mono_ns, limit, "no alert was resolved")
        elif clear.due:
            never = f"not resolved at {' and '.join(clear.due)}"
            self._judge_missing(MarkName.RESOLVED, start.mono_ns, limit, never, clear.due)

    def _judge_moment(self, stage: MarkName, reached_ns: int, since_ns: int, limit: float) -> None:
        took, most = max(0.0, (reached_ns - since_ns) / 1e9), units.format_duration(limit)
        if took > limit:
            self._failures.append(f"{stage} after {units.format_duration(took)}, expected within {most}")

    def _judge_missing(
        self, stage: MarkName, since_ns: int, limit: float, never: str, due: Collection[str] = ()
    ) -> None:
        """What was not seen: missed, or unknown where those that would tell (`due`: only these) were not asked until the limit."""
        most = units.format_duration(limit)
        tell = {called for called, s in self._named.items() if stage in s.stages and (not due or s.name in due)}
        if open_ := self._unasked(since_ns, tell) or self._too_short(since_ns, limit, tell):
            where = f" at {' and '.join(due)}" if due else ""
            self._unknown.append(f"whether an alert was {stage}{where} within {most} is unknown: {open_}")
        else:
            self._failures.append(f"{never}, expected within {most}")

    def _unasked(self, since_ns: int, sources: set[str]) -> str:
        """Which of these could not be asked for a while after a moment, in words."""
        return source_gaps.told(self._answers.missing(since_ns, sources))

    def _too_short(self, since_ns: int, limit_s: float, sources: set[str]) -> str:
        """That these were asked until before the limit only; empty where they were asked for the whole of it."""
        until_ns = min((self._answers.heard[name] for name in sources), default=self._session.clock.monotonic())
        watched_s = max(0.0, (until_ns - since_ns) / 1e9)
        return alerting.watched_only(watched_s, limit_s) if watched_s < limit_s else ""
