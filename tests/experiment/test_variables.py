"""Variables mean here what they mean in Chaos Toolkit: each case is put to the real chaoslib as well."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import chaoslib
import pytest
from chaoslib.configuration import load_configuration
from chaoslib.exceptions import InvalidExperiment
from hypothesis import given
from hypothesis import strategies as st

from runner import errors
from runner.experiment import findings, load, notes, source, variables

KNOWN: dict[str, Any] = {"a": 1, "b": "x", "list": [1, {"k": 2}], "none": None, "flag": False, "A_1": 2.5}
PIECES = st.sampled_from(
    ["${a}", "$b", "${list}", "${nope}", "$$", "$${a}", "${none}", "$", "${", "x", " ", "${A_1}", "${flag}", "}"]
)
TREES = st.recursive(
    st.lists(PIECES, max_size=4).map("".join) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@given(TREES)
def test_substitution_is_that_of_chaoslib(data: Any) -> None:
    assert variables.substitute(data, KNOWN) == chaoslib.substitute(data, KNOWN, {})


@pytest.mark.parametrize(
    "option",
    [
        "a=1",
        "a=",
        "a=b=c",
        "a:int=5",
        "a:integer=5",
        "a:float=1.5",
        "a:number=2",
        "a:bool=no",
        "a:bool=Yes",
        "a:json=[1]",
        "x:y:int=3",
    ],
)
def test_an_option_is_converted_as_by_chaoslib(option: str) -> None:
    assert variables.from_options([option]) == chaoslib.convert_vars([option])


@pytest.mark.parametrize("option", ["a", "a:int=x", "a:bytes=x", "a:colour=red", "a:json={", "=3"])
def test_a_malformed_option_is_a_usage_error(option: str) -> None:
    with pytest.raises(errors.UsageError):
        variables.from_options([option])


def test_variable_files_are_merged_as_by_chaoslib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text("configuration: {x: 1, y: yes}\nsecrets: {s: {t: u}}\n")
    (tmp_path / "b.json").write_text('{"configuration": {"x": 2}}')
    (tmp_path / "c.env").write_text("# note\nCHAOS_T=a=b\n\n")
    paths = [str(tmp_path / name) for name in ("a.yaml", "b.json", "c.env")]
    monkeypatch.delenv("CHAOS_T", raising=False)
    given = variables.from_files(paths)
    assert "CHAOS_T" not in os.environ
    assert (given.configuration, given.secrets) == chaoslib.merge_vars({}, paths)
    assert given.env["CHAOS_T"] == os.environ.pop("CHAOS_T")


def test_a_broken_variable_file_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("configuration:\n  - x\n")
    with pytest.raises(errors.InvalidFile) as caught:
        variables.from_files([str(tmp_path / "a.yaml")])
    assert "a.yaml:2:3" in caught.value.rendered


CONFIGURATION: dict[str, Any] = {
    "literal": 5,
    "nested": {"k": "v"},
    "env": {"type": "env", "key": "CR_SET"},
    "typed": {"type": "env", "key": "CR_NUMBER", "env_var_type": "int"},
    "default": {"type": "env", "key": "CR_NOPE", "default": "d"},
    "typed_default": {"type": "env", "key": "CR_NOPE", "default": "7", "env_var_type": "int"},
    "null_default": {"type": "env", "key": "CR_NOPE", "default": None},
}


def _configuration(entries: dict[str, Any], given: dict[str, Any], env: dict[str, str]) -> dict[str, Any]:
    import json

    read = next(source.parse("x.json", json.dumps({"configuration": entries}), as_json=True))
    return variables.configuration(notes.Notes(read), given, env)[0]


@pytest.mark.parametrize("given", [{}, {"literal": "new", "env": 3, "default": {"type": "env", "key": "CR_SET"}}])
def test_configuration_is_resolved_as_by_chaoslib(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CR_SET", "set")
    monkeypatch.setenv("CR_NUMBER", "12")
    assert _configuration(CONFIGURATION, given, dict(os.environ)) == load_configuration(CONFIGURATION, dict(given))


def test_a_text_that_is_given_takes_the_type_that_the_file_asks_of_the_environment() -> None:
    """Chaos Toolkit hands the text on, to actions that compare it with a number."""
    found = _configuration(CONFIGURATION, {"typed": "3", "literal": "4", "default": "5"}, {})
    assert (found["typed"], found["literal"], found["default"]) == (3, "4", "5")


def test_a_text_that_cannot_take_its_type_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(EXPERIMENT.format(entry="{type: env, key: CR_URL, env_var_type: int}"))
    with pytest.raises(findings.BrokenExperiment, match="--var url=two is not of the type int"):
        load.load(str(path), variables={"url": "two"}, secret_variables={}, env={})


EXPERIMENT = """
title: t
description: d
configuration: {{url: {entry}}}
method: []
extensions:
  - name: chaos-run
    traffic: [{{name: s, url: "${{url}}/"}}]
"""


@pytest.fixture
def experiment(tmp_path: Path) -> str:
    path = tmp_path / "x.yaml"
    path.write_text(EXPERIMENT.format(entry="{type: env, key: CR_URL}"))
    return str(path)


def test_a_variable_stands_in_for_an_unset_environment(experiment: str) -> None:
    with pytest.raises(InvalidExperiment):
        load_configuration(source.read(experiment).tree["configuration"])
    loaded = load.load(experiment, variables={"url": "http://x"}, env={})
    assert loaded.block.traffic[0].url == "http://x/"
    assert loaded.variables == {"url": "http://x"}
    assert loaded.document["extensions"][0]["traffic"][0]["url"] == "${url}/"


def test_an_unset_environment_is_a_warning_for_a_check_and_an_error_for_a_run(experiment: str) -> None:
    assert load.examine(experiment, env={}).errors == ()
    with pytest.raises(errors.InvalidFile) as caught:
        load.load(experiment, env={})
    assert "${url} has no value here: the environment variable CR_URL is not set" in caught.value.rendered
    assert caught.value.exit_code == errors.ExitCode.ENVIRONMENT, "the file is right: the surroundings are to be mended"
    wrong = Path(experiment).read_text().replace("title:", "titel:")
    Path(experiment).write_text(wrong)
    with pytest.raises(errors.InvalidFile) as caught:
        load.load(experiment, env={})
    assert caught.value.exit_code == errors.ExitCode.USAGE


def test_a_name_that_is_nowhere_is_an_error_in_our_block(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(EXPERIMENT.format(entry="http://x").replace("${url}", "${ur}"))
    (found,) = load.examine(str(tmp_path / "x.yaml")).errors
    assert (found.line, found.hint) == (8, "did you mean 'url'?")


def test_a_dynamic_entry_is_left_out_and_too_late_for_our_block(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(EXPERIMENT.format(entry="{type: probe, name: p, provider: {type: http, url: x}}"))
    (found,) = load.examine(str(tmp_path / "x.yaml")).errors
    assert "probe at run time" in found.message


def test_a_vault_secret_stays_a_reference(tmp_path: Path) -> None:
    text = EXPERIMENT.format(entry="http://x").replace(
        "method", "secrets: {s: {t: {type: vault, path: p, key: k}}}\nmethod"
    )
    (tmp_path / "x.yaml").write_text(text)
    loaded = load.load(str(tmp_path / "x.yaml"))
    assert loaded.document["secrets"]["s"]["t"] == {"type": "vault", "path": "p", "key": "k"}


def test_a_variable_that_nothing_takes_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(EXPERIMENT.format(entry="http://x"))
    found = load.examine(str(tmp_path / "x.yaml"), variables={"urll": "y"}).findings
    assert [f.rule for f in found] == ["unused-variable"]


def test_entries_of_the_configuration_that_cannot_be_resolved_are_found(tmp_path: Path) -> None:
    entries = (
        "{a: {type: probe, name: x}, b: {type: probee, provider: {}}, c: {type: ClusterIP}, d: {type: vault, path: p}}"
    )
    (tmp_path / "x.yaml").write_text(f"title: t\ndescription: d\nconfiguration: {entries}\nmethod: []\nrollbacks: []\n")
    found = {(f.severity, f.rule, f.message) for f in load.examine(str(tmp_path / "x.yaml")).findings}
    rules = sorted((severity, rule) for severity, rule, _ in found if rule in ("provider", "entry-type"))
    assert rules == [("error", "provider"), ("warning", "entry-type"), ("warning", "entry-type")]


def test_a_variable_file_has_text_where_json_has_no_word(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("configuration: {since: 2024-01-01, of: {1: a}}\n")
    assert variables.from_files([str(tmp_path / "v.yaml")]).configuration == {"since": "2024-01-01", "of": {"1": "a"}}
