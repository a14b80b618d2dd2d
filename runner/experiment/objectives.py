"""Objectives on their own: a file of OpenSLO documents or of our shorthand, for samples that are there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from runner.experiment import block, findings, model, openslo, source
from runner.experiment.notes import Notes, described
from runner.experiment.source import Steps


def read(
    path: str, traffic: Sequence[str], counted: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[model.Objective, ...]:
    """The objectives of a file, about the named traffic, and about what a source was asked for, by indicator.

    An OpenSLO document, `objectives:` in our shorthand (alone, in our block of an experiment, or just the list).
    Raises UsageError, EnvironmentFailure, and findings.Broken with every error at its place.
    """
    around = openslo.OpenSloContext(traffic, counted=counted or {})
    documents = source.written(source.read_all(path))
    notes = Notes(documents[0])
    trees = [tree for d in documents for tree in (d.tree if isinstance(d.tree, list) else [d.tree])]
    if any(isinstance(tree, dict) and "apiVersion" in tree for tree in trees):
        found, others = openslo.resolve(notes, model.OpenSlo(openslo=_absolute(path)), (), around)
    else:
        found, others = _shorthand(notes, around)
    if not found and not notes.broken and not any(f.severity == "error" for f in others):
        notes.error("objectives", (), "there is no objective in this file", hint="write objectives: or an OpenSLO SLO")
    if wrong := [f for f in (*notes.found, *others) if f.severity == "error"]:
        raise findings.BrokenExperiment(wrong)
    return tuple(found)


def _absolute(path: str) -> str:
    from pathlib import Path

    return path if "://" in path else str(Path(path).absolute())


def _shorthand(
    notes: Notes, around: openslo.OpenSloContext
) -> tuple[list[model.Objective], list[findings.FileFinding]]:
    steps, rows = _rows(notes)
    counted = around.counted or {}
    objectives: list[model.Objective] = []
    others: list[findings.FileFinding] = []
    if not notes.is_kind(rows, list, steps, "objectives"):
        return [], []
    for index, row in enumerate(rows):
        where = (*steps, index)
        if (one := _row(notes, row, where)) is None:
            continue
        if isinstance(one, model.OpenSlo):
            more, beside = openslo.resolve(notes, one, where, around)
            objectives, others = objectives + more, others + beside
        elif one.indicator in counted:
            if one.threshold is not None:
                said = f"'{one.indicator}' was counted by a source, which knows nothing of latency"
                notes.error("objectives", (*where, "threshold"), said)
            objectives.append(one)
        elif one.indicator not in around.traffic:
            hint = findings.nearest(one.indicator, [*around.traffic, *counted], what="measured")
            notes.error(
                "unknown-name", (*where, "indicator"), f"the run has no samples of '{one.indicator}'", hint=hint
            )
        else:
            objectives.append(one)
    return objectives, others


def _rows(notes: Notes) -> tuple[Steps, Any]:
    tree = notes.source.tree
    if not isinstance(tree, dict):
        return (), tree
    if "objectives" in tree:
        return ("objectives",), tree["objectives"]
    steps, ours = block.find(notes)
    return ((*steps, "objectives"), ours.get("objectives", [])) if ours else (("objectives",), [])


def _row(notes: Notes, row: Any, where: Steps) -> model.Objective | model.OpenSlo | None:
    if not isinstance(row, dict):
        notes.error("type", where, f"an objective is a mapping, not {described(row)}")
        return None
    try:
        return (model.OpenSlo if "openslo" in row else model.Objective).model_validate(row)
    except ValidationError as problems:
        for problem in problems.errors(include_url=False):
            place = tuple(s for s in problem["loc"] if not str(s).startswith(("function", "float")))
            notes.error("objectives", (*where, *place), problem["msg"].removeprefix("Value error, "))
        return None
