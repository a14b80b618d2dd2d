"""What a stress leaves on the machine: processes, control groups, files; ended, removed, and looked for again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from runner import errors
from runner.faults.detached import Program
from runner.faults.stress_ng import cgroup, exit_codes
from runner.faults.stress_ng.stress import Stress

Arguments = Mapping[str, Any]
"""Of an undo record: `name`, `groups` (control groups of its own), `files` (the folder of its files, or empty)."""


def arguments(asked: Stress) -> dict[str, Any]:
    """Plain values, for an undo record."""
    return {"name": asked.name, "groups": [*asked.groups], "files": asked.files}


def end(args: Arguments) -> tuple[bool, str]:
    """Whether there was anything to undo, and what has to be said of it. Raises EnvironmentFailure for what is still there."""
    program = _program(args)
    earlier = program.exit_code()
    ended = program.end()
    removed = cgroup.remove(program.groups)
    if program.files and program.files.is_dir():
        removed = True
        shutil.rmtree(program.files, ignore_errors=True)
    program.forget()
    if left := [*left_of(args)]:
        raise errors.EnvironmentFailure("; ".join(left))
    note = f"stress-ng had ended before with {exit_codes.said(earlier)}" if earlier else ""
    return ended or removed, note


def left_of(args: Arguments) -> Iterator[str]:
    """What is still there, a sentence each."""
    program = _program(args)
    for process in program.alive():
        yield f"process {process.pid} of {program.name} still runs"
    for group in program.groups:
        if group.exists():
            yield f"the control group {group} is still there"
    if program.files and program.files.exists():
        yield f"the files in {program.files} are still there"


def nothing(args: Arguments) -> str:
    """The evidence that nothing is left."""
    places = [f"no process of {args['name']}"]
    places += [f"no control group {group}" for group in args["groups"]]
    places += [f"no folder {args['files']}"] if args["files"] else []
    return ", ".join(places)


def _program(args: Arguments) -> Program:
    return Program.named(args["name"], args["groups"], args["files"])
