"""`chaos-run catalog`: the shipped experiments, and whether they can run here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runner.experiment.catalogue import CatalogueEntry


@click.command(name="catalog")
@click.option("--json", "as_json", is_flag=True, help="The catalogue as a JSON list.")
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Another folder of experiments."
)
def command(as_json: bool, folder: Path | None) -> int:
    """List the experiments of the catalogue: what each is about, its risk, and what it needs."""
    from runner.experiment import catalogue

    place = folder or catalogue.folder()
    entries = list(catalogue.entries(place))
    if as_json:
        listed = [entry.to_json() | {"needs_cluster": _needs_cluster(entry)} for entry in entries]
        click.echo(json.dumps(listed, indent=1))
        return 0
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        click.echo(f"{entry.name:{width}}  {entry.risk:6}  {entry.title}")
        click.echo(f"{'':{width}}          {_needs(entry)}")
    click.echo(f"\n{len(entries)} experiments in {place}" if entries else f"no experiments in {place}")
    return 0


def _needs_cluster(entry: CatalogueEntry) -> bool:
    from runner.faults import registry

    claimed = [registry.claiming({"module": package}) for package in entry.packages]
    return any(driver is not None and driver.name == "kubernetes" for driver in claimed)


def _needs(entry: CatalogueEntry) -> str:
    words = ["a cluster or the playground" if _needs_cluster(entry) else "no cluster"]
    words += [f"{package} is NOT installed" for package in entry.missing]
    return f"needs {', '.join(words)}" + (f" · {' '.join(entry.tags)}" if entry.tags else "")
