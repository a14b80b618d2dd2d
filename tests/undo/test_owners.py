"""Who undoes an action: rollbacks that only look or wait put nothing back, and nobody may believe that they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.undo.inspection import World
from tests.journeys.test_commands import chaos_run
from tests.rundir.starts import start

Json = dict[str, Any]
BREAK = {"type": "action", "name": "break", "provider": {"type": "process", "path": "true"}}
LOOK = {"type": "probe", "name": "look", "provider": {"type": "http", "url": "http://127.0.0.1:9/"}}
SLEEP = {"type": "python", "module": "time", "func": "sleep", "arguments": {"secs": 1}}
WAIT = {"type": "action", "name": "wait", "provider": SLEEP}
DOZE = {"type": "action", "name": "doze", "provider": {"type": "process", "path": "/bin/sleep", "arguments": ["1"]}}
MEND = {"type": "action", "name": "mend", "provider": {"type": "process", "path": "true"}}
CALL = {"type": "action", "name": "call", "provider": LOOK["provider"]}


def document(*rollbacks: Json) -> Json:
    return {"title": "t", "description": "d", "method": [BREAK], "rollbacks": list(rollbacks)}


@pytest.mark.parametrize(
    ("rollbacks", "owner"),
    [
        ((), "nobody"),
        ((LOOK,), "nobody"),
        ((WAIT, DOZE, LOOK), "nobody"),
        ((MEND,), "undoer"),
        ((LOOK, WAIT, MEND), "undoer"),
        ((CALL,), "undoer"),
    ],
    ids=["none", "a probe", "pauses", "an action", "an action among them", "a call"],
)
def test_a_rollback_that_changes_nothing_is_no_undo(rollbacks: tuple[Json, ...], owner: str) -> None:
    (found,) = World(start(document=document(*rollbacks))).inspect().actions
    assert found.owner == owner


def test_the_plan_says_that_nobody_undoes_it(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    said = []
    for rollbacks in ((LOOK, DOZE), (LOOK, MEND)):
        file.write_text(json.dumps(document(*rollbacks)), "utf-8")
        said.append("NOBODY: no rollback that could put it back" in chaos_run("plan", str(file), "--no-cluster").stdout)
    assert said == [True, False]
