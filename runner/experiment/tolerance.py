"""Tolerance: when a hypothesis probe is fine; checked as Chaos Toolkit checks it, with its traps said aloud."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from numbers import Number
from typing import Any

from runner.experiment import activities, findings
from runner.experiment.notes import Notes, described
from runner.experiment.source import Steps

KINDS = ("probe", "regex", "jsonpath", "range")


def check(notes: Notes, tolerance: Any, steps: Steps) -> None:
    """The value under `tolerance:` of one probe."""
    if isinstance(tolerance, dict):
        _mapping(notes, tolerance, steps)
    elif isinstance(tolerance, float):
        notes.error(
            "tolerance",
            steps,
            f"a tolerance cannot be the fraction {tolerance}",
            hint=f"write {{type: range, range: [0, {tolerance}]}}",
        )
    elif not isinstance(tolerance, bool | int | str | list):
        notes.error(
            "tolerance",
            steps,
            f"a tolerance cannot be {described(tolerance)}",
            hint="true, a number, text, a list, or {type: …}",
        )


def _mapping(notes: Notes, tolerance: Mapping[str, Any], steps: Steps) -> None:
    kind = tolerance.get("type")
    if kind == "probe":
        _probe(notes, tolerance, steps)
    elif kind == "regex":
        _regex(notes, tolerance, steps)
    elif kind == "jsonpath":
        _jsonpath(notes, tolerance, steps)
    elif kind == "range":
        _range(notes, tolerance, steps)
    else:
        said = "has no type" if kind is None else f"cannot be of type {kind!r}"
        hint = findings.nearest(str(kind or ""), KINDS, what="types")
        notes.error("tolerance", (*steps, "type"), f"a tolerance {said}", hint=hint)


def _probe(notes: Notes, tolerance: Mapping[str, Any], steps: Steps) -> None:
    activities.check(notes, tolerance, steps)
    provider = tolerance.get("provider")
    if isinstance(provider, dict) and not isinstance(provider.get("arguments"), dict):
        notes.warning(
            "tolerance-arguments",
            (*steps, "provider"),
            "a tolerance probe without arguments crashes Chaos Toolkit, which puts the measured value there",
            hint="add arguments: {} (the value arrives as the argument `value`)",
            key=True,
        )


def _regex(notes: Notes, tolerance: Mapping[str, Any], steps: Steps) -> None:
    if "pattern" not in tolerance:
        notes.error("tolerance", steps, "a regex tolerance has no pattern", hint="add pattern: …", key=True)
        return
    try:
        re.compile(tolerance["pattern"])
    except TypeError:
        notes.error(
            "tolerance",
            (*steps, "pattern"),
            f"a pattern is text, not {described(tolerance['pattern'])}",
            hint="quote it",
        )
    except re.error as problem:
        notes.error("tolerance", (*steps, "pattern"), f"the pattern cannot be compiled: {problem}")


def _range(notes: Notes, tolerance: Mapping[str, Any], steps: Steps) -> None:
    bounds = tolerance.get("range")
    if not isinstance(bounds, list) or len(bounds) != 2 or not all(isinstance(b, Number) for b in bounds):
        at = (*steps, "range") if "range" in tolerance else steps
        notes.error("tolerance", at, "a range is a list of two numbers", hint="range: [0, 5]")
    elif bounds[0] > bounds[1]:
        notes.warning(
            "tolerance", (*steps, "range"), "nothing lies in this range: the lower bound is above the upper one"
        )


def _jsonpath(notes: Notes, tolerance: Mapping[str, Any], steps: Steps) -> None:
    path = tolerance.get("path")
    if not isinstance(path, str) or not path.strip():
        notes.error("tolerance", (*steps, "path"), "a jsonpath tolerance has no path", hint="path: $.status")
        return
    try:
        jsonpath = importlib.import_module("jsonpath2.path")
    except ImportError:
        hint = "install chaos-run[jsonpath]"
        notes.lacking("jsonpath", (*steps, "type"), "a jsonpath tolerance needs the package jsonpath2", hint=hint)
        return
    try:
        jsonpath.Path.parse_str(path)
    except ValueError:
        notes.error("tolerance", (*steps, "path"), f"the JSON path {path!r} cannot be parsed")
