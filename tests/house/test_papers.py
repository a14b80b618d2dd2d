"""The papers are true: what README and CHANGELOG name is there, and what is there is named."""

from __future__ import annotations

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from runner import errors
from runner.cli import main
from runner.experiment.model import Block

ROOT = Path(__file__).resolve().parents[2]
PAPERS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
README = (ROOT / "README.md").read_text("utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def _typed() -> list[list[str]]:
    """Every command line a reader would type, in words."""
    lines = "\n".join(_blocks("console")).splitlines()
    return [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if line.startswith("$ ")]


def _ours() -> Iterator[list[str]]:
    for words in _typed():
        if Path(words[0]).name == "chaos-run":
            yield words[1:]


def test_there_are_command_lines_to_check() -> None:
    assert len(_typed()) >= 6


@pytest.mark.parametrize("words", list(_ours()), ids=" ".join)
def test_every_command_line_can_be_typed(words: list[str]) -> None:
    arguments = ["run", *words] if main.looks_like_file(words[0]) else words
    command: click.Command = main.app
    while isinstance(command, click.Group):
        context = click.Context(command)
        found = command.get_command(context, arguments[0])
        assert found is not None, f"there is no {arguments[0]}"
        command, arguments = found, arguments[1:]
    command.make_context("readme", arguments)


def test_every_command_is_in_the_table() -> None:
    assert [
        name for name in main.COMMANDS if not re.search(rf"^\|.*`(chaos-run )?{name}\b.*\|", README, re.MULTILINE)
    ] == []


def test_every_option_that_it_names_exists_somewhere() -> None:
    options = {o for name in main.COMMANDS for p in _parameters(name) for o in p.opts}
    assert set(re.findall(r"`(--[a-z-]+)`", README)) <= options


def test_the_github_action_calls_the_gate_as_it_is() -> None:
    options = {o for p in _parameters("gate") for o in p.opts}
    steps = YAML(typ="safe").load(_text("action.yml"))["runs"]["steps"]
    scripts = (next(s["run"] for s in steps if s["name"] == "Gate"), _text("ci/gitlab.yml").split("chaos-run gate")[1])
    for script in scripts:
        used = set(re.findall(r"(?<=[( ])--[a-z-]+", script.split("after_script")[0]))
        assert {"--junit", "--summary"} <= used <= options


def test_the_job_that_it_shows_needs_no_file_that_is_not_here() -> None:
    (shown,) = (block for block in _blocks("yaml") if "kind-action" in block)
    steps = YAML(typ="safe").load(shown)["resilience"]["steps"]
    named = re.findall(r"\bchaos-run/([\w./-]+\.yaml)", shown)
    assert len(named) == 3
    assert [name for name in named if not (ROOT / name).exists()] == []
    given = set(steps[-1]["with"])
    inputs = YAML(typ="safe").load(_text("action.yml"))["inputs"]
    assert given <= set(inputs)
    assert given & {"context", "kubeconfig", "playground", "no-cluster"}


def _parameters(name: str) -> list[click.Parameter]:
    command: click.Command = importlib.import_module(f"runner.cli.{name}").command
    return list(command.params)


def test_the_exit_codes_are_those_of_the_program() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)] == sorted(errors.ExitCode)


def test_the_block_is_valid() -> None:
    Block.model_validate(_example())


def test_the_block_shows_every_key() -> None:
    shown = set(_keys(_example()))
    schema = Block.model_json_schema()
    parts = [schema, *schema["$defs"].values()]
    assert {key for part in parts for key in part.get("properties", {})} - shown == set()


def _example() -> Any:
    return YAML(typ="safe").load(_blocks("yaml")[0])["extensions"][0]


def _keys(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        yield from tree
    for item in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _keys(item)


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9.-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    asked = {target for paper in PAPERS for target in re.findall(r"`?make ([a-z0-9.-]+)`|^\$ make ([a-z0-9.-]+)", _text(paper))
             for target in target if target}  # fmt: skip
    assert asked <= targets
    assert {"demo", "test"} <= asked | {w[1] for w in _typed() if w[0] == "make"}


@pytest.mark.parametrize("paper", PAPERS)
def test_no_link_is_dead(paper: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", _text(paper))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_changelog_has_the_version() -> None:
    version = tomllib.loads(_text("pyproject.toml"))["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", _text("CHANGELOG.md"), re.MULTILINE)


def _text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")
