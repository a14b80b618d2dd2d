"""What a replay finds on disk: everything it needs, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.rundir import names

FILE = """
title: t
secrets: {shop: {token: hunter2-and-more, other: {type: env, key: TOKEN}}}
"""


def test_a_literal_secret_is_not_written_and_is_read_again_from_wherever_the_replay_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, run = tmp_path / "there", tmp_path / "run"
    for made in (there, run, tmp_path / "elsewhere"):
        made.mkdir()
    (there / "experiment.yaml").write_text(FILE)
    secrets = {"shop": {"token": "hunter2-and-more", "other": {"type": "env", "key": "TOKEN"}}}
    start = {
        "document": {"title": "t", "secrets": secrets},
        "secret_variables": {"shop": {"token": "hunter2-by-option"}},
    }
    names.save(run, start | {"experiment": "experiment.yaml", "cwd": str(there)}, durable=True)
    assert "hunter2" not in (run / names.START).read_text()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert names.load(run)["document"]["secrets"] == secrets
