"""`chaos-run FILE`: the main job."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from runner import errors, files
from runner.cli import options as variables
from runner.cli.context import where_options


@click.command(name="run", epilog=errors.legend())
@click.argument("file")
@variables.variables_options
@variables.LABELS
@variables.SEED
@variables.PIN
@where_options
@click.option(
    "--json", "as_json", is_flag=True, help="Stream one JSON object a line to stdout: `chaos-run schema events`."
)
@click.option("--plain", is_flag=True, help="Plain lines instead of the live screen.")
@click.option(
    "--report", type=click.Path(path_type=Path), help="Write the HTML report here; by default into the run's folder."
)
@click.option(
    "--notice-before",
    metavar="DURATION",
    help="Notify others this long before the fault, for example 10m; 0s: no notice.",
)
def command(file: str, as_json: bool, plain: bool, report: Path | None, notice_before: str | None, **given: Any) -> int:
    """Run an experiment: check, inject, watch, abort if needed, undo, recover, judge, record, report."""
    from runner.app.run_one import run_one
    from runner.engine.options import Options

    if report:
        files.check_output(report, "the report", suffixes=(".html", ".htm"))
    given["labels"] = variables.read_labels(given["labels"])
    given["var_files"] = given.pop("var_file")
    values, secret_values = variables.read_variables(given.pop("var"), given["var_files"])
    asked = Options(last=True, path=file, variables=values, secret_variables=secret_values, report=report, **given)
    record = asyncio.run(run_one(asked, as_json=as_json, plain=plain, notice_before=notice_before))
    return record.exit_code
