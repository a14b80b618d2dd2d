"""Our block: found among the extensions, its variables replaced, validated, every error at the place of the very value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from runner.spec import document, findings, model, variables
from runner.spec.notes import Notes, described
from runner.spec.source import Steps

NAME = "chaos-run"


def read(notes: Notes, known: Mapping[str, Any], missing: Mapping[str, str]) -> tuple[model.Block | None, Steps]:
    """The validated block and its place; the defaults where there is none; None where it has errors."""
    steps, raw = find(notes)
    if raw is None:
        return model.Block(), steps
    unknown = dict(_unresolved(notes, raw, steps, known, missing))
    try:
        block = model.Block.model_validate(variables.substitute(raw, known))
    except ValidationError as problems:
        for problem in problems.errors(include_url=False):
            if steps + _steps(problem["loc"], raw) not in unknown:
                _explain(notes, problem, raw, steps)
        return None, steps
    return (None if any(unknown.values()) else block), steps


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
    for where, text in _texts(raw, steps):
        for name in variables.names(text):
            if name in missing:
                said = f"${{{name}}} has no value here: {missing[name]}"
                late = "environment" not in missing[name]
                (notes.error if late or notes.here else notes.warning)("variable", where, said)
                yield where, late or notes.here
            elif name not in known:
                hint = findings.nearest(name, [*known, *missing], what="there are")
                notes.error("variable", where, f"${{{name}}} is not in the configuration of this file", hint=hint)
                yield where, True


def _texts(value: Any, steps: Steps) -> Iterator[tuple[Steps, str]]:
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(item, (*steps, key))


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
        elif part in ("shorthand", "openslo", "[key]"):
            continue
        steps.append(part)
    return tuple(steps)


def _explain(notes: Notes, problem: Any, raw: Any, steps: Steps) -> None:
    inner = _steps(problem["loc"], raw)
    where, kind = steps + inner, problem["type"]
    name = str(inner[-1]) if inner else NAME
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


def _plain(name: str, problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Input should be ").removeprefix("a valid ")
    words = {"model_type": "a mapping", "dict_type": "a mapping", "tuple_type": "a list", "string_type": "text"}
    return f"'{name}' has to be {words.get(problem['type'], message)}, not {described(problem['input'])}"


def _fields(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that a part of our block may have."""
    part: Any = model.Block
    tags = {"shorthand": model.Objective, "openslo": model.OpenSlo}
    for step in loc:
        if step in tags:
            part = tags[str(step)]
        elif isinstance(step, str) and step in part.model_fields:
            part = _model(part.model_fields[step].annotation) or part
    return list(part.model_fields)


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model inside of an annotation such as `tuple[Traffic, ...]` or `Latency | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model(inner))), None)


def cross_check(notes: Notes, block: model.Block, objectives: tuple[model.Objective, ...], steps: Steps) -> None:
    """What one part of the block says of another, and of the method: every name is one that exists."""
    names = _Names(notes, steps)
    indicators = [t.name for t in block.traffic]
    names.unique(indicators, "traffic")
    for index, traffic in enumerate(block.traffic):
        if not traffic.url.startswith(("http://", "https://", "${")):
            notes.error("value", (*steps, "traffic", index, "url"), f"'{traffic.url}' is not an http or https URL")
    names.unique(
        [o.name for o in block.objectives if isinstance(o, model.Objective)], "objectives", rows=block.objectives
    )
    for index, objective in enumerate(block.objectives):
        if objective.indicator is not None:
            names.exists(objective.indicator, indicators, ("objectives", index, "indicator"), "traffic")
    goals = [o.name for o in objectives]
    for index, rule in enumerate(block.abort):
        for kind in rule.model_fields_set:
            condition = getattr(rule, kind)
            for key, there, what in (("indicator", indicators, "traffic"), ("objective", goals, "objective")):
                if (used := getattr(condition, key, None)) is not None:
                    names.exists(used, there, ("abort", index, kind, key), what)
    for index, detection in enumerate(block.detection):
        if detection.objective is not None:
            names.exists(detection.objective, goals, ("detection", index, "objective"), "objective")
    _method(notes, names, block)


def _method(notes: Notes, names: _Names, block: model.Block) -> None:
    found = list(document.walk(notes.source.tree))
    actions = [str(a.get("name")) for s, a in found if s[0] == "method" and a.get("type") == "action"]
    probes = [str(a.get("name")) for _, a in found if a.get("type") == "probe"]
    for index, proof in enumerate(block.proof):
        names.exists(proof.action, actions, ("proof", index, "action"), "action")
        names.exists(proof.probe, probes, ("proof", index, "probe"), "probe")
    for index, action in enumerate(block.accept_no_undo):
        names.exists(action, actions, ("accept_no_undo", index), "action")


class _Names:
    """Looks names up and notes those that lead nowhere."""

    def __init__(self, notes: Notes, steps: Steps) -> None:
        self.notes, self.steps = notes, steps

    def exists(self, name: str, there: list[str], steps: Steps, what: str) -> None:
        if name not in there:
            hint = findings.nearest(name, there, what="there are") or f"there is no {what} here at all"
            self.notes.error("unknown-name", self.steps + steps, f"there is no {what} '{name}'", hint=hint)

    def unique(self, names: list[str], part: str, *, rows: tuple[Any, ...] | None = None) -> None:
        places = (
            [i for i, row in enumerate(rows) if getattr(row, "name", None)] if rows is not None else range(len(names))
        )
        seen: set[str] = set()
        for index, name in zip(places, names, strict=True):
            if name in seen:
                self.notes.error("duplicate-name", (*self.steps, part, index, "name"), f"'{name}' is here twice")
            seen.add(name)
