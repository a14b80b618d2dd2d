"""A rerun asks for what the run was asked for, at the place that it struck, and for a secret again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.app import rerun
from runner.timeline.asked import Asked
from runner.timeline.record import RunRecord
from tests.store.samples import record

NOTHING: dict[str, Any] = {
    **dict.fromkeys(("kubeconfig", "context", "namespace", "settings", "store")),
    **dict.fromkeys(("playground", "no_cluster"), False),
    **{name: {} for name in ("variables", "secret_variables", "labels")},
    "var_files": (),
    "seed": None,
    "pins": (),
    "unpin": False,
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """A run that was started elsewhere, of a file that is still there."""
    (tmp_path / "then").mkdir()
    (tmp_path / "then" / "e.yaml").write_text("title: x")
    monkeypatch.chdir(tmp_path)
    asked = Asked(variables={"replicas": 2}, namespace="shop", cwd=str(tmp_path / "then"))
    return record("r", experiment="e.yaml", context="kind-a", folder=str(tmp_path / "run"), asked=asked)


def _with(run: RunRecord, **asked: Any) -> RunRecord:
    from dataclasses import replace

    assert run.asked
    return replace(run, asked=replace(run.asked, **asked))


def test_it_is_the_same_file_with_the_same_variables_from_where_it_was_started(run: RunRecord, tmp_path: Path) -> None:
    found = rerun.options(run, {**NOTHING, "variables": {"pause": 3}, "store": "here.db"})
    assert (found.path, Path.cwd()) == ("e.yaml", tmp_path / "then")
    assert (found.variables, found.namespace) == ({"replicas": 2, "pause": 3}, "shop")
    assert found.store == str(tmp_path / "here.db"), "as it was meant when it was typed"
    assert found.asked.rerun_of == "r"
    assert found.labels == {}, "what a label says may be true no more"


def test_it_strikes_the_context_that_was_struck_and_not_the_current_one(run: RunRecord) -> None:
    found = rerun.options(run, NOTHING)
    assert found.context == "kind-a"
    assert found.repeats
    assert not found.repeats.asked_elsewhere


@pytest.mark.parametrize("place", [{"context": "kind-b"}, {"playground": True}, {"no_cluster": True}])
def test_another_place_is_taken_where_a_person_names_it(run: RunRecord, place: dict[str, Any]) -> None:
    found = rerun.options(_with(run, playground=True), {**NOTHING, **place})
    assert (found.context, found.playground, found.no_cluster) == (
        place.get("context"),
        place.get("playground", False),
        place.get("no_cluster", False),
    )
    assert found.repeats
    assert found.repeats.asked_elsewhere


def test_pinned_targets_are_pinned_again_unless_a_person_names_others_or_none(run: RunRecord) -> None:
    pinned = _with(run, pins=("pod/shop/a",), seed=7)
    assert (rerun.options(pinned, NOTHING).pins, rerun.options(pinned, NOTHING).seed) == (("pod/shop/a",), 7)
    assert rerun.options(pinned, {**NOTHING, "pins": ("pod/shop/b",), "seed": 8}).pins == ("pod/shop/b",)
    assert rerun.options(pinned, {**NOTHING, "unpin": True}).pins == ()


def test_a_value_that_was_a_secret_has_to_be_given_again(run: RunRecord) -> None:
    hidden = _with(run, variables={"url": "http://*****@shop"}, secret_variables=("token",))
    with pytest.raises(errors.UsageError, match="url, token: the value was a secret and is not on record"):
        rerun.options(hidden, NOTHING)
    given = {**NOTHING, "variables": {"url": "http://a@shop"}, "secret_variables": {"token": "t"}}
    assert rerun.options(hidden, given).variables == {"url": "http://a@shop"}


def test_secrets_of_a_file_of_variables_are_read_from_it_again(run: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "vars.json").write_text(json.dumps({"secrets": {"token": "t"}}))
    again = rerun.options(_with(run, secret_variables=("token",), var_files=("../vars.json",)), NOTHING)
    assert again.secret_variables == {"token": "t"}


def test_a_file_that_is_gone_is_one_error(run: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "then" / "e.yaml").unlink()
    with pytest.raises(errors.UsageError, match=r"the experiment of r is not at .*/then/e\.yaml any more"):
        rerun.options(run, NOTHING)


def test_a_run_of_an_older_version_is_repeated_as_far_as_it_is_known(run: RunRecord, tmp_path: Path) -> None:
    from dataclasses import replace

    (tmp_path / "e.yaml").write_text("title: x")
    found = rerun.options(replace(run, asked=None), NOTHING)
    assert (found.context, found.variables) == ("kind-a", {})
