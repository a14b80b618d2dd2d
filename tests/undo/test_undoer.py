"""The undoer takes nobody for dead who let it go in time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from runner import codec
from runner.rundir import names, start_message
from tests.rundir.starts import start


def _told(where: Path, *orders: dict[str, Any]) -> str:
    """What it says when it hears all of it in one piece and then the end."""
    where.mkdir()
    begun = start(where, run=f"{where.name}-{os.getpid()}", title="a test")
    start_message.save(begun, durable=False)
    said = "".join(json.dumps(order) + "\n" for order in (codec.encode(begun), *orders))
    command = [sys.executable, "-m", "runner.undo.undoer"]
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_a_parent_that_lets_it_go_before_it_listens_did_not_die(tmp_path: Path) -> None:
    _told(tmp_path / "left", {"do": "bye"})
    assert not (tmp_path / "left" / names.RECORD).exists()
    _told(tmp_path / "dead")
    assert (tmp_path / "dead" / names.RECORD).exists(), "one that is gone without a word did"


def test_what_it_is_asked_before_it_listens_is_answered(tmp_path: Path) -> None:
    said = _told(tmp_path / "asked", {"do": "undo", "spare": None, "strays": []}, {"do": "bye"})
    last = json.loads(said.splitlines()[-1])
    assert (last["say"], last["clean"]) == ("undo_done", True)
