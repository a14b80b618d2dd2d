"""Those whom the team's channels reach hear of a GameDay before its first step, in the scenario's own words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gameday import notice as notices
from gameday import record
from runner import errors
from tests.fakes import experiments
from tests.gameday.test_session import TEXT, prepare
from tests.notify.receiver import receiver


def test_a_notice_says_what_when_who_and_how_to_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as chat:
        told = {"channels": [{"name": "chat", "webhook": chat.url, "levels": ["info"]}], "notice_before": "10m"}
        (tmp_path / "notify.yaml").write_text(json.dumps(told))
        monkeypatch.setenv("CHAOS_RUN_NOTIFY", str(tmp_path / "notify.yaml"))
        with notices.open_notice(record.folder(), None, fast=False, where="kind-a") as notice:
            engine = experiments.Engine(experiments.record(), experiments.record())
            text = TEXT + "notice: We break {service}.\n"
            day = asyncio.run(prepare(tmp_path, engine, text, notice=notice).play())
    ((body),) = chat.bodies()
    assert "We break shop. Begins at 2027-02-09T09:10:00.000Z on kind-a: one, two. By " in body["text"]
    assert ": chaos-run stop" in body["text"]
    (line,) = (record.folder() / day.id / "notifications.jsonl").read_text().splitlines()
    assert json.loads(line)["delivered"] is True


def test_a_notice_that_is_asked_for_needs_somebody_to_hear_it() -> None:
    with (
        pytest.raises(errors.UsageError, match="needs a channel with level info"),
        notices.open_notice(Path(), "5m", fast=False, where=""),
    ):
        pass
    with notices.open_notice(Path(), None, fast=False, where="") as notice:
        assert notice is None
