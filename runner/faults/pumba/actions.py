"""Actions that strike containers by the program Pumba, for a file's `provider: {type: python, module: runner.faults.pumba.actions}`.

First a dry run: the containers that Pumba would strike have to be those that are named, and at least one. Then Pumba runs in a process
of its own, which ends the fault after `seconds`, and the action returns when Docker shows that the fault has begun.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from runner import codec, errors
from runner.faults import detached, identity
from runner.faults.detached import Program
from runner.faults.pumba import attack, life
from runner.faults.pumba.attack import Attack

DRY_S = 30.0


def kill_containers(containers: Sequence[str] | str = (), label: str = "", signal: str = "SIGKILL") -> dict[str, Any]:
    """Send a signal to the first process of each container."""
    return _strike("kill_containers", {"containers": containers, "label": label, "signal": signal})


def pause_containers(seconds: float, containers: Sequence[str] | str = (), label: str = "") -> dict[str, Any]:
    """Freeze all processes of each container."""
    return _strike("pause_containers", {"seconds": seconds, "containers": containers, "label": label})


def delay_network(
    delay_ms: float,
    seconds: float,
    image: str,
    jitter_ms: float = 0,
    containers: Sequence[str] | str = (),
    label: str = "",
    interface: str = "eth0",
) -> dict[str, Any]:
    """Delay all packets that leave each container (tc netem)."""
    amount = {"delay_ms": delay_ms, "jitter_ms": jitter_ms, "interface": interface}
    return _strike(
        "delay_network", {**amount, "seconds": seconds, "image": image, "containers": containers, "label": label}
    )


def lose_packets(
    percent: float,
    seconds: float,
    image: str,
    containers: Sequence[str] | str = (),
    label: str = "",
    interface: str = "eth0",
) -> dict[str, Any]:
    """Drop a share of the packets that arrive at each container (iptables)."""
    amount = {"percent": percent, "interface": interface}
    return _strike(
        "lose_packets", {**amount, "seconds": seconds, "image": image, "containers": containers, "label": label}
    )


def stress_cpu(
    processors: int, seconds: float, image: str, containers: Sequence[str] | str = (), label: str = ""
) -> dict[str, Any]:
    """Press so many processors from within the limits of each container (stress-ng)."""
    amount = {"processors": processors, "seconds": seconds, "image": image}
    return _strike("stress_cpu", {**amount, "containers": containers, "label": label})


def restore() -> list[str]:
    """End whatever this run has done by these actions, and say what it was: the rollback for plain `chaos run`."""
    noted = [Program.named(name).noted() for name in sorted(detached.of_run(identity.run_id()))]
    found = [(codec.decode(Attack, note["attack"]), note["before"]) for note in noted if "attack" in note]
    return [asked.does for asked, earlier in found if life.end(asked, earlier)]


def _strike(function: str, given: dict[str, Any]) -> dict[str, Any]:
    if not shutil.which("pumba"):
        raise errors.EnvironmentFailure("pumba is not installed here: https://github.com/alexei-led/pumba")
    asked = attack.read(identity.run_id(), function, given)
    if not asked.containers:
        raise errors.EnvironmentFailure("none of the containers that are named runs: nothing was done")
    earlier = life.prepare(asked)
    try:
        compare(asked, _dry_run(asked))
        asked.program.start(
            asked.argv(), note={"attack": codec.encode(asked), "before": earlier}, environment=asked.docker.environment
        )
        life.began(asked, earlier)
    except errors.EnvironmentFailure:
        life.end(asked, earlier)
        raise
    return {"name": asked.name, "does": asked.does}


def compare(asked: Attack, named: set[str]) -> None:
    """Pumba's own list and ours: neither may have one more. Raises EnvironmentFailure."""
    if not named:
        raise errors.EnvironmentFailure(
            "Pumba's dry run names no container, although it ends with exit code 0: nothing was done"
        )
    if more := named - {*asked.containers}:
        raise errors.EnvironmentFailure(f"Pumba would strike {', '.join(sorted(more))} too: nothing was done")
    if less := {*asked.containers} - named:
        raise errors.EnvironmentFailure(f"Pumba would not strike {', '.join(sorted(less))}: nothing was done")


def _dry_run(asked: Attack) -> set[str]:
    """The containers that it says it would strike."""
    try:
        done = subprocess.run(
            asked.argv("--dry-run"),
            env=asked.docker.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DRY_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise errors.EnvironmentFailure(f"Pumba's dry run: {problem}") from None
    if done.returncode:
        words = " ".join((done.stderr or done.stdout).split())[-300:]
        raise errors.EnvironmentFailure(f"Pumba's dry run ends with exit code {done.returncode}: {words}")
    return struck(f"{done.stdout}\n{done.stderr}")


def struck(log: str) -> set[str]:
    """Of the lines that belong to a dry run, the container's name."""
    found = set[str]()
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("dryrun") is True and entry.get("name"):
            found.add(str(entry["name"]).lstrip("/"))
    return found
