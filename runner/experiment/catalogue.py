"""Catalogue: the experiments that are shipped, and what each of them needs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runner import errors
from runner.experiment import activities, block, document, dosing, source, variables
from runner.experiment.model import CatalogueFacts
from runner.experiment.notes import Notes

PACKAGE = Path(__file__).parent.parent
SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, kw_only=True)
class CatalogueEntry:
    """One experiment of the catalogue."""

    name: str
    path: str
    title: str
    risk: str
    tags: tuple[str, ...]
    packages: tuple[str, ...]
    """The Python packages that its activities call."""
    missing: tuple[str, ...]
    """Those of them that are not installed."""
    tool: str
    phase: str
    needs: tuple[str, ...]
    alert: str
    touches: str
    proven: str
    doses: tuple[str, ...]
    """How strong the fault is set, a sentence each."""

    @property
    def fault(self) -> str:
        """What is the same for all tools: `pod-kill` of `pod-kill.chaos-mesh`."""
        return self.name.partition(".")[0]

    def to_json(self) -> dict[str, Any]:
        """As `chaos-run catalog --json` prints it."""
        return asdict(self)


def folder() -> Path:
    """The repository's experiments/, or the copy in the installed package."""
    beside = PACKAGE.parent / "experiments"
    return beside if beside.is_dir() else PACKAGE / "_experiments"


def files_in(place: Path) -> list[Path]:
    """The files in a folder that may be experiments, by name."""
    return sorted(path for path in place.iterdir() if path.suffix in SUFFIXES)


def entries(place: Path) -> Iterator[CatalogueEntry]:
    """The experiments in a folder, by name; files that cannot be read as one are left to `validate`."""
    for path in files_in(place):
        try:
            read = source.read(str(path))
        except errors.ChaosRunError:
            continue
        if isinstance(read.tree, dict) and "method" in read.tree:
            yield _entry(path, read)


def _entry(path: Path, read: source.ExperimentText) -> CatalogueEntry:
    tree: Mapping[str, Any] = read.tree
    packages = sorted({package for _, activity in document.walk(tree) if (package := _package(activity))})
    notes = Notes(read)
    known, unset = variables.configuration(notes, {}, os.environ)
    ours = block.read(notes, known, unset).block
    facts = (ours.catalogue if ours else None) or CatalogueFacts(tool=", ".join(packages) or "Chaos Toolkit")
    tags = tree.get("tags")
    return CatalogueEntry(
        name=path.stem,
        path=str(path),
        title=str(tree.get("title", "")),
        risk=ours.risk if ours else "medium",
        tags=tuple(str(t) for t in tags) if isinstance(tags, list) else (),
        packages=tuple(packages),
        missing=tuple(p for p in packages if not activities.is_installed(p)),
        tool=facts.tool,
        phase=facts.phase,
        needs=facts.needs,
        alert=facts.alert,
        touches=facts.touches,
        proven=facts.proven,
        doses=tuple(dosing.sentence(dose, known) for dose in (ours.dose if ours else ())),
    )


def _package(activity: Mapping[str, Any]) -> str | None:
    provider = activity.get("provider")
    module = provider.get("module") if isinstance(provider, dict) else None
    return module.partition(".")[0] if isinstance(module, str) else None
