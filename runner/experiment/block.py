"""Our block: found among the extensions, its variables replaced, validated, every error at the place of the very value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from runner.experiment import findings, model, typed, variables
from runner.experiment.notes import Notes, described
from runner.experiment.source import Steps

NAME = "chaos-run"


@dataclass(frozen=True)
class BlockReading:
    """The block as written, its variables replaced, and validated: None where it has errors."""

    block: model.Block | None
    raw: dict[str, Any]
    steps: Steps

    @property
    def during(self) -> bool:
        """Whether the hypothesis is asked during the method too; not by a file without our block."""
        return bool(self.raw) and (self.block is None or self.block.hypothesis.during)


def read(notes: Notes, known: Mapping[str, Any], missing: Mapping[str, str]) -> BlockReading:
    """Our block of the file, the defaults where there is none."""
    steps, raw = find(notes)
    if raw is None:
        return BlockReading(model.Block(), {}, steps)
    unknown = dict(_unresolved(notes, raw, steps, known, missing))
    filled = variables.substitute(raw, known)
    try:
        block = model.Block.model_validate(filled)
    except ValidationError as problems:
        for problem in problems.errors(include_url=False):
            if steps + _steps(problem["loc"], raw) not in unknown:
                _explain(notes, problem, raw, steps)
        return BlockReading(None, filled, steps)
    return BlockReading(None if any(unknown.values()) else block, filled, steps)


def find(notes: Notes) -> tuple[Steps, dict[str, Any] | None]:
    """Our entry of `extensions:` with its place, None when there is none."""
    entries = notes.source.tree.get("extensions")
    places = [
        i
        for i, e in enumerate(entries if isinstance(entries, list) else ())
        if isinstance(e, dict) and e.get("name") == NAME
    ]
    if not places:
        return ("extensions",), None
    for extra in places[1:]:
        notes.error("duplicate-name", ("extensions", extra), f"there is a second {NAME} block: one a file")
    return ("extensions", places[0]), entries[places[0]]


def _unresolved(
    notes: Notes, raw: Any, steps: Steps, known: Mapping[str, Any], missing: Mapping[str, str]
) -> Iterator[tuple[Steps, bool]]:
    """Every place with a `${name}` that has no value, and whether it makes the block useless now."""
    for where, text in variables.texts(raw, steps):
        for name in variables.names(text):
            if name in missing:
                said = f"${{{name}}} has no value here: {missing[name]}"
                late = "environment" not in missing[name]
                if late:
                    notes.error("variable", where, said)
                else:
                    notes.lacking("variable", where, said)
                yield where, late or notes.here
            elif name not in known:
                hint = findings.nearest(name, [*known, *missing], what="there are")
                notes.error("variable", where, f"${{{name}}} is not in the configuration of this file", hint=hint)
                yield where, True


def _steps(loc: tuple[int | str, ...], raw: Any) -> Steps:
    """pydantic's way to a value as ours: without the tags of unions, up to what is really there, and one missing key."""
    steps: list[Any] = []
    for part in loc:
        inside = (
            part < len(raw)
            if isinstance(raw, list) and isinstance(part, int)
            else isinstance(raw, dict) and part in raw
        )
        if inside:
            raw = raw[part]
        elif part in (model.SHORTHAND, model.REFERENCE, "[key]"):
            continue
        steps.append(part)
    return tuple(steps)


def _explain(notes: Notes, problem: Any, raw: Any, steps: Steps) -> None:
    inner = _steps(problem["loc"], raw)
    where, kind = steps + inner, problem["type"]
    name = _name(inner)
    if kind == "extra_forbidden":
        hint = findings.nearest(name, _fields(problem["loc"][:-1]), what="keys here")
        notes.error("unknown-key", where, f"unknown key '{name}'", hint=hint, key=True)
    elif kind == "missing":
        notes.error("missing-key", where, f"'{name}' is missing", hint=f"add {name}: …", key=True)
    elif kind == "literal_error":
        hint = findings.nearest(
            str(problem["input"]), re.findall(r"'([^']*)'", problem["ctx"]["expected"]), what="one of"
        )
        notes.error("value", where, f"'{name}' cannot be {described(problem['input'])}", hint=hint)
    elif kind == "value_error":
        message, _, hint = str(problem["ctx"]["error"]).partition("; ")
        notes.error("value", where, f"'{name}': {message}" if inner else message, hint=hint or None)
    else:
        notes.error("value", where, _plain(name, problem))


def _name(inner: Steps) -> str:
    """How to call a value: by its key, an item of a list by the list's."""
    *before, last = inner or (NAME,)
    return f"{before[-1]}[{last}]" if isinstance(last, int) and before else str(last)


def _plain(name: str, problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Input should be ").removeprefix("a valid ")
    words = {"model_type": "a mapping", "dict_type": "a mapping", "tuple_type": "a list", "string_type": "text"}
    return f"'{name}' has to be {words.get(problem['type'], message)}, not {described(problem['input'])}"


def _fields(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that a part of our block may have."""
    part: Any = model.Block
    tags = {model.SHORTHAND: model.Objective, model.REFERENCE: model.OpenSlo}
    for step in loc:
        if step in tags:
            part = tags[str(step)]
        elif isinstance(step, str) and step in part.model_fields:
            part = typed.inner(part.model_fields[step].annotation) or part
    return list(part.model_fields)
