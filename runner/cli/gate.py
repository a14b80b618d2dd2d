"""`chaos-run gate PATHS`: several experiments one after another, for CI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from runner import errors
from runner.cli import options as variables
from runner.cli.context import where_options


@click.command(name="gate")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@variables.variables_options
@where_options
@click.option("--junit", type=click.Path(path_type=Path), help="Write one JUnit case a hypothesis and objective here.")
@click.option(
    "--summary", type=click.Path(path_type=Path), help="Write a Markdown summary here (appended if it exists)."
)
@click.option("--json", "as_json", is_flag=True, help="Stream the events of every run as JSON lines.")
def command(paths: tuple[Path, ...], junit: Path | None, summary: Path | None, as_json: bool, **given: Any) -> int:
    """Run experiments one after another and say whether all passed; the exit code is the most alarming one."""
    from runner.cli.view import afterwards, choose
    from runner.engine import options, run
    from runner.report import junit as xml
    from runner.report import markdown

    files = list(_files(paths))
    values, secret_values = variables.read_variables(given.pop("var"), given.pop("var_file"))
    given["afterwards"] = afterwards()
    records, codes = [], []
    for file in files:
        asked = options.Options(path=str(file), variables=values, secret_variables=secret_values, **given)
        record = asyncio.run(run.run(asked, choose(as_json=as_json, plain=True)))
        records.append(record)
        codes.append(errors.ExitCode(record.exit_code))
        if codes[-1] in (errors.ExitCode.UNDO_FAILED, errors.ExitCode.INTERRUPTED):
            break  # what is left injected would falsify the next one; and a person who says stop means all
    if junit:
        junit.write_text(xml.render(records), encoding="utf-8")
    if summary:
        with summary.open("a", encoding="utf-8") as file_out:
            file_out.write(markdown.summary(records))
    return max(codes, key=lambda code: code.severity)


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    """Files as they are, folders as the experiments in them. Raises UsageError for what is not there."""
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml", ".json"))
            if not found:
                raise errors.UsageError(f"there is no experiment in {path}")
            yield from found
        elif path.exists():
            yield path
        else:
            raise errors.UsageError(f"there is no file {path}")
