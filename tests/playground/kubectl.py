"""The real kubectl, on whichever cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import until

PROGRAM = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or "kubectl"


@dataclass(frozen=True)
class Kubectl:
    """Calls in one namespace of one cluster."""

    kubeconfig: Path
    namespace: str

    def run(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """One call, whatever comes of it."""
        command = [PROGRAM, f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        """What it prints; an error is one."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *words: str) -> Any:
        return json.loads(self("get", *words, "--output=json"))

    def items(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(*words)["items"]
        return found

    def names(self, *words: str) -> list[str]:
        return [found["metadata"]["name"] for found in self.items(*words)]

    def settled(self, replicas: int = 3) -> None:
        """The shop with this many ready pods and no others."""
        self("scale", "deployment/shop", f"--replicas={replicas}")
        self("rollout", "status", "deployment/shop", "--timeout=60s")
        until(lambda: len(self.names("pods", "--selector=app=shop")) == replicas, f"there are {replicas} pods")
