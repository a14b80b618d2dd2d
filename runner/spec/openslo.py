"""OpenSLO: v1 documents of SLOs, read as they are in the wild, bound to the traffic that we generate ourselves."""

from __future__ import annotations

from collections.abc import Mapping

from runner.spec import findings, model
from runner.spec.notes import Notes
from runner.spec.source import Steps


def resolve(
    notes: Notes, block: model.Block, steps: Steps, env: Mapping[str, str]
) -> tuple[tuple[model.Objective, ...], list[findings.Finding]]:
    """All objectives in the order of the file, and the findings in the documents that it refers to."""
    return tuple(o for o in block.objectives if isinstance(o, model.Objective)), []
