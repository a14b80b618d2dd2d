"""The process that reads the checks of a run: what it says, that none holds up another, and that it goes when its parent does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runner import codec
from runner.probe.checks.messages import Asks, Start
from tests.fakes.prometheus import Prometheus, serving
from tests.waiting import HANG_S, PATIENCE_S


@contextmanager
def checker(*asks: Asks) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-P", "-m", "runner.probe.checks.checker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(codec.encode(Start(asks=asks))) + "\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str], count: int) -> list[dict[str, Any]]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def test_each_is_read_again_and_again_and_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """One that is never answered is in nobody's way."""

    def hangs(*_: object) -> None:
        import time

        time.sleep(HANG_S)

    mark = {"file": str(tmp_path / "done"), "by": "06:00"}
    with serving(Prometheus(hangs)) as slow:  # type: ignore[arg-type]
        asks = [
            Asks(indicator="slow", check="tracing_errors", every_s=1, arguments={"url": slow.url}),
            Asks(indicator="batch", check="batch_file_late", every_s=0.1, arguments=mark),
        ]
        with checker(*asks) as process:
            first = heard(process, 2)
            (tmp_path / "done").touch()
            later = [said for said in heard(process, 6) if said["indicator"] == "batch"][-1]
    assert [said["say"] for said in first] == ["read", "read"]
    assert first[0]["bad"]
    assert first[1]["mono_ns"] > first[0]["mono_ns"]
    assert not later["bad"]
    assert later["sentence"].startswith("good: time since the batch had to be done: 0s")


def test_what_nobody_has_foreseen_is_said_each_time_and_the_rest_is_read(tmp_path: Path) -> None:
    arguments: dict[str, dict[str, object]] = {
        "odd": {"file": "no\0name", "by": "06:00"},
        "unfit": {"file": "done"},
        "well": {"file": str(tmp_path / "done"), "by": "06:00"},
    }
    asks = [Asks(indicator=n, check="batch_file_late", every_s=0.1, arguments=a) for n, a in arguments.items()]
    of: dict[str, list[dict[str, Any]]] = {name: [] for name in arguments}
    with checker(*asks) as process:
        for _ in range(60):
            (said,) = heard(process, 1)
            of[said["indicator"]].append(said)
            if min(map(len, of.values())) > 1:
                break
    assert min(map(len, of.values())) > 1
    assert {found["say"] for found in of["well"]} == {"read"}
    assert {found["why"] for found in of["odd"]} == {"reading it failed: ValueError: embedded null byte"}
    assert all("needs 'by'" in found["why"] for found in of["unfit"])


def test_a_secret_that_an_answer_repeats_is_not_passed_on() -> None:
    def tells(*_: object) -> tuple[int, str]:
        return 401, json.dumps({"error": "no such token: hunter2-of-the-team"})

    with serving(Prometheus(tells)) as source:
        given = {"url": source.url}
        asks = Asks(
            indicator="x", check="tracing_errors", every_s=1, arguments=given, secrets={"token": "hunter2-of-the-team"}
        )
        with checker(asks) as process:
            (said,) = heard(process, 1)
    assert said["say"] == "unread"
    assert "HTTP 401" in said["why"]
    assert "hunter2" not in json.dumps(said)


def test_it_goes_with_its_parent(tmp_path: Path) -> None:
    asks = Asks(
        indicator="b", check="batch_file_late", every_s=1, arguments={"file": str(tmp_path / "x"), "by": "06:00"}
    )
    with checker(asks) as process:
        heard(process, 1)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
