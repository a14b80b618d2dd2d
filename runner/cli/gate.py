"""`chaos-run gate PATHS`: several experiments one after another, for CI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner import errors, files
from runner.cli import options as variables
from runner.cli.context import where_options

if TYPE_CHECKING:
    from runner.timeline.result import ExperimentResult


@click.command(name="gate", epilog=errors.legend())
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@variables.variables_options
@variables.LABELS
@variables.SEED
@where_options
@click.option(
    "--junit",
    type=click.Path(path_type=Path),
    help="Write the results as JUnit: one case for each hypothesis and objective.",
)
@click.option(
    "--summary", type=click.Path(path_type=Path), help="Write a Markdown summary; appended where the file exists."
)
@click.option("--json", "as_json", is_flag=True, help="Stream the events of every run as JSON lines.")
def command(paths: tuple[Path, ...], junit: Path | None, summary: Path | None, as_json: bool, **given: Any) -> int:
    """Check all experiments, run one after another those that can start, and say whether all passed.

    The exit code is the worst one. An experiment that cannot start is an error, and the others run all the same. After Ctrl-C,
    SIGTERM or `chaos-run stop`, and when something could not be put back, no further experiment is started.
    """
    from runner.app.gate import Gate, ResultFiles
    from runner.timeline import result

    if junit:
        files.check_output(junit, "the JUnit file", suffixes=(".xml", ""))
    if summary:
        files.check_output(summary, "the summary", suffixes=(".md", ".markdown", ".txt", ""))
    if junit and summary and junit.resolve() == summary.resolve():
        raise errors.UsageError(f"JUnit and summary cannot both be {junit}")
    given["var_files"] = given.pop("var_file")
    values, secret_values = variables.read_variables(given.pop("var"), given["var_files"])
    labels = variables.read_labels(given["labels"])
    given |= {"variables": values, "secret_variables": secret_values, "labels": labels}
    results = Gate(named(paths), given, ResultFiles(junit, summary), as_json=as_json, warn=_print_error).play()
    if not as_json:
        _print_results(results)
    return result.worst(results)


def named(paths: Sequence[Path]) -> Iterator[str | errors.UsageError]:
    """Files as they are, folders as the experiments in them; an error takes the place of a folder without any."""
    from runner.experiment import catalogue

    for path in paths:
        if not path.is_dir():
            yield str(path)
            continue
        found = catalogue.files_in(path)
        yield from map(str, found)
        if not found:
            yield errors.UsageError(f"there is no experiment in {path}")


def _print_error(one: ExperimentResult) -> None:
    from runner.report import words

    where = "" if one.sentence.startswith(one.file) else f"{words.clean(one.file)}: "
    click.echo(f"error: {where}{words.clean(one.sentence)}", err=True)
    for line in one.details.splitlines():
        click.echo(f"  {words.clean(line)}", err=True)


def _print_results(results: Sequence[ExperimentResult]) -> None:
    """How each ended, for whoever reads the job's log."""
    from runner.report import words
    from runner.timeline import result

    passed = sum(one.code == errors.ExitCode.PASS for one in results)
    code = result.worst(results)
    click.echo(
        f"\ngate: {passed} of {words.plural(len(results), 'experiment')} passed, exit code {code.value} ({code.means})"
    )
    for one in results:
        why = "" if one.record else f": {words.clean(one.sentence.removeprefix(f'{one.file}:'))}"
        click.echo(f"  {words.title(one.verdict):<15} {words.clean(one.file)}{why}")
