"""A run whose runner died is told of by whoever survives it, after the undo; without survivors, late, by whoever comes next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.process import orphans
from tests.journeys import harness
from tests.journeys.harness import Run, Service, experiment, python, record, started
from tests.notify.receiver import Receiver, receiver
from tests.waiting import HANG_S, until


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The one channel there is; it hears of trouble only."""
    with receiver() as state:
        told = {"channels": [{"name": "chat", "webhook": "${CHAT}", "levels": ["critical", "warning"]}]}
        (tmp_path / "notify.yaml").write_text(json.dumps(told))
        monkeypatch.setenv("CHAOS_RUN_NOTIFY", str(tmp_path / "notify.yaml"))
        monkeypatch.setenv("CHAT", state.url)
        monkeypatch.setenv("CHAOS_RUN_TEXTFILE", str(tmp_path / "chaos.prom"))
        yield state


def broken(run: Run, service: Service) -> None:
    run.until("activity", state="started")
    service.until_broken()


def kept(run: Run, count: int) -> list[dict[str, Any]]:
    """What became of the run's messages, as soon as there are so many."""
    path = run.folder / "notifications.jsonl"
    until(lambda: path.exists() and path.read_text().count("\n") >= count, f"{count} messages are told")
    return [json.loads(line) for line in path.read_text().splitlines()]


def document(service: Service) -> harness.Json:
    return experiment(service, method=[python("hold", "break_and_wait", {"url": "${url}", "seconds": HANG_S})])


def test_a_survivor_tells_that_the_runner_died_once_and_after_the_undo(
    service: Service, tmp_path: Path, chat: Receiver
) -> None:
    with started(tmp_path, document(service)) as run:
        broken(run, service)
        chat.free.clear()
        run.kill("parent")
        service.until_mended()
        assert record(run)["verdict"] == "ENVIRONMENT"
        assert chat.got == [], "the receiver still hangs: neither the undo nor the record has waited for it"
        owed = run.folder / orphans.UNTOLD
        assert owed.exists(), "if the survivor died now, a later start would tell"
        chat.free.set()
        lines = kept(run, 2)
        until(lambda: not owed.exists(), "nobody need tell again")
    body = chat.bodies()[0]  # and perhaps once more, from a machine so busy that the first try was given up
    assert {(b["event"], b["level"]) for b in chat.bodies()} == {("runner_died", "warning")}
    assert (
        "the runner died; every undo step succeeded; not checked: actions of tests.fakes.actions (DRILL: chaos-run"
        in body["text"]
    )
    assert [(line["channel"], line["event"], line["delivered"]) for line in lines] == [
        *[("chat", "runner_died", True), ("textfile", "telemetry", True)]
    ]
    assert 'verdict="ENVIRONMENT"} 1.0' in (tmp_path / "chaos.prom").read_text()
