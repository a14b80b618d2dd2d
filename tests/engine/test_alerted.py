"""What a file expects of its alerts: a failure only where the whole limit was watched, and over only where it is over everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runner.engine.observe.alert_findings import Alerted
from runner.engine.observe.source_gaps import Answers
from runner.experiment.detecting import Expectations
from runner.timeline import alerting
from runner.timeline.alerting import Floor, Seen
from runner.timeline.mark import Mark
from runner.timeline.record import Alerting
from runner.timeline.vocabulary import MarkName
from tests.engine.sessions import new_session

S = 10**9
BEGUN = {"injected": 10.0, "effective": 12.0, "undone": 40.0}
"""When what happened of the run itself, in its seconds."""


@dataclass
class Quiet:
    """A source that has told all that it will."""

    name: str
    stages: tuple[str, ...] = ("firing", "resolved")
    every_s: float = 0.2

    async def open(self) -> Floor:
        return Floor()

    async def poll(self) -> Sequence[Seen]:
        return ()

    async def close(self) -> None:
        pass


def told(
    *marks: tuple[str, str, float], heard_s: float, sources: str = "am", stage: str = "", gone: str = "", **expect: Any
) -> Alerting:
    """Of a run with these marks (stage, source, second) whose sources answered last at `heard_s`, and `gone` no more after the undo."""

    async def conclude() -> Alerting:
        session, answers = new_session(), Answers()
        try:
            for name, at in BEGUN.items():
                session.mark(MarkName(name), mono_ns=round(at * S), error_s=0.0)
            for name, source, at in marks:
                session.mark(MarkName(name), mono_ns=round(at * S), source=source)
            named = {f"{s} there": Quiet(s, (*Quiet(s).stages, *([stage] if stage else []))) for s in sources.split()}
            for called in named:
                answers.came(called, round((BEGUN["undone"] if called == f"{gone} there" else heard_s) * S))
            wanted = Expectations(**expect)
            return Alerted(session, wanted, named, [Floor() for _ in named], answers, ()).conclude()
        finally:
            session.leave()

    return asyncio.run(conclude())


def test_a_notification_that_nobody_got_is_unknown_until_the_limit_was_watched() -> None:
    short = told(heard_s=42, stage="notified", notified_within="5m")
    assert short.failures == ()
    assert short.unknown == ("whether an alert was notified within 5m is unknown: watched for 30s only, of 5m",)
    whole = told(heard_s=312, stage="notified", notified_within="5m")
    assert whole.failures == ("no notification was received, expected within 5m",)
    assert whole.unknown == ()


def test_an_alert_that_still_fires_when_the_run_ends_is_late_only_when_the_limit_is_over() -> None:
    fired = ("firing", "am", 15.0)
    assert told(fired, heard_s=50, resolved_within="20s").unknown == (
        "whether an alert was resolved within 20s is unknown: watched for 10s only, of 20s",
    )
    assert told(fired, heard_s=61, resolved_within="20s").failures == ("no alert was resolved, expected within 20s",)


FIRED = (("firing", "prometheus", 15.0), ("firing", "alertmanager", 16.0), ("resolved", "prometheus", 44.0))


def test_the_last_all_clear_of_all_sources_that_knew_of_the_fault_counts() -> None:
    def ended(at: float, *, heard_s: float = 50) -> Alerting:
        last = ("resolved", "alertmanager", at)
        return told(*FIRED, last, heard_s=heard_s, sources="prometheus alertmanager silent", resolved_within="5s")

    assert ended(44.5).failures == ended(44.5).unknown == ()
    assert ended(47).failures == ("resolved after 7s, expected within 5s",)


def test_a_source_that_still_shows_the_alert_has_not_resolved_it() -> None:
    both = {"sources": "prometheus alertmanager", "resolved_within": "5s"}
    assert told(*FIRED, heard_s=50, **both).failures == ("not resolved at alertmanager, expected within 5s",)
    assert told(*FIRED, heard_s=50, gone="prometheus", **both).unknown == (), "that one had said all"
    assert told(*FIRED, heard_s=43, **both).unknown == (
        "whether an alert was resolved at alertmanager within 5s is unknown: watched for 3s only, of 5s",
    )


def test_the_end_is_given_only_when_no_source_that_can_give_it_is_left() -> None:
    def mark(name: str, source: str, at: float) -> Mark:
        return Mark(
            name=MarkName(name), at=datetime(2026, 1, 1, tzinfo=UTC), mono_ns=round(at * S), error_s=0, source=source
        )

    marks = [mark(*m) for m in FIRED]
    both = {"prometheus", "alertmanager"}
    assert alerting.all_clear(marks, both).given is None
    assert alerting.all_clear(marks, {"prometheus"}).given == marks[-1]
    marks.append(mark("resolved", "alertmanager", 43))
    assert alerting.all_clear(marks, both).given == marks[2]
    assert alerting.all_clear([], both).given is None


def test_what_a_source_remembers_was_watched_until_it_was_asked_for_it() -> None:
    answers = Answers()
    answers.came("am", 40 * S)
    answers.end("am", 50 * S)
    answers.remembered("am", 51 * S)
    assert (answers.missing(0), answers.heard) == ([], {"am": 51 * S})
