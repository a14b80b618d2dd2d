"""Help, as somebody sees it who has never seen it: what to type first, every command once, and what an exit code means."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from runner.cli import main
from runner.errors import ExitCode


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name, those of groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


EVERY = dict(commands(main.app))


def shown(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main.entry([*words, "--help"], main.app, "chaos-run") == 0
    return capsys.readouterr().out


def test_every_command_stands_in_one_section() -> None:
    listed = [name for names in main.SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(main.COMMANDS)


def test_the_first_help_names_what_to_type_first_and_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys=capsys)
    assert text.index("--playground") < text.index("chaos-run init") < text.index("Experiments:")
    assert [name for name in main.COMMANDS if f"\n  {name} " not in text] == []


@pytest.mark.parametrize("command", ["", "run", "gate"])
def test_exit_codes_are_told_where_a_script_would_look(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = " ".join(shown(*command.split(), capsys=capsys).split())
    assert [code for code in ExitCode if f" {int(code)} {code.means}" not in told] == []


@pytest.mark.parametrize("name", EVERY)
def test_every_command_and_option_says_what_it_is_for(name: str) -> None:
    command = EVERY[name]
    assert command.help
    assert command.help.split("\n\n")[0].rstrip().endswith(".")
    options = [p for p in command.params if isinstance(p, click.Option)]
    assert [option.name for option in options if not option.help] == []
