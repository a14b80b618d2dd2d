"""Attack: what one action asks of Pumba, as plain values: which containers by their exact names, and the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from runner import codec, errors
from runner.faults import identity
from runner.faults.detached import Program
from runner.faults.pumba import docker
from runner.faults.pumba.docker import Docker

KILL, PAUSE, DELAY, LOSS, STRESS = "kill", "pause", "delay", "loss", "stress"
ENDING = ("SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP")
LONGEST_S = 3600.0
GLOBAL = ("--log-level", "debug", "--json")
"""Without a log level a dry run names nobody, and zero targets look like success."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One fault, before anything is started."""

    kind: str
    name: str
    """The mark of Pumba's process, and the name of the image that its helpers are made from."""
    host: str
    containers: tuple[str, ...]
    seconds: float
    amount: float = 0.0
    jitter: float = 0.0
    image: str = ""
    """With tc, iptables or stress-ng, for what is done from a container beside the target."""
    interface: str = "eth0"
    signal: str = "SIGKILL"

    @property
    def docker(self) -> Docker:
        return Docker(self.host)

    @property
    def program(self) -> Program:
        return Program.named(self.name)

    @property
    def helper(self) -> str:
        """The image under a name of our own: whatever is made from that is ours."""
        return f"{self.name}:helper"

    @property
    def does(self) -> str:
        said = {
            KILL: f"killed ({self.signal})",
            PAUSE: "paused",
            DELAY: f"answers delayed by {self.amount:g} ms",
            LOSS: f"{self.amount:g} % of the packets that arrive lost",
            STRESS: f"{self.amount:g} processors pressed",
        }
        lasts = "" if self.kind == KILL else f" for {self.seconds:g} s"
        return f"{said[self.kind]}{lasts}: {', '.join(self.containers)}"

    @property
    def words(self) -> list[str]:
        """Of Pumba, after its global options."""
        lasts = ["--duration", f"{self.seconds:g}s"]
        beside = ["--pull-image=false", "--interface", self.interface]
        jitter = ["--jitter", f"{self.jitter:g}", "--correlation", "0"]  # both are added silently where nothing is said
        chance = ["--mode", "random", "--probability", f"{self.amount / 100:g}"]
        stressors = f"--stressors=--cpu {self.amount:g} --timeout {self.seconds:g}s"
        return {
            KILL: ["kill", "--signal", self.signal],
            PAUSE: ["pause", *lasts],
            DELAY: [
                "netem",
                *lasts,
                "--tc-image",
                self.helper,
                *beside,
                "delay",
                "--time",
                f"{self.amount:g}",
                *jitter,
            ],
            LOSS: ["iptables", *lasts, "--iptables-image", self.helper, *beside, "loss", *chance],
            STRESS: ["stress", *lasts, "--stress-image", self.helper, "--pull-image=false", stressors],
        }[self.kind]

    def argv(self, *options: str) -> list[str]:
        return ["pumba", *GLOBAL, *options, *self.words, *self.containers]


KINDS: Mapping[str, tuple[str, str, float, float]] = {
    "kill_containers": (KILL, "", 0, 0),
    "pause_containers": (PAUSE, "", 0, 0),
    "delay_network": (DELAY, "delay_ms", 1, 60_000),
    "lose_packets": (LOSS, "percent", 0.1, 100),
    "stress_cpu": (STRESS, "processors", 1, 256),
}
"""By the action's function: its kind, and the argument that says how much, with its bounds."""


def read(run: str, function: str, given: Mapping[str, Any], around: Mapping[str, str] = os.environ) -> Attack:
    """What an action asks, by its arguments; without containers where none of those that are named runs.

    Raises EnvironmentFailure for what is wrong, and for a Docker host that does not answer.
    """
    kind, argument, least, most = KINDS[function]
    named, label = _named(given.get("containers")), str(given.get("label") or "")
    if not named and not label:
        raise errors.EnvironmentFailure(f"{function} needs containers, by their exact names, or a label")
    image = str(given.get("image") or "")
    if kind in (DELAY, LOSS, STRESS) and not image:
        raise errors.EnvironmentFailure(
            f"{function} needs an image that is on the Docker host, with tc, iptables or stress-ng"
        )
    amount = _number(argument, given.get(argument), least, most) if argument else 0.0
    asked = Attack(
        kind=kind,
        name="",
        host=docker.host(around),
        containers=named,
        seconds=0.0 if kind == KILL else _number("seconds", given.get("seconds"), 1, LONGEST_S),
        amount=amount,
        jitter=_number("jitter_ms", given.get("jitter_ms") or 0, 0, amount) if kind == DELAY else 0.0,
        image=image,
        interface=str(given.get("interface") or "eth0"),
        signal=_ending(str(given.get("signal") or "SIGKILL")),
    )
    asked = replace(asked, name=identity.name(run, {**codec.encode(asked), "label": label}))
    running = asked.docker.running(label)
    return replace(asked, containers=tuple(name for name in named or sorted(running) if name in running))


def _ending(signal: str) -> str:
    """A signal that ends a process: one that is stopped by SIGSTOP would stay so, for nobody undoes that."""
    if signal not in ENDING:
        raise errors.EnvironmentFailure(f"signal has to be one of {', '.join(ENDING)}, not {signal!r}")
    return signal


def _named(value: Any) -> tuple[str, ...]:
    """Exact names; no patterns, which hit more than is meant."""
    names = value if isinstance(value, list | tuple) else str(value or "").replace(",", " ").split()
    if patterns := [name for name in names if str(name).startswith("re2:")]:
        raise errors.EnvironmentFailure(
            f"{patterns[0]!r} is a pattern, which may hit more than is meant: name the containers"
        )
    return tuple(map(str, names))


def _number(name: str, value: Any, least: float, most: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise errors.EnvironmentFailure(f"{name} has to be a number, not {value!r}") from None
    if not least <= number <= most:
        raise errors.EnvironmentFailure(f"{name} has to be from {least:g} to {most:g}, not {number:g}")
    return number
