"""What a replay finds on disk: everything it needs, and no secret."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runner.rundir import start_message
from runner.rundir.names import START
from runner.rundir.start_message import Kept, PlaygroundProcess
from runner.timeline.mark import Indicator
from tests.rundir.starts import start

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
    begun = start(
        run,
        document={"title": "t", "secrets": secrets},
        secret_variables={"shop": {"token": "hunter2-by-option"}},
        hide=("hunter2-from-a-vault",),
        known_secrets={"shop": {"key": "hunter2-from-a-vault"}},
        experiment="experiment.yaml",
        cwd=str(there),
    )
    start_message.save(begun, durable=True)
    assert "hunter2" not in (run / START).read_text()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert start_message.load(run).document["secrets"] == secrets


def test_what_is_kept_is_read_again_as_it_was(tmp_path: Path) -> None:
    begun = start(
        tmp_path,
        document={"title": "t", "secrets": {}},
        modules=("a", "b"),
        env={"KUBECONFIG": "k"},
        playground=PlaygroundProcess(pid=1, created=2.5),
        snapshots={"kubernetes": {"objects": {"node/a": {"uid": "u"}}}},
        kept=Kept(names=("node/a",), rest=True),
        indicators=(Indicator(name="shop", url="http://shop", rate=1.0, timeout_s=1.0, tape="0-shop.tape"),),
    )
    start_message.save(begun, durable=False)
    assert start_message.load(tmp_path) == begun


def test_a_child_that_is_left_alone_takes_over_what_its_parent_had_found_out(tmp_path: Path) -> None:
    given = start(tmp_path, hide=("hunter2",), secret_variables={"team": {"token": "hunter2"}})
    start_message.save(
        replace(given, owners={"make": "undoer"}, locks={"kubernetes": ("default/chaos",)}), durable=False
    )
    alone = start_message.with_learnt(given)
    assert alone == replace(given, owners={"make": "undoer"}, locks={"kubernetes": ("default/chaos",)})


def test_what_is_no_start_message_is_said_with_its_place(tmp_path: Path) -> None:
    (tmp_path / START).write_text(json.dumps({"run": "r", "folder": "f", "started_at": "2026-01-01T00:00:00Z"}))
    with pytest.raises(ValueError, match=r"^run\.json\.started_mono_ns: is missing$"):
        start_message.load(tmp_path)


def test_a_run_of_an_earlier_version_knew_one_fault_system(tmp_path: Path) -> None:
    start_message.save(start(tmp_path), durable=False)
    kept = json.loads((tmp_path / START).read_text())
    old = {
        "snapshot": {"objects": {"node/a": {}}, "left": ["node/a"]},
        "leases": ["shop/chaos-run"],
        "namespaces": ["shop"],
    }
    (tmp_path / START).write_text(
        json.dumps({k: v for k, v in kept.items() if k not in ("snapshots", "kept", "locks")} | old)
    )
    found = start_message.load(tmp_path)
    assert found.snapshots == {"kubernetes": old["snapshot"]}
    assert found.kept == Kept(names=("node/a",))
    assert found.locks == {"kubernetes": ("shop/chaos-run",)}
