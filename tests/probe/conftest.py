"""A real service and a real prober, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner import codec
from runner.probe import messages, tape
from runner.slo.sample import Sample
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]


@dataclass
class Service:
    process: subprocess.Popen[bytes]
    url: str


@pytest.fixture
def service() -> Iterator[Service]:
    process = subprocess.Popen([sys.executable, "-m", "tests.probe.service"], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    with process.stdout:
        yield Service(process, f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.kill()
        process.wait()


class Probe:
    """The parent's side, as small as it can be."""

    def __init__(self, start: messages.Start) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "runner.probe.prober"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # as the run starts it
        )
        self.tell(codec.encode(start))
        self.first: dict[str, Any] = {}

    def tell(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        message: dict[str, Any] = json.loads(self.process.stdout.readline())
        return message

    def start(self) -> dict[str, Any]:
        self.tell({"do": "start"})
        return self.hear()

    def stop(self) -> dict[str, list[Sample]]:
        self.tell({"do": "stop"})
        while self.hear()["say"] != "stopped":
            pass
        assert self.process.wait(PATIENCE_S) == 0
        return {name: tape.read_all(path) for name, path in self.tapes.items()}

    @property
    def tapes(self) -> dict[str, Path]:
        return {name: Path(path) for name, path in self.first["tapes"].items()}

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Callable[..., Probe]]:
    probes = []

    def begin(*indicators: messages.Indicator, **more: Any) -> Probe:
        given = {"run": "r", "folder": str(tmp_path), "seed": 7, "limit_s": 30.0} | more
        probes.append(Probe(messages.Start(indicators=indicators, **given)))
        probes[-1].first = probes[-1].hear()
        return probes[-1]

    yield begin
    for each in probes:
        each.close()
