"""Actions that press this machine with stress-ng, for a file's `provider: {type: python, module: runner.faults.stress_ng.actions}`.

Each returns when the kernel shows the effect, and ends what it started when it does not. stress-ng ends after `seconds` by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner import clock, errors
from runner.faults import detached, identity
from runner.faults.detached import Program
from runner.faults.stress_ng import cgroup, evidence, remains, stress
from runner.faults.stress_ng.stress import Stress

EFFECTIVE_S = 20.0
"""How long the effect may take to be seen."""


def stress_cpu(seconds: float, workers: int = 0, load: int = 100) -> dict[str, Any]:
    """Keep processors busy: `workers` processes (0: one for each processor), each for `load` percent of its time."""
    return _press("stress_cpu", {"seconds": seconds, "workers": workers, "load": load})


def stress_memory(megabytes: int, seconds: float, until_oom: bool = False, control_group: str = "") -> dict[str, Any]:
    """Take memory and hold it; `until_oom`: grow until the kernel kills for it, in a control group limited to `megabytes`.

    `control_group`: press somebody else's limit, for instance `system.slice/shop.service`.
    """
    return _press(
        "stress_memory",
        {"megabytes": megabytes, "seconds": seconds, "until_oom": until_oom, "control_group": control_group},
    )


def fill_disk(folder: str, seconds: float, full_percent: int = 100, leave_free_mb: int = 1024) -> dict[str, Any]:
    """Fill the disk that the folder is on to `full_percent`, and leave `leave_free_mb` free in any case."""
    given = {"folder": folder, "seconds": seconds, "full_percent": full_percent, "leave_free_mb": leave_free_mb}
    return _press("fill_disk", given)


def stop() -> list[str]:
    """End whatever this run has started by these actions, and say what it was: the rollback for plain `chaos run`."""
    noted = [Program.named(name).noted() for name in sorted(detached.of_run(identity.run_id()))]
    return [note["name"] for note in noted if "groups" in note and remains.end(note)[0]]


def _press(function: str, given: dict[str, Any]) -> dict[str, Any]:
    asked = stress.read(identity.run_id(), function, given)
    remains.end(remains.arguments(asked))  # what this run itself left, by the same name
    earlier = evidence.before(asked)
    try:
        sentence = _start(asked, earlier)
    except errors.EnvironmentFailure:
        remains.end(remains.arguments(asked))
        raise
    return {"name": asked.name, "does": asked.does, "seen": sentence}


def _start(asked: Stress, earlier: dict[str, Any]) -> str:
    program = asked.program
    cgroup.make(program.groups, memory=asked.memory_limit, cores=asked.limit_cores)
    if program.files:
        program.files.mkdir(mode=0o700, exist_ok=True)
    program.start(asked.argv, joins=[*map(Path, asked.joins)], note=remains.arguments(asked))
    seen, sentence = clock.poll_until(
        lambda: evidence.look(asked, earlier),
        min(EFFECTIVE_S, asked.seconds),
        0.1,
        enough=lambda found: found[0] or program.exit_code() is not None,
    )
    if not seen:
        raise errors.EnvironmentFailure(f"stress-ng has no effect on {asked.target}: {sentence}")
    return sentence
