"""quarterly.sh: what cron calls, with a `gameday` that only notes how it was called."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

from tests.waiting import PATIENCE_S, until

SCRIPT = Path(__file__).parents[2] / "gameday" / "quarterly.sh"
FAKE = """#!/bin/sh
echo "$*" >> "{log}"
case $1 in due) echo spring; exit {due};; run) exit {run};; plan) exit {plan};; esac
"""


def cron(folder: Path, *arguments: str, due: int = 0, plan: int = 0, run: int = 0) -> tuple[int, list[str], str]:
    """The script's exit code, the calls it made, and its log."""
    log = folder / "calls"
    log.write_text("")
    fake = folder / "gameday"
    fake.write_text(FAKE.format(log=log, due=due, plan=plan, run=run))
    fake.chmod(0o755)
    done = subprocess.run(
        [SCRIPT, *arguments],
        env={**os.environ, "GAMEDAY": str(fake)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, log.read_text().splitlines(), done.stdout + done.stderr


def test_whoever_ends_the_script_ends_the_day_in_order(tmp_path: Path) -> None:
    fake, log = tmp_path / "gameday", tmp_path / "calls"
    fake.write_text(
        f"""#!/bin/sh
echo "$*" >> {log}
[ "$1" = run ] || exit 0
trap 'sleep 0.5; echo undone >> {log}; exit 5' TERM
while :; do sleep 0.1; done
"""
    )
    fake.chmod(0o755)
    process = subprocess.Popen(
        [SCRIPT, "--now", "day.yaml"], env={**os.environ, "GAMEDAY": str(fake)}, stdout=subprocess.DEVNULL
    )
    until(lambda: log.exists() and "run " in log.read_text(), "the day has begun")
    process.terminate()
    assert process.wait(PATIENCE_S) == 5, "the exit code of the day"
    assert "undone" in log.read_text().splitlines()


def test_what_is_due_is_planned_run_and_reported(tmp_path: Path) -> None:
    code, calls, said = cron(tmp_path, "--playground", "--context", "kind-a b")
    assert code == 0
    assert calls == [
        "due",
        "plan --schedule spring --playground --context kind-a b",
        "run --plain --schedule spring --playground --context kind-a b",
        "report last",
    ]
    assert "quarterly: done: exit code 0" in said


def test_nothing_due_does_nothing(tmp_path: Path) -> None:
    assert cron(tmp_path, due=1)[:2] == (0, ["due"])


def test_a_schedule_that_cannot_be_read_is_not_taken_for_nothing_due(tmp_path: Path) -> None:
    assert cron(tmp_path, due=2)[:2] == (2, ["due"])


def test_now_and_fast_rehearse_a_scenario(tmp_path: Path) -> None:
    code, calls, _ = cron(tmp_path, "--fast", "--now", "compound", "--out", "/tmp/a b")
    assert (code, calls) == (0, ["plan --fast compound", "run --plain --fast compound", "report last --out /tmp/a b"])


def test_a_refused_plan_runs_nothing(tmp_path: Path) -> None:
    assert cron(tmp_path, "--now", "compound", plan=3)[:2] == (3, ["plan compound"])


def test_a_failed_day_is_reported_and_its_exit_code_passed_on(tmp_path: Path) -> None:
    code, calls, said = cron(tmp_path, "--now", "compound", run=6)
    assert (code, calls[-1]) == (6, "report last")
    assert "quarterly: run: exit code 6" in said


def test_a_second_one_leaves_the_first_alone(tmp_path: Path) -> None:
    state = Path(os.environ["XDG_STATE_HOME"], "chaos-run")
    state.mkdir(parents=True)
    with (state / "quarterly.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, calls, said = cron(tmp_path, "--now", "compound")
    assert (code, calls) == (0, [])
    assert "another GameDay is under way" in said


def test_an_option_without_its_value_is_a_usage_error(tmp_path: Path) -> None:
    assert cron(tmp_path, "--now")[:2] == (2, [])
