"""`chaos-run validate FILES…`: every finding in one pass, without network or cluster."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from runner import errors
from runner.cli import options as variables


class _Validate(click.Command):
    """`--strict` without a level is the strictest: click would take the next file for its level."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = iter(args)
        return super().parse_args(ctx, [part for arg in given for part in _strict(arg, given)])


def _strict(arg: str, others: Iterator[str]) -> list[str]:
    """`--strict LEVEL` is taken too, as long as the level is not the name of a file."""
    if arg != "--strict":
        return [arg]
    following = next(others, None)
    if following in _LEVELS and not Path(following).exists():
        return [f"--strict={following}"]
    return ["--strict=style", *([following] if following is not None else [])]


@click.command(name="validate", cls=_Validate)
@click.argument("files", nargs=-1, required=True)
@variables.variables_options
@click.option("--json", "as_json", is_flag=True, help="The findings as one JSON object.")
@click.option(
    "--strict",
    metavar="[=LEVEL]",
    type=click.Choice(("style", "missing", "wrong")),
    help="Warnings fail, too: all of them; =missing: not those of style; =wrong: only what is probably a mistake.",
)
@click.option("--settings", type=click.Path(), help="Chaos Toolkit's settings, whose controls count as well.")
def command(
    files: tuple[str, ...],
    as_json: bool,
    strict: str | None,
    settings: str | None,
    var: Sequence[str],
    var_file: Sequence[str],
) -> int:
    """Find everything that is wrong or doubtful in experiment files, or in all those of a folder.

    What only this machine lacks (an environment variable, a module) is a warning. Exit code 0 or 2.
    """
    from runner.experiment import load
    from runner.experiment.findings import LEVELS

    values, secret_values = variables.read_variables(var, var_file)
    paths = list(_files(files))
    seen = [load.examine(path, variables=values, secret_variables=secret_values, settings=settings) for path in paths]
    found = list(dict.fromkeys(finding for examination in seen for finding in examination.findings))
    wrong = sum(f.severity == "error" for f in found)
    _print(found, {"files": len(paths), "errors": wrong, "warnings": len(found) - wrong}, as_json)
    failing = LEVELS[LEVELS.index(strict) :] if strict in LEVELS else ()
    fails = wrong or any(f.level in failing for f in found)
    return errors.ExitCode.USAGE if fails else errors.ExitCode.PASS


def _files(given: Sequence[str]) -> Iterator[str]:
    """Files and URLs as they are, folders as the experiments in them. Raises UsageError for an empty folder."""
    from runner.experiment import catalogue

    for name in given:
        if not Path(name).is_dir():
            yield name
            continue
        inside = catalogue.files_in(Path(name))
        if not inside:
            raise errors.UsageError(f"there is no experiment in {name}")
        yield from (str(path) for path in inside)


def _print(found: Sequence[Any], counts: dict[str, int], as_json: bool) -> None:
    from runner.experiment import findings

    if as_json:
        click.echo(json.dumps(counts | {"findings": [f.to_json() for f in found]}, indent=1))
        return
    if found:
        click.echo(findings.render(found, color=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    levels = Counter(f.level for f in found if f.severity == "warning")
    said = ", ".join(f"{levels[level]} {_LEVELS[level]}" for level in findings.LEVELS if levels[level])
    total = ", ".join(_count(counts[key], key) for key in ("files", "errors", "warnings"))
    click.echo(f"{total} ({said})" if said else total)


_LEVELS = {"style": "of style", "missing": "missing here", "wrong": "probably wrong"}


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what if number != 1 else what.removesuffix('s')}"
