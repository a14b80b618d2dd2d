"""`chaos-run catalog`: the shipped experiments, and whether they can run here."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runner.experiment.catalogue import CatalogueEntry

CANNOT = "CANNOT run here"


@click.command(name="catalog")
@click.option("--json", "as_json", is_flag=True, help="The catalogue as a JSON list.")
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Another folder of experiments."
)
def command(as_json: bool, folder: Path | None) -> int:
    """List the experiments of the catalogue: risk, phase of adoption, dose, blast radius, and whether each can run here.

    What is needed is looked for, read-only: programs, packages, and what the cluster of the current context serves.
    """
    from runner.experiment import catalogue

    place = folder or catalogue.folder()
    entries = list(catalogue.entries(place))
    lacking = {entry.name: _lacking(entry) for entry in entries}
    if as_json:
        click.echo(json.dumps([entry.to_json() | {"lacking": lacking[entry.name]} for entry in entries], indent=1))
        return 0
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        click.echo(f"{entry.name:{width}}  {entry.risk:6}  {entry.phase:11}  {_here(entry, lacking[entry.name])}")
        for line in (entry.title, f"by {entry.tool}", *_facts(entry), *(f"missing: {m}" for m in lacking[entry.name])):
            click.echo(textwrap.fill(line, 80, initial_indent="    ", subsequent_indent="      "))
    able = sum(_here(entry, lacking[entry.name]) != CANNOT for entry in entries)
    click.echo(
        f"\n{len(entries)} experiments in {place}, {able} can run here" if entries else f"no experiments in {place}"
    )
    return 0


def _here(entry: CatalogueEntry, lacking: Sequence[str]) -> str:
    if not lacking:
        return "can run here"
    from runner.faults import needs

    rest = [need for need in entry.needs if need not in needs.PLAYGROUND]
    return "can run here with --playground" if not entry.missing and not needs.missing(rest) else CANNOT


def _facts(entry: CatalogueEntry) -> Iterator[str]:
    yield from (f"dose: {dose}" for dose in entry.doses)
    if entry.touches:
        yield f"touches: {entry.touches}"
    if entry.proven:
        yield f"proven: {entry.proven}"


def _lacking(entry: CatalogueEntry) -> list[str]:
    """What has to be there and is not, a sentence each."""
    from runner.faults import needs

    return [
        *(f"the Python package {package} is not installed" for package in entry.missing),
        *needs.missing(entry.needs),
    ]
