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
DOCS = tuple(sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")))
PAGES = ("README.md", *DOCS)
"""What a user reads."""
PAPERS = (*PAGES, "CONTRIBUTING.md", "CHANGELOG.md")
README = (ROOT / "README.md").read_text("utf-8")
BEGINS_WITHIN = 200
"""Lines of the README: nobody reads more to begin."""


def _text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def _blocks(language: str, *pages: str) -> list[str]:
    text = "\n".join(_text(page) for page in pages or PAGES)
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _typed() -> list[list[str]]:
    """Every command line a reader would type, in words."""
    lines = "\n".join(_blocks("console")).splitlines()
    return [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if line.startswith("$ ")]


def _ours() -> Iterator[list[str]]:
    for words in _typed():
        if Path(words[0]).name == "chaos-run":
            yield words[1:]


def test_there_are_command_lines_to_check() -> None:
    assert len(_typed()) >= 18


def test_the_readme_is_short_enough_to_begin_with() -> None:
    assert len(README.splitlines()) <= BEGINS_WITHIN


def test_every_page_is_linked_from_the_readme() -> None:
    assert [page for page in DOCS if f"]({page})" not in README] == []


@pytest.mark.parametrize("words", list(_ours()), ids=" ".join)
def test_every_command_line_can_be_typed(words: list[str]) -> None:
    is_command = words[0] in main.COMMANDS or not main.looks_like_file(words[0])
    arguments = words if is_command else ["run", *words]
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


def test_every_option_that_a_page_names_exists_somewhere() -> None:
    options = {o for name in main.COMMANDS for o in _options(_command(name))}
    named = {
        option for page in PAGES for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", _without_others(_text(page)))
    }
    assert len(named) >= 15
    assert named - options == set()


def _without_others(text: str) -> str:
    """The page without command lines of other programs."""
    return re.sub(r"(?m)^\$ (?!chaos-run|gameday).*|`(make|pip|kubectl|python) [^`]*`", "", text)


def test_the_github_action_calls_the_gate_as_it_is() -> None:
    options = {o for p in _parameters("gate") for o in p.opts}
    steps = YAML(typ="safe").load(_text("action.yml"))["runs"]["steps"]
    scripts = (next(s["run"] for s in steps if s["name"] == "Gate"), _text("ci/gitlab.yml").split("chaos-run gate")[1])
    for script in scripts:
        used = set(re.findall(r"(?<=[( ])--[a-z-]+", script.split("after_script")[0]))
        assert {"--junit", "--summary"} <= used <= options


def test_the_job_that_it_shows_needs_no_file_that_is_not_here() -> None:
    (shown,) = (block for block in _blocks("yaml", "docs/ci.md") if "kind-action" in block)
    steps = YAML(typ="safe").load(shown)["resilience"]["steps"]
    named = re.findall(r"\bchaos-run/([\w./-]+\.yaml)", shown)
    assert len(named) == 3
    assert [name for name in named if not (ROOT / name).exists()] == []
    given = set(steps[-1]["with"])
    inputs = YAML(typ="safe").load(_text("action.yml"))["inputs"]
    assert given <= set(inputs)
    assert given & {"context", "kubeconfig", "playground", "no-cluster"}


def _command(name: str) -> click.Command:
    command: click.Command = importlib.import_module(f"runner.cli.{name}").command
    return command


def _parameters(name: str) -> list[click.Parameter]:
    return list(_command(name).params)


def _options(command: click.Command) -> Iterator[str]:
    """Of a command and of those below it."""
    yield from (option for parameter in command.params for option in parameter.opts)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if (below := command.get_command(context, name)) is not None:
                yield from _options(below)


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
    return YAML(typ="safe").load(_blocks("yaml", "docs/block.md")[0])["extensions"][0]


def test_every_shorter_example_of_the_block_is_valid() -> None:
    parts = [YAML(typ="safe").load(text) for text in _blocks("yaml", "README.md")]
    assert len(parts) >= 2
    whole = {"traffic": [{"name": "front", "url": "http://shop/"}], **{k: v for part in parts for k, v in part.items()}}
    Block.model_validate({"name": "chaos-run", **whole})


def test_every_environment_variable_that_a_page_names_is_one_of_ours() -> None:
    known = {
        name
        for file in (*(ROOT / "runner").rglob("*.py"), ROOT / "ci/gitlab.yml", ROOT / "action.yml")
        for name in re.findall(r"\bCHAOS_RUN_[A-Z]+\b", file.read_text("utf-8"))
    }
    named = {name for page in PAGES for name in re.findall(r"\bCHAOS_RUN_[A-Z]+\b", _text(page))}
    assert "CHAOS_RUN_STORE" in named
    assert named - known == set()


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
    links = re.findall(r"\]\((?!https?://)([^)]*)\)", _text(paper))
    here = ROOT / paper
    assert [link for link in links if not _leads_somewhere(here, *link.partition("#")[::2])] == []


def _leads_somewhere(page: Path, file: str, heading: str) -> bool:
    target = page.parent / file if file else page
    if not target.exists() or not heading:
        return target.exists()
    titles = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
    return heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_picture_is_shown_somewhere() -> None:
    shown = "".join(_text(page) for page in PAGES)
    assert [path.name for path in (ROOT / "docs/pictures").glob("*.svg") if f"pictures/{path.name})" not in shown] == []


def test_the_changelog_has_the_version() -> None:
    version = tomllib.loads(_text("pyproject.toml"))["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", _text("CHANGELOG.md"), re.MULTILINE)
