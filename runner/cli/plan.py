"""`chaos-run plan FILE`: everything up to the first change."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from runner import errors
from runner.cli import options as variables
from runner.cli.context import where_options


@click.command(name="plan")
@click.argument("file")
@variables.variables_options
@variables.PIN
@where_options
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON.")
def command(file: str, as_json: bool, **given: Any) -> int:
    """Say what a run would do: targets, guards, the way back, and whether it can be judged. Nothing is changed."""
    from runner.engine import options, run
    from runner.plan import render

    values, secret_values = variables.read_variables(given.pop("var"), given.pop("var_file"))
    drawn = asyncio.run(run.plan(options.Options(path=file, variables=values, secret_variables=secret_values, **given)))
    click.echo(json.dumps(drawn.to_json(), indent=1) if as_json else render.text(drawn), nl=as_json)
    return errors.ExitCode.REFUSED if drawn.refusals else errors.ExitCode.PASS
