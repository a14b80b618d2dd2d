"""Whether the runner of a run still lives, as its folder and the system tell it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from runner.rundir import processes
from runner.rundir.names import PROCESSES


def test_the_process_that_begins_a_run_is_named_with_those_beside_it(tmp_path: Path) -> None:
    processes.write(tmp_path, worker={"pid": 1})
    kept = json.loads((tmp_path / PROCESSES).read_text())
    assert (kept["parent"]["pid"], kept["worker"]) == (os.getpid(), {"pid": 1})
    assert processes.is_parent_alive(tmp_path)
    assert processes.is_parent_this_process(tmp_path)


def test_an_id_that_is_used_again_is_not_the_same_process(tmp_path: Path) -> None:
    assert processes.is_alive(os.getpid(), psutil.Process().create_time())
    assert not processes.is_alive(os.getpid(), psutil.Process().create_time() - 60)


def test_another_runner_of_this_machine_is_alive_and_not_this_process(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        created = psutil.Process(other.pid).create_time()
        (tmp_path / PROCESSES).write_text(json.dumps({"parent": {"pid": other.pid, "create_time": created}}))
        assert (processes.is_parent_alive(tmp_path), processes.is_parent_this_process(tmp_path)) == (True, False)
        other.kill()
        while psutil.Process(other.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert not processes.is_parent_alive(tmp_path), "a process that nobody has waited for has ended"
    assert not processes.is_parent_alive(tmp_path)


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"parent": null}', '{"parent": {"pid": "x"}}'])
def test_a_folder_that_does_not_say_has_no_runner(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / PROCESSES).write_text(text)
    assert not processes.is_parent_alive(tmp_path)
    assert not processes.is_parent_this_process(tmp_path)
