"""An action whose targets a person has named is called with arguments that name them; every other one as the file has it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.engine.preflight import admission
from runner.engine.supervisor import Supervisor
from runner.experiment import apart
from runner.faults.driver import FaultTarget
from runner.process import messages
from runner.undo import setting
from tests.rundir.starts import start


def _action(name: str) -> dict[str, Any]:
    provider = {"type": "python", "module": "tests.fakes.actions", "func": "draw", "arguments": {"count": 3}}
    return {"type": "action", "name": name, "provider": provider}


async def _outputs(folder: Path, lifeline: int, *names: str) -> dict[str, list[str]]:
    document = {"title": "t", "description": "d", "method": [_action(name) for name in names], "rollbacks": []}
    document, _ = apart.told_apart(document)
    supervisor = Supervisor(start(folder, run=f"{folder.name}-{os.getpid()}", document=document), {}, lifeline)
    await supervisor.open()
    try:
        await supervisor.ready()
        await supervisor.inject({"aimed": {"count": 1}})
        found = {}
        async for message in supervisor.worker.messages():
            if isinstance(message, messages.ActivityCompleted):
                found[message.activity["name"]] = message.run["output"]
            if isinstance(message, messages.Finished):
                return found
    finally:
        await supervisor.undo()
        await supervisor.close()
    raise AssertionError("the worker ended before its method did")


@pytest.mark.parametrize(("second", "called"), [("free", "free"), ("aimed", "aimed (2)")])
def test_only_the_aimed_action_is_called_otherwise(second: str, called: str, tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    try:
        found = asyncio.run(_outputs(tmp_path, theirs, "aimed", second))
    finally:
        os.close(ours)
        os.close(theirs)
    assert {name: len(output) for name, output in found.items()} == {"aimed": 1, called: 3}


def _found(name: str, *targets: str, aimed: bool) -> FaultTarget:
    return FaultTarget(action=name, kind="pods", targets=targets, arguments={} if aimed else None, pinned=aimed)


def test_a_pin_that_no_action_can_be_aimed_at_is_an_error_with_the_names_there_are() -> None:
    actions = [_found("one", "pod/shop/a", aimed=True), _found("two", "pod/shop/a", "pod/shop/b", aimed=False)]
    admission.require_pinned(["pod/shop/a"], actions)
    with pytest.raises(errors.UsageError, match="no action of the method can be aimed at pod/shop/b") as raised:
        admission.require_pinned(["pod/shop/a", "pod/shop/b"], actions)
    assert raised.value.hint == "targets of the plan: pod/shop/a, pod/shop/b"


def test_a_fault_system_knows_the_seed_of_the_run(tmp_path: Path) -> None:
    assert setting.of(start(tmp_path, seed=7)).seed == 7
