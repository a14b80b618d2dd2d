"""The Docker host that Pumba acts on, asked by Docker's own client.

What Pumba says of itself proves nothing, and a Pumba that was killed puts nothing back.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner import errors

DEFAULT = "unix:///var/run/docker.sock"
PUMBAS_OWN = "com.gaiaadm.pumba"
"""A label of Pumba's own containers, which it never strikes."""
SECONDS = 20.0
"""How long one call may take."""


@dataclass(frozen=True)
class Docker:
    """One Docker host."""

    host: str

    @property
    def environment(self) -> dict[str, str]:
        """For Docker's client and for Pumba, so that both reach the same host whatever context is chosen."""
        around = {k: v for k, v in os.environ.items() if k != "DOCKER_CONTEXT"}
        return {**around, "DOCKER_HOST": self.host}

    def call(self, *words: str) -> str:
        """What it printed. Raises EnvironmentFailure with its own words."""
        done = self._call(words)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[:300] or f"exit code {done.returncode}"
            raise errors.EnvironmentFailure(f"docker {words[0]} at {self.host}: {said}")
        return done.stdout

    def _call(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["docker", *words],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise errors.EnvironmentFailure(
                "docker is not installed here: Pumba's effect is looked for with it"
            ) from None
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise errors.EnvironmentFailure(f"docker at {self.host} does not answer: {problem}") from None

    def running(self, label: str = "") -> list[str]:
        """Names of running containers, Pumba's own left out."""
        chosen = ["--filter", f"label={label}"] if label else []
        shown = self.call("ps", "--no-trunc", *chosen, "--format", "{{.Names}}\t{{.Labels}}").splitlines()
        return [line.split("\t")[0].split(",")[0] for line in shown if PUMBAS_OWN not in line.split("\t")[-1]]

    def container(self, name: str) -> Mapping[str, Any] | None:
        """All that is known of it; None where it is not there (any more)."""
        done = self._call(["container", "inspect", name])
        if done.returncode and "no such container" in done.stderr.lower():
            return None
        if done.returncode:
            raise errors.EnvironmentFailure(f"docker at {self.host}: {' '.join(done.stderr.split())[:300]}")
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found[0]

    def made_from(self, image: str) -> list[str]:
        """Ids of containers, running or not, that were made from an image by this very name."""
        ids = self.call("ps", "-aq", "--no-trunc").split()
        found = [self.container(one) for one in ids]
        return [one["Id"] for one in found if one and one["Config"]["Image"] == image]

    def beside(self, container: str, image: str, *command: str) -> str:
        """What a command printed that runs in the container's network, from an image of its own."""
        program, *words = command
        network = ["--network", f"container:{container}", "--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW"]
        return self.call("run", "--rm", *network, "--label", PUMBAS_OWN, "--entrypoint", program, image, *words)


def host(around: Mapping[str, str]) -> str:
    """Where Pumba finds Docker: it knows no contexts of Docker's client."""
    return around.get("DOCKER_HOST") or DEFAULT
