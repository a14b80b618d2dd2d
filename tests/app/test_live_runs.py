"""A run that is stopped before it changed anything takes its own folder away: that is no death."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

from runner import errors
from runner.app.live_runs import LocalRun
from runner.rundir import processes
from runner.rundir.live import LiveRun
from runner.rundir.names import PROCESSES


def test_a_folder_that_is_being_removed_is_not_a_runner_that_died(tmp_path: Path) -> None:
    folder = tmp_path / "20260101-000000-abcd"
    folder.mkdir()
    processes.write(folder)
    first_half_is_gone = threading.Event()

    def remove() -> None:
        (folder / PROCESSES).unlink()  # what rmtree may meet first
        first_half_is_gone.set()
        time.sleep(0.5)
        shutil.rmtree(folder)

    remover = threading.Thread(target=remove)
    remover.start()
    first_half_is_gone.wait()
    ending = LocalRun(LiveRun(folder.name, folder)).wait_for_end(time.monotonic() + 30)
    remover.join()
    assert ending.code == errors.ExitCode.PASS
    assert "died" not in ending.sentence


def test_a_runner_that_ended_without_a_word_has_died(tmp_path: Path) -> None:
    folder = tmp_path / "20260101-000000-abcd"
    folder.mkdir()
    (folder / PROCESSES).write_text('{"parent": {"pid": 1, "create_time": 1.0}}')
    ending = LocalRun(LiveRun(folder.name, folder)).wait_for_end(time.monotonic() + 30)
    assert ending.code == errors.ExitCode.ENVIRONMENT
    assert "its runner died while stopping" in ending.sentence
