"""The ledger is played without giving a secret away, and without waiting for the same dead server again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.inject import player
from runner.inject.ledger import SILENCE, Ledger
from tests.fakes.listening import Quiet, listening


def test_a_secret_that_only_the_step_itself_could_read_is_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_TOKEN", "hunter2-and-more")
    provider = {
        "type": "python",
        "module": "tests.fakes.actions",
        "func": "give_away_and_fail",
        "secrets": ["team"],
    }
    document = {
        "rollbacks": [{"type": "action", "name": "gives-away", "provider": provider}],
        "secrets": {"team": {"token": {"type": "env", "key": "THE_TOKEN"}}},
    }
    start = {"run": "20260101-000000-dead", "document": document, "variables": {}, "secret_variables": {}, "hide": []}
    Ledger(tmp_path).open("rollback", "gives-away", index=0)
    told: list[object] = []
    assert not player.play(tmp_path, start, lambda _, **fields: told.append(fields))
    (outcome,) = Ledger(tmp_path).outcomes()
    assert "failed with" in outcome["error"], "it was played, and had the secret"
    assert "hunter2-and-more" not in f"{told} {Ledger(tmp_path).path.read_text()}"


def test_a_dead_alertmanager_is_waited_for_once_and_not_for_every_silence(tmp_path: Path) -> None:
    asked: list[str] = []

    class Dead(Quiet):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.answer(b"", 503)

    start = {"run": "20260101-000000-dead", "document": {}}
    with listening(Dead) as url:
        for number in range(3):
            args = {"alertmanager": url, "secrets": None, "timeout_s": 5, "number": number, "ends": "soon"}
            Ledger(tmp_path).open(SILENCE, f"end silence {number}", **args, patience_s=0.1)
        assert not player.play(tmp_path, start, lambda *_, **__: None)
    assert len(asked) == player.ATTEMPTS * 2 + 1 + 1
    states = [(o["state"], "by: chaos-run recover" in o["error"]) for o in Ledger(tmp_path).outcomes()]
    assert states == [("failed", True)] * 3
