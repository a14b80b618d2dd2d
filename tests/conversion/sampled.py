"""Samples: files as teams keep them for other tools, written for these tests, and what they become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runner.conversion import convert
from runner.experiment import load, nodes, source
from runner.experiment.findings import FileFinding

FOLDER = Path(__file__).parent / "samples"
SAMPLES = sorted(path for path in FOLDER.iterdir())
NAMES = [path.name for path in SAMPLES]


def of(name: str) -> convert.Conversion:
    """The one experiment of a sample."""
    (found,) = convert.convert(str(FOLDER / name)).experiments
    return found


def trees(path: Path) -> list[Any]:
    """The documents of a file as plain values."""
    return [text.tree for text in source.written(source.read_all(str(path)))]


def converted(tree: Any, folder: Path) -> convert.Conversion:
    """What becomes of a document that is given as values. Raises as `convert` does."""
    path = folder / "changed.json"
    path.write_text(json.dumps(tree))
    seen = convert.convert(str(path))
    for problem in seen.problems:
        raise problem
    (found,) = seen.experiments
    return found


def quickly(tree: Any) -> convert.Conversion:
    """The same without a file, and so without places."""
    return convert.document(source.ExperimentText("quick", "", nodes.Node(tree, (0, 0), (0, 0))))


def losses(found: convert.Conversion) -> dict[str, tuple[str, str]]:
    """Kind and reason by path."""
    return {loss.path: (loss.kind, loss.why) for loss in found.losses}


def errors(found: convert.Conversion, folder: Path) -> list[FileFinding]:
    """Everything that `chaos-run validate` calls an error in it."""
    path = folder / "experiment.yaml"
    path.write_text(found.text)
    seen = load.examine(str(path), variables={}, secret_variables={}, env={})
    return [f for f in seen.findings if f.severity == "error"]
