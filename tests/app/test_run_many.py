"""The one loop over several experiments: what keeps one from running is a result among results, and who ends the series."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runner import errors
from runner.app.run_many import Interruption, run_many
from runner.engine.options import NullView
from runner.errors import ExitCode
from runner.rundir import inbox
from runner.timeline import result
from runner.timeline.mark import Mark
from runner.timeline.record import RunRecord
from runner.timeline.result import ExperimentResult
from tests.fakes import experiments

Answer = RunRecord | errors.ChaosRunError | Callable[[Interruption], RunRecord]


class Host:
    """Answers for the n-th experiment with the n-th of `answers`."""

    signal: signal.Signals | None = None

    def __init__(self, *answers: Answer, not_ready: str = "") -> None:
        self.kept: list[tuple[int, str]] = []
        self._answers = answers
        self._not_ready = not_ready

    async def ready(self, at: int) -> str:
        return self._not_ready if at else ""

    async def run(self, at: int, interruption: Interruption) -> RunRecord:
        answer = self._answers[at]
        if isinstance(answer, errors.ChaosRunError):
            raise answer
        return answer if isinstance(answer, RunRecord) else answer(interruption)

    def keep(self, at: int, found: ExperimentResult) -> None:
        self.kept.append((at, found.verdict))

    def ends(self, at: int, found: ExperimentResult) -> str:
        return ""


def play(host: Host, known: list[ExperimentResult] | None = None) -> tuple[list[ExperimentResult], str]:
    known = known or [result.not_run(name, "not yet") for name in "abc"]
    return known, asyncio.run(run_many(known, host))


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (errors.InvalidFile("not an experiment"), "invalid"),
        (errors.Refused("the policy says no", reasons=("production",)), "refused"),
        (errors.EnvironmentFailure("the source does not answer"), "environment"),
    ],
)
def test_an_experiment_that_cannot_start_is_a_result_and_the_next_one_runs(
    problem: errors.ChaosRunError, kind: str
) -> None:
    host = Host(experiments.record(), problem, experiments.record())
    known, over = play(host)
    assert [(one.kind, one.code) for one in known] == [("", 0), (kind, problem.exit_code), ("", 0)]
    assert known[1].sentence == problem.message
    assert not over
    assert [at for at, _ in host.kept] == [0, 0, 1, 1, 2, 2]


def test_what_is_begun_is_kept_before_it_runs() -> None:
    seen: list[tuple[int, str]] = []
    host = Host(lambda _: seen.extend(host.kept) or experiments.record(), experiments.record(), experiments.record())  # type: ignore[func-returns-value]
    play(host)
    assert seen == [(0, "NOT FINISHED")]


def test_what_could_never_run_is_passed_over() -> None:
    known = [result.of_error("a", errors.InvalidFile("no")), result.not_run("b", "not yet")]
    host = Host(experiments.record(), experiments.record())
    found, _ = play(host, known)
    assert [one.verdict for one in found] == ["INVALID", "PASS"]


ABORTED = replace(
    experiments.record(code=ExitCode.ABORTED),
    marks=(Mark(name="aborted", at=experiments.BEGAN, mono_ns=1, source="person"),),
)


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (
            experiments.record(code=ExitCode.UNDO_FAILED),
            "the undo of a failed or left something behind, which would falsify every other run",
        ),
        (errors.Interrupted("stopped; nothing was injected"), "a person interrupted a"),
        (ABORTED, "a person stopped a"),
    ],
    ids=["undo failed", "interrupted", "stopped"],
)
def test_what_is_still_broken_and_a_person_end_the_series(first: Answer, why: str) -> None:
    known, over = play(Host(first))
    assert over == why
    assert [one.sentence for one in known[1:]] == [f"not run: {why}"] * 2
    assert {one.kind for one in known[1:]} == {result.NOT_RUN}


def test_a_guard_that_ends_a_run_does_not_end_the_series() -> None:
    known, over = play(Host(experiments.record(code=ExitCode.ABORTED), experiments.record(), experiments.record()))
    assert ([one.verdict for one in known], over) == (["ABORTED", "PASS", "PASS"], "")


def test_ctrl_c_that_comes_too_late_for_a_verdict_still_ends_the_series() -> None:
    def late(interruption: Interruption) -> RunRecord:
        with interruption.watch(NullView()) as view:
            view.interrupted(1)
        return experiments.record()

    known, over = play(Host(late))
    assert ([one.verdict for one in known], over) == (["PASS", "NOT RUN", "NOT RUN"], "a person stopped a")


def test_a_stop_from_another_terminal_that_comes_too_late_ends_the_series_too(tmp_path: Path) -> None:
    inbox.post(tmp_path, {"kind": "stop"})
    known, over = play(Host(experiments.record(folder=str(tmp_path))))
    assert ([one.verdict for one in known], over) == (["PASS", "NOT RUN", "NOT RUN"], "a person stopped a")


def test_a_host_that_is_not_ready_leaves_the_rest_undone_and_says_why() -> None:
    known, over = play(Host(experiments.record(), not_ready="SIGTERM came before it"))
    assert over == "SIGTERM came before it"
    assert [one.sentence for one in known[1:]] == ["not run: SIGTERM came before it"] * 2


def test_a_signal_that_the_host_caught_before_the_run_could_is_raised_again_for_it() -> None:
    heard: list[int] = []

    def deaf_until_now(interruption: Interruption) -> RunRecord:
        before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
        try:
            with interruption.watch(NullView()):
                return experiments.record()
        finally:
            signal.signal(signal.SIGTERM, before)

    host = Host(deaf_until_now, experiments.record(), experiments.record())
    host.signal = signal.SIGTERM
    play(host)
    assert heard == [signal.SIGTERM]
