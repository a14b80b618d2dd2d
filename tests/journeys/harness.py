"""How a journey is made: a real service, a real experiment file, a real `chaos-run` process, watched through its events."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.waiting import until

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
UNHURRIED = "10s"
"""A timeout for a service that answers at once. A request that our own prober sends a tenth of it late is unmeasured
(docs/measurement.md 3.4), and one in a hundred of those is INCONCLUSIVE: of 1s it took a machine that stalls for a seventh of a
second, whatever the test is about."""


@dataclass
class Service:
    """The service under test."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return str(answer.read().decode())

    @property
    def broken(self) -> bool:
        return self.get("/state") == "broken"

    def until_broken(self) -> None:
        until(lambda: self.broken, "the fault is in")

    def until_mended(self) -> None:
        """Long before the activities would end by themselves, which take HANG_S."""
        until(lambda: not self.broken, "the fault is put back")


@contextlib.contextmanager
def service(port: int) -> Iterator[Service]:
    """A service in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.service", str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield Service(port)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def http(name: str, path: str, kind: str = "action", **extra: Any) -> Json:
    """An activity that asks the service something."""
    return {"type": kind, "name": name, "provider": {"type": "http", "url": "${url}" + path, "timeout": 10}, **extra}


def python(name: str, func: str, arguments: Json | None = None, **extra: Any) -> Json:
    """An activity of tests/fakes/actions.py."""
    provider = {"type": "python", "module": "tests.fakes.actions", "func": func, "arguments": arguments or {}}
    return {"type": "action", "name": name, "provider": provider, **extra}


def experiment(
    service: Service, *, method: Sequence[Json], rollbacks: Sequence[Json] | None = None, **block: Any
) -> Json:
    """A whole experiment against the service; `block` overrides parts of our own block."""
    ours = {
        "name": "chaos-run",
        "service": "journey",
        "traffic": [{"name": "front", "url": "${url}/health", "rate": 50, "timeout": UNHURRIED}],
        "objectives": [{"name": "availability", "indicator": "front", "target": "90%"}],
        "windows": {"baseline": "1s", "recovery": "20s", "stable": "500ms"},
        "abort": [{"duration": "60s"}],
        **block,
    }
    return {
        "title": "a journey",
        "description": "made by a test",
        "configuration": {"url": service.url},
        "method": list(method),
        "rollbacks": [http("mend", "/mend")] if rollbacks is None else list(rollbacks),
        "extensions": [{k: v for k, v in ours.items() if v is not None}],
    }


@dataclass
class Run:
    """A `chaos-run` process and what it has said so far."""

    process: subprocess.Popen[str]
    events: list[Json] = field(default_factory=list)
    last_words: str = ""
    """Its standard error, once it is over."""

    def until(self, name: str, **wanted: Any) -> Json:
        """Read events until one of that name with those fields."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            if event["event"] == name and all(event.get(k) == v for k, v in wanted.items()):
                return dict(event)
        raise AssertionError(f"no {name} {wanted} in {[e['event'] for e in self.events]}: {self.stderr()}")

    def finish(self) -> int:
        """Read the rest and wait; the exit code."""
        assert self.process.stdout is not None
        self.events += [json.loads(line) for line in self.process.stdout]
        return self.process.wait(60)

    def named(self, name: str) -> list[Json]:
        return [e for e in self.events if e["event"] == name]

    @property
    def verdict(self) -> Json:
        return self.named("verdict")[-1]

    @property
    def folder(self) -> Path:
        return Path(os.environ["XDG_STATE_HOME"]) / "chaos-run" / "runs" / self.events[0]["run"]

    def pids(self) -> dict[str, int]:
        """The processes of the run by name, from its own file."""
        found = json.loads((self.folder / "processes.json").read_text())
        return {name: process["pid"] for name, process in found.items()}

    def kill(self, *names: str) -> None:
        """All of them at one moment: none notices the death of another before its own."""
        pids = self.pids()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for name in names:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pids[name], number)

    def stderr(self) -> str:
        """Its last words, and its verdict where there is one: what a test that fails has to say."""
        assert self.process.stderr is not None
        if self.process.poll() is None:
            return "(still running)"
        return self.process.stderr.read() + "".join(f"\n{told['sentence']}" for told in self.named("verdict"))


@contextlib.contextmanager
def started(folder: Path, document: Json, *options: str, cwd: Path = ROOT) -> Iterator[Run]:
    """Write the experiment and run it; whatever is left of the process at the end is killed."""
    file = folder / "experiment.json"
    file.write_text(json.dumps(document))
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "run", str(file), "--json", *options],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run = Run(process)
    try:
        yield run
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


def record(run: Run) -> Json:
    """The record in the run's folder; waits for it, since a survivor may still be writing."""
    path = run.folder / "record.json"
    until(path.exists, "there is a record")
    return dict(json.loads(path.read_text()))


def shortened(path: Path) -> Json:
    """A shipped experiment with its pauses cut to a second: the rest is as it is."""
    from runner.experiment import source

    document: Json = json.loads(json.dumps(source.read(str(path)).tree))
    for activity in document["method"]:
        if "pauses" in activity:
            activity["pauses"] = {"after": 1}
    return document
