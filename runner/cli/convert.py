"""`chaos-run convert FILES…`: experiments of other tools as experiments of ours, with every field that did not survive."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner import characters, errors, files

if TYPE_CHECKING:
    from runner.conversion.convert import Conversion, Converted
    from runner.conversion.fields import Loss

_MOST = 100
"""Characters of a value on the screen; the report has it whole."""


@click.command(name="convert")
@click.argument("given", metavar="FILES…", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    help="The file to write, or a folder for several experiments; without it the standard output.",
)
@click.option("--report", type=click.Path(path_type=Path), help="Write what became of each field here, as JSON.")
@click.option("--json", "as_json", is_flag=True, help="Experiments and report as one JSON object.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
def command(given: tuple[str, ...], output: str | None, report: Path | None, as_json: bool, force: bool) -> int:
    """Turn files of Chaos Mesh, Litmus, AWS FIS and krkn into experiments, one for each document that strikes something.

    Every field that did not survive is told, with its place, its value and why. Nothing is reached; a file that is there is
    replaced only with --force. A file that cannot be converted is an error with its place, and exit code 2; the others are.
    """
    output = None if output == "-" else output
    if report:
        files.check_output(report, "the report")
    found, problems = _convert(given)
    experiments = [one for converted in found for one in converted.experiments]
    if not output and not as_json and len(experiments) > 1:
        names = ", ".join(one.name for one in experiments)
        raise errors.UsageError(
            f"there are {len(experiments)} experiments in it: {names}", hint="name a folder: -o FOLDER/"
        )
    places = _write(experiments, output, force) if output and experiments else [None] * len(experiments)
    told = _as_json(found, places, problems)
    if report:
        files.write_atomically(report.resolve(), json.dumps(told, indent=1, ensure_ascii=False, default=str) + "\n")
    if as_json:
        click.echo(json.dumps(told, indent=1, default=str))
    else:
        _show(found, places)
    for problem in problems:
        _explain(problem)
    return errors.ExitCode.USAGE if problems else errors.ExitCode.PASS


def _convert(given: Sequence[str]) -> tuple[list[Converted], list[errors.UsageError]]:
    """What came out of each file, and what is wrong with those that cannot be converted."""
    from runner.conversion import convert

    found: list[Converted] = []
    problems: list[errors.UsageError] = []
    for name in given:
        try:
            found.append(convert.convert(name))
            problems += found[-1].problems
        except errors.UsageError as problem:
            problems.append(problem)
    return found, problems


def _write(experiments: Sequence[Conversion], output: str, force: bool) -> list[Path | None]:
    """Where each of them was written. Raises UsageError, before anything is, for a place that is no good or taken."""
    place = Path(output)
    folder = len(experiments) > 1 or place.is_dir() or output.endswith("/") or not place.suffix
    places = _names(experiments, place) if folder else [place]
    if folder:
        files.check_folder(place, "the experiments")
        place.mkdir(parents=True, exist_ok=True)
    for path in places:
        if path.exists() and not force:
            raise errors.UsageError(f"{path} is there already", hint="another place with -o, or --force to replace it")
        files.check_output(path, "the experiment")
    for one, path in zip(experiments, places, strict=True):
        files.write_atomically(path.resolve(), one.text)
    return [*places]


def _names(experiments: Sequence[Conversion], folder: Path) -> list[Path]:
    """A file for each, by its name; those of one name are numbered."""
    taken: list[str] = []
    for one in experiments:
        slug = re.sub(r"[^a-z0-9]+", "-", one.name.lower()).strip("-") or "experiment"
        numbered = (f"{slug}{f'-{number}' if number > 1 else ''}.yaml" for number in itertools.count(1))
        taken.append(next(name for name in numbered if name not in taken))
    return [folder / name for name in taken]


def _as_json(found: Sequence[Converted], places: Sequence[Path | None], problems: Sequence[errors.UsageError]) -> Any:
    experiments = [one for converted in found for one in converted.experiments]
    return {
        "experiments": [
            {
                "name": one.name,
                "tool": one.tool,
                "file": one.file,
                "written": str(place) if place else None,
                "kept": one.kept,
                "losses": [loss.to_json() for loss in one.losses],
                "experiment": one.document,
            }
            for one, place in zip(experiments, places, strict=True)
        ],
        "beside": [loss.to_json() for converted in found for loss in converted.beside],
        "errors": [problem.message for problem in problems],
    }


def _show(found: Sequence[Converted], places: Sequence[Path | None]) -> None:
    """The experiment on the standard output, unless it was written; what became of each field beside it."""
    given = iter(places)
    for converted in found:
        for one in converted.experiments:
            place = next(given)
            if not place:
                click.echo(one.text, nl=False)
            click.echo("\n".join(map(characters.harmless, _lines(one, place))), err=True)
        if converted.beside:
            click.echo(characters.harmless(f"{converted.beside[0].file}: beside the experiments:"), err=True)
        for loss in converted.beside:
            whole = f"  lost     line {loss.line}: a {loss.value['kind']}: {loss.why}" if not loss.path else _line(loss)
            click.echo(characters.harmless(whole), err=True)
    if written := [str(place) for place in places if place]:
        click.echo(f"next: chaos-run validate {written[0]}    then read it, and add what users notice", err=True)


def _lines(one: Conversion, place: Path | None) -> Iterator[str]:
    from runner.conversion import convert

    yield f"{one.file}: {one.name} ({one.tool}){f' → {place}' if place else ''}: {convert.told(one.losses, one.kept)}"
    yield from (_line(loss) for loss in one.losses)


def _line(loss: Loss) -> str:
    value = loss.value if isinstance(loss.value, str) else json.dumps(loss.value, default=str, ensure_ascii=False)
    short = " ".join(value.split())
    short = short if len(short) <= _MOST else short[:_MOST] + "…"
    return f"  {loss.kind:8} line {loss.line}: {loss.path}{f' = {short}' if short and loss.value is not None else ''}: {loss.why}"


def _explain(problem: errors.UsageError) -> None:
    click.echo(getattr(problem, "rendered", "") or f"error: {problem.message}", err=True)
    if problem.hint:
        click.echo(f"hint: {problem.hint}", err=True)
