"""Whoever of the run's processes is killed, and whenever: no fault is left, and the record is whole."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.rundir import inbox
from tests.journeys import harness
from tests.journeys.harness import ROOT, Run, Service, experiment, http, python, record, started
from tests.notify.receiver import receiver
from tests.waiting import HANG_S, ended, until

PARTS = ("parent", "worker", "undoer", "prober")
SINGLES_AND_PAIRS = [c for n in (1, 2) for c in itertools.combinations(PARTS, n)]
MOMENTS = (
    "run_started",
    "baseline",
    "activity",
    "injected",
    "hypothesis",
    "abort",
    "undo_started",
    "undo_step",
    "undone",
    "recovered",
)
"""Every event of a run that is stopped in the middle: the instrumented points."""


def _document(service: Service, seconds: float = HANG_S) -> harness.Json:
    action = python("break-and-wait", "break_and_wait", {"url": "${url}", "seconds": seconds})
    document = experiment(service, method=[action])
    document["steady-state-hypothesis"] = {
        "title": "up",
        "probes": [http("answers", "/health", "probe", tolerance=200)],
    }
    return document


def _broken(run: Run, service: Service) -> None:
    """Wait until the fault is really in."""
    run.until("activity", state="started")
    service.until_broken()


@pytest.mark.parametrize("killed", SINGLES_AND_PAIRS, ids="+".join)
def test_no_fault_is_left_after_any_one_or_two_are_killed(
    killed: tuple[str, ...], service: Service, tmp_path: Path
) -> None:
    with started(tmp_path, _document(service)) as run:
        _broken(run, service)
        run.kill(*killed)
        service.until_mended()
        if "parent" not in killed:
            assert run.finish() in (5, 7)
        kept = record(run)
    assert kept["verdict"] in ("ENVIRONMENT", "ABORTED")
    assert [s["what"] for s in kept["undo"] if s["state"] == "undone"][-1:] == ["mend"]
    assert not kept["residue"]


def test_three_killed_leave_it_to_the_last_one(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _document(service)) as run:
        _broken(run, service)
        run.kill("parent", "undoer", "worker")
        service.until_mended()
        assert record(run)["exit_code"] == 7


def test_when_all_are_killed_the_next_start_puts_back_first(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _document(service)) as run:
        _broken(run, service)
        run.kill(*PARTS)
    time.sleep(0.5)
    assert service.broken, "nobody was left to undo"
    with started(tmp_path, experiment(service, method=[python("nothing", "nothing")])) as after:
        after.until("run_started")
        assert not service.broken
        after.finish()
    assert record(run)["verdict"] == "ENVIRONMENT"


def test_recover_puts_back_and_says_so(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _document(service)) as run:
        _broken(run, service)
        run.kill(*PARTS)
    done = _recover()
    assert done.returncode == 0, done.stderr
    assert "mend" in done.stdout
    assert not service.broken
    assert _recover().stdout == "Nothing is left open.\n"


def test_what_can_never_be_put_back_is_closed_by_a_person_who_says_why(service: Service, tmp_path: Path) -> None:
    """The service is gone for good: without a way out no run would ever begin again. Nobody survived to tell: it is told late."""
    document = _document(service)
    document["rollbacks"] = [python("gone", "last_words", {"text": "no such service"})]
    with receiver() as pager:
        told = {"channels": [{"name": "pager", "webhook": pager.url, "levels": ["critical"]}]}
        (tmp_path / "notify.yaml").write_text(json.dumps(told))
        with pytest.MonkeyPatch.context() as settings:
            settings.setenv("CHAOS_RUN_NOTIFY", str(tmp_path / "notify.yaml"))
            with started(tmp_path, document) as run:
                _broken(run, service)
                run.kill(*PARTS)
        assert _recover().returncode == 6, "from another shell, without the settings of the run"
    ((body),) = pager.bodies()
    assert (
        "the runner died, and NOT everything was put back: gone. Sent late: the last sign of life of the runner was at"
        in body["text"]
    )
    name = run.events[0]["run"]
    harmless = experiment(service, method=[python("nothing", "nothing")])
    service.get("/mend")
    with started(tmp_path, harmless) as refused:
        assert refused.finish() == 3
        said = refused.stderr()
        assert said.startswith("error: an earlier run"), "and nothing before it"
        assert "--by-hand" in said
    assert _recover("--by-hand", name).returncode == 2, "not without a reason"
    assert _recover("--by-hand", "20200101", "--reason", "x").returncode == 2, "not a run that is not there"
    done = _recover("--by-hand", name, "--reason", "restarted the service myself")
    assert done.returncode == 0, done.stderr
    assert "restarted the service myself" in (run.folder / "ledger.jsonl").read_text()
    assert record(run)["verdict"] == "UNDO_FAILED", "what happened is not rewritten"
    with started(tmp_path, harmless) as free:
        assert free.finish() != 3


def _recover(*more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", "recover", *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


EVERYBODY_EVERYWHERE = [(killed, moment) for moment in MOMENTS for killed in SINGLES_AND_PAIRS]
POINTS = [(("parent",), moment) for moment in MOMENTS[1:]] + EVERYBODY_EVERYWHERE[::11]
"""The runner at every point, the others and the pairs taking turns; CHAOS_RUN_ALL_KILLS=1 kills everybody everywhere."""


@pytest.mark.parametrize(
    ("killed", "moment"),
    EVERYBODY_EVERYWHERE if os.environ.get("CHAOS_RUN_ALL_KILLS") else POINTS,
    ids=lambda v: v if isinstance(v, str) else "+".join(v),
)
def test_nothing_is_left_whoever_is_killed_at_an_instrumented_point(
    killed: tuple[str, ...], moment: str, service: Service, tmp_path: Path
) -> None:
    with started(tmp_path, _document(service, seconds=3.0)) as run:
        if moment in ("abort", "undo_started", "undo_step", "undone", "recovered"):
            _broken(run, service)
            inbox.post(run.folder, {"kind": "stop", "by": "a test"})
        run.until(moment)
        run.kill(*killed)
        _all_is_put_back(run, killed, service)


@pytest.mark.slow("random moments of runs of five seconds each; the instrumented points are always killed at")
@pytest.mark.parametrize("seed", range(int(os.environ.get("CHAOS_RUN_RANDOM_KILLS", "6"))))
def test_nothing_is_left_whoever_is_killed_at_random_moments(seed: int, service: Service, tmp_path: Path) -> None:
    dice = random.Random(seed)
    killed = dice.choice(SINGLES_AND_PAIRS)
    with started(tmp_path, _document(service, seconds=2.0)) as run:
        run.until("run_started")
        time.sleep(dice.uniform(0, 5.0))
        if run.process.poll() is None:
            run.kill(*killed)
        _all_is_put_back(run, killed, service)


def _all_is_put_back(run: Run, killed: tuple[str, ...], service: Service) -> None:
    """Soon, for good, and with a record that says so."""
    code = run.finish() if "parent" not in killed else None
    if code in (7, 130) and not run.folder.exists():  # it came before the first change
        assert service.get("/log") == ""
        return
    service.until_mended()
    _next_start_where_all_died(run)
    kept = record(run)
    time.sleep(0.3)
    assert not service.broken, "and nobody broke it again"
    assert not kept["residue"]
    assert not [s for s in kept["undo"] if s["state"] == "failed"]


def _next_start_where_all_died(run: Run) -> None:
    """After the method worker and prober have ended; whoever kills the two others has killed all."""
    kept, pids = run.folder / "record.json", run.pids().values()
    until(lambda: kept.exists() or all(map(ended, pids)), "there is a record, or nobody left to write it")
    if not kept.exists():
        subprocess.run([sys.executable, "-m", "runner", "recover"], cwd=ROOT, timeout=60, check=True)


def test_no_finished_sample_is_lost_with_the_prober(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, _document(service)) as run:
        _broken(run, service)
        run.kill("prober")
        assert run.finish() == 5
        assert "silent" in run.verdict["sentence"] or "no data" in run.verdict["sentence"]
        from runner.probe import tape

        samples = tape.read_all(
            run.folder / json.loads((run.folder / "record.json").read_text())["indicators"][0]["tape"]
        )
    assert sum(s.done for s in samples) >= 40
