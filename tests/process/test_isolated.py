"""A forked call may hang, crash or exit, and its caller goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from runner.process.isolated import Forked
from tests.waiting import HANG_S, PATIENCE_S, ended, text_of, until


def test_the_value_comes_back() -> None:
    assert Forked(lambda: {"pods": ["a", "b"]}, 5).wait() == {"value": {"pods": ["a", "b"]}}


def test_a_large_value_comes_back_whole() -> None:
    answer = Forked(lambda: "x" * 3_000_000, 10).wait()
    assert len(answer["value"]) == 3_000_000


def test_an_exception_is_an_answer() -> None:
    def fails() -> None:
        raise ConnectionError("refused")

    assert Forked(fails, 5).wait() == {"error": "ConnectionError: refused"}


def test_sys_exit_is_an_answer() -> None:
    def leaves() -> None:
        raise SystemExit(30)

    assert Forked(leaves, 5).wait() == {"error": "SystemExit: 30"}


def test_a_crash_is_an_answer() -> None:
    assert "SIGKILL" in Forked(lambda: os.kill(os.getpid(), signal.SIGKILL), 5).wait()["error"]


def test_a_call_that_hangs_is_given_up_at_its_deadline() -> None:
    began = time.monotonic()
    answer = Forked(lambda: time.sleep(HANG_S), 0.3).wait()
    assert "no answer within 0.3 s" in answer["error"]
    assert time.monotonic() - began < PATIENCE_S


def test_a_call_whose_caller_was_killed_ends_by_itself(tmp_path: Path) -> None:
    script = (
        "import os, sys, time; from pathlib import Path; from runner.process.isolated import Forked\n"
        "Forked(lambda: (Path(sys.argv[1]).write_text(str(os.getpid())), time.sleep(1000)), 0.2)\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "pid")], check=False, timeout=60)
    call = int(text_of(tmp_path / "pid"))
    until(lambda: ended(call), "the call has ended by itself")


def test_an_answer_that_json_cannot_hold_is_an_answer() -> None:
    assert Forked(lambda: {("a", 1): {b"x"}}, 5).wait() == {"value": {"('a', 1)": ["x"]}}
