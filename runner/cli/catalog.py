"""`chaos-run catalog`: the shipped experiments, and whether they can run here."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner import errors

if TYPE_CHECKING:
    from runner.experiment.catalogue import CatalogueEntry

CANNOT = "cannot run here"


@click.command(name="catalog")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="The catalogue as a JSON list.")
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Another folder of experiments."
)
def command(name: str | None, as_json: bool, folder: Path | None) -> int:
    """List the experiments of the catalogue: risk, phase of adoption, dose, tool, and whether each can run here.

    NAME, a fault (pod-kill) or one of its files (pod-kill.litmus), shows what it touches, how it was proven, and where it is. What is
    needed is looked for, read-only: programs, packages, and what the cluster of the current context serves.
    """
    from runner.experiment import catalogue

    place = folder or catalogue.folder()
    entries = _named(list(catalogue.entries(place)), name)
    lacking = {entry.name: _lacking(entry) for entry in entries}
    if as_json:
        click.echo(json.dumps([entry.to_json() | {"lacking": lacking[entry.name]} for entry in entries], indent=1))
        return 0
    for _, family in groupby(entries, lambda entry: entry.fault):
        _print_fault([*family], lacking, width=max(len(entry.name) for entry in entries), whole=name is not None)
    able = sum(_here(entry, lacking[entry.name]) != CANNOT for entry in entries)
    click.echo(
        f"{len(entries)} experiment{'s' * (len(entries) != 1)} in {place}, {able} can run here"
        if entries
        else f"no experiments in {place}"
    )
    if entries and name is None:
        click.echo("chaos-run catalog NAME shows one; chaos-run init NAME copies it for your own service")
    return 0


def _named(entries: list[CatalogueEntry], name: str | None) -> list[CatalogueEntry]:
    """One file, all of one fault, or all. Raises UsageError for a name that is none."""
    if name is None:
        return entries
    found = [entry for entry in entries if name in (entry.fault, entry.name)]
    if not found:
        from runner.experiment import findings

        hint = findings.nearest(name, [entry.name for entry in entries], what="there are")
        raise errors.UsageError(f"the catalogue has no {name!r}", hint=hint)
    return found


def _print_fault(
    family: Sequence[CatalogueEntry], lacking: Mapping[str, Sequence[str]], *, width: int, whole: bool
) -> None:
    click.echo(family[0].title)
    for entry in family:
        click.echo(f"  {entry.name:{width}}  {entry.risk:6}  {entry.phase:10}  {_here(entry, lacking[entry.name])}")
        missing = [] if _here(entry, lacking[entry.name]) != CANNOT else [f"missing: {m}" for m in lacking[entry.name]]
        for line in (f"by {entry.tool}", *(f"dose: {dose}" for dose in entry.doses), *missing, *_facts(entry, whole)):
            click.echo(textwrap.fill(line, 80, initial_indent="      ", subsequent_indent="        "))
    click.echo()


def _here(entry: CatalogueEntry, lacking: Sequence[str]) -> str:
    if not lacking:
        return "can run here"
    from runner.faults import needs

    rest = [need for need in entry.needs if need not in needs.PLAYGROUND]
    return "with --playground" if not entry.missing and not needs.missing(rest) else CANNOT


def _facts(entry: CatalogueEntry, whole: bool) -> Iterator[str]:
    if whole:
        yield f"touches: {entry.touches}"
        if entry.alert:
            yield f"alert that should fire: {entry.alert}"
        yield f"proven: {entry.proven}"
        yield f"needs: {', '.join(entry.needs) or 'nothing but Python'}"
        yield f"file: {entry.path}"


def _lacking(entry: CatalogueEntry) -> list[str]:
    """What has to be there and is not, a sentence each."""
    from runner.faults import needs

    return [
        *(f"the Python package {package} is not installed" for package in entry.missing),
        *needs.missing(entry.needs),
    ]
