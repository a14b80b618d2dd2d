"""`chaos-run rerun RUN`: the same file again, with the same variables, at the same place."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from runner import errors, files
from runner.cli import options as variables
from runner.cli.context import where_options


@click.command(name="rerun", epilog=errors.legend())
@click.argument("run", default="last")
@variables.variables_options
@variables.LABELS
@variables.SEED
@variables.PIN
@click.option("--unpin", is_flag=True, help="Let actions choose that were aimed by --pin.")
@where_options
@click.option(
    "--plan", "only_plan", is_flag=True, help="Only say what it would do and what differs. Nothing is changed."
)
@click.option("--json", "as_json", is_flag=True, help="Stream one JSON object a line to stdout.")
@click.option("--plain", is_flag=True, help="Plain lines instead of the live screen.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the HTML report here.")
@click.option("--notice-before", metavar="DURATION", help="Notify others this long before the fault; 0s: no notice.")
def command(
    run: str,
    only_plan: bool,
    as_json: bool,
    plain: bool,
    report: Path | None,
    notice_before: str | None,
    **given: Any,
) -> int:
    """Run RUN again, its id, the beginning of it, or `last`: the same file, variables, context, settings and seed.

    What is not as it was then is said first: the file, values, targets, guards, versions. Labels are given anew.
    """
    from runner.app import rerun
    from runner.store import Store

    if report:
        files.check_output(report, "the report", suffixes=(".html", ".htm"))
        report = report.absolute()
    given["labels"] = variables.read_labels(given["labels"])
    given["var_files"] = [str(Path(f).absolute()) for f in given.pop("var_file")]
    given["variables"], given["secret_variables"] = variables.read_variables(given.pop("var"), given["var_files"])
    with Store.open(given["store"]) as opened:
        record = opened.get(run)
    asked = rerun.options(record, given)
    if only_plan:
        return _plan(asked, as_json)
    from dataclasses import replace

    from runner.app.run_one import run_one

    asked = replace(asked, last=True, report=report)
    done = asyncio.run(run_one(asked, as_json=as_json, plain=plain, notice_before=notice_before))
    if not as_json:
        click.echo(f"side by side: chaos-run compare {record.run} {done.run}")
    return done.exit_code


def _plan(asked: Any, as_json: bool) -> int:
    from runner.engine import run
    from runner.plan import render

    drawn = asyncio.run(run.plan(asked))
    click.echo(json.dumps(drawn.to_json(), indent=1) if as_json else render.text(drawn), nl=as_json)
    return errors.ExitCode.REFUSED if drawn.refusals else errors.ExitCode.PASS
