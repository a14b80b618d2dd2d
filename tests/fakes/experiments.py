"""Stand-in for the engine: runs no experiment, remembers what it was asked, and answers with the records it was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gameday.session import Request
from runner.errors import ChaosRunError, ExitCode
from runner.timeline.mark import Mark, Window
from runner.timeline.record import ObjectiveResult, RunRecord

BEGAN = datetime(2027, 2, 9, 9, 0, tzinfo=UTC)
SECOND = 1_000_000_000


def record(run: str = "20270209-090000-0001", *, code: ExitCode = ExitCode.PASS, **changes: object) -> RunRecord:
    """A run of 40 seconds that was detected after 4.2 and recovered after 12.5 seconds."""
    marks = [
        ("injected", 10),
        ("effective", 10),
        ("detected", 14.2),
        ("undo_started", 25),
        ("undone", 26),
        ("recovered", 35),
    ]
    whole = RunRecord(
        run=run, title="a pod dies", experiment="pod-kill.yaml", experiment_hash="0", service="shop", context="playground",
        started=BEGAN, ended=BEGAN + timedelta(seconds=40), started_mono_ns=0, verdict=code.name, exit_code=int(code),
        sentence="every objective held", folder="/nowhere", ttd_s=4.2, ttr_s=12.5,
        objectives=(ObjectiveResult(name="availability", indicator="shop", kind="availability", target=0.99, verdict="PASS",
                                    sentence="3 of 4000 bad", bad=3, total=4000, lower=0.0, upper=0.002),),
        marks=tuple(Mark(name=n, at=BEGAN + timedelta(seconds=s), mono_ns=int(s * SECOND)) for n, s in marks),
        windows=tuple(Window(phase=p, start_ns=a * SECOND, end_ns=b * SECOND) for p, a, b in
                      [("baseline", 0, 10), ("inject", 10, 25), ("undo", 25, 26), ("recover", 26, 35)]),
    )  # fmt: skip
    return replace(whole, **changes)  # type: ignore[arg-type]


class Engine:
    """Answers the n-th request with the n-th of `answers`; an error is raised, a call is made first."""

    def __init__(self, *answers: RunRecord | ChaosRunError | Callable[[], RunRecord]) -> None:
        self.asked: list[Request] = []
        self._answers = list(answers)

    async def __call__(self, request: Request) -> RunRecord:
        self.asked.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, ChaosRunError):
            raise answer
        found = answer() if callable(answer) else answer
        return replace(found, experiment=request.path, gameday=request.gameday)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.ns = 0

    def now(self) -> datetime:
        return BEGAN + timedelta(microseconds=self.ns / 1000)

    def monotonic(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ns += int(seconds * SECOND)
