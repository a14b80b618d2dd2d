"""ChaosRun: the real command line in a process of its own, with its events as they come."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.kube import until

PROGRAM = (sys.executable, "-m", "runner")
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A finished command: exit code, what it printed, and its events when it was run with --json."""

    code: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[Event]:
        return [json.loads(line) for line in self.stdout.splitlines() if line.startswith("{")]

    def named(self, name: str) -> list[Event]:
        return [e for e in self.events if e["event"] == name]

    @property
    def verdict(self) -> Event:
        return self.named("verdict")[-1]

    @property
    def passed(self) -> bool:
        """PASS, or nothing worse than that this machine was too busy for its own prober, which says nothing of the cluster."""
        starved = self.code == 4 and "the prober was starved" in self.verdict["sentence"]
        return self.code == 0 or (starved and not any(o["verdict"] == "FAIL" for o in self.verdict["objectives"]))


class Running:
    """A run with --json in the background."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        command = [*PROGRAM, "run", *arguments, "--json"]
        self.process = subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, event: str, seconds: float = 60.0) -> Event:
        """The first event of that name. Raises AssertionError when the run ends or the time is over before it."""
        until(lambda: bool(self._seen(event)) or self.process.poll() is not None, seconds, f"the event {event}")
        if not self._seen(event):
            raise AssertionError(f"the run ended before {event}:\n{self.finish().stderr}")
        return self._seen(event)[0]

    def has(self, event: str) -> bool:
        """Whether there was an event of that name so far."""
        return bool(self._seen(event))

    def finish(self, seconds: float = 120.0) -> Outcome:
        """Wait for the end."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        assert self.process.stderr is not None
        return Outcome(code=code, stdout="".join(self._lines), stderr=self.process.stderr.read())

    def close(self) -> None:
        """End what still runs, so that a failed test leaves nothing behind, and its pipes."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _seen(self, event: str) -> list[Event]:
        return [e for e in map(json.loads, list(self._lines)) if e["event"] == event]

    def _read(self) -> None:
        assert self.process.stdout is not None
        self._lines.extend(line for line in self.process.stdout if line.startswith("{"))


@dataclass(frozen=True)
class ChaosRun:
    """`chaos-run` against one cluster's shop."""

    kubeconfig: str
    namespace: str
    shop_url: str

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "KUBECONFIG": self.kubeconfig,
            "SHOP_URL": self.shop_url,
            "SHOP_NAMESPACE": self.namespace,
        }

    def __call__(self, *arguments: str | Path, seconds: float = 180.0, **env: str) -> Outcome:
        """Run any command to its end."""
        command = [*PROGRAM, *map(str, arguments)]
        done = subprocess.run(
            command,
            env=self.env | env,
            text=True,
            capture_output=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Outcome(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def processes(self, run: str) -> dict[str, dict[str, Any]]:
        """Who belongs to a run, `parent`, `worker`, `undoer` and `prober`, as it says itself."""
        state = Path(os.environ["XDG_STATE_HOME"])
        found: dict[str, dict[str, Any]] = json.loads(
            (state / "chaos-run/runs" / run / "processes.json").read_text("utf-8")
        )
        return found

    @contextmanager
    def running(self, *arguments: str | Path) -> Iterator[Running]:
        """Start a run and go on while it runs."""
        run = Running([str(a) for a in arguments], self.env)
        try:
            yield run
        finally:
            run.close()
