"""Schema: our block, and a whole experiment around it, as JSON Schema for editors."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from typing import Any

from runner.experiment import abort, activities, document, model, runtime, silencing
from runner.slo.guards import GUARDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"^\$\{\w+\}$", "description": "a variable: ${name}"}
_SECONDS = {"anyOf": [{"type": "number", "minimum": 0}, _VARIABLE]}


def block() -> dict[str, Any]:
    """The entry of `extensions:` with `name: chaos-run`."""
    schema = model.Block.model_json_schema()
    guards = _guard_texts()
    for name, part in schema["$defs"].items():
        _describe(
            part, guards[name] if name in guards else _texts(getattr(model, name, None) or getattr(silencing, name))
        )
    _describe(schema, _texts(model.Block))
    schema["required"] = ["name"]
    return {"$schema": DIALECT} | schema | {"title": "The chaos-run block of an experiment"}


def experiment() -> dict[str, Any]:
    """A Chaos Toolkit experiment, our block among its extensions."""
    ours = block()
    definitions = ours.pop("$defs") | {"Block": ours, **_ACTIVITY}
    ours.pop("$schema")
    return {
        "$schema": DIALECT,
        "title": "A Chaos Toolkit experiment with a chaos-run block",
        "type": "object",
        "required": ["title", "description", "method"],
        "properties": _PROPERTIES,
        "$defs": definitions,
    }


def _guard_texts() -> dict[str, dict[str, str]]:
    """The texts of the list `abort:` and of what its guards take, which are made from the guards' classes."""
    found = {g.__name__: {abort.key_of(field): text for field, text in _texts(g).items()} for g in GUARDS.values()}
    keys = {key: inspect.getdoc(guard) or "" for key, guard in GUARDS.items()}
    return found | {"AbortRule": keys | _texts(abort.Condition)}


def _describe(schema: dict[str, Any], texts: dict[str, str]) -> None:
    """Give each property its text, and allow `${name}` where no text is expected."""
    for name, entry in schema["properties"].items():
        schema["properties"][name] = _property(entry) | ({"description": texts[name]} if name in texts else {})


def _property(entry: dict[str, Any]) -> dict[str, Any]:
    """Null cannot be written, so it goes; numbers, choices and the like may be a variable instead."""
    default = {"default": entry.pop("default")} if entry.get("default") is not None else {}
    entry.pop("default", None)
    forms = [form for form in entry.get("anyOf", [entry]) if form.get("type") != "null"]
    entry = forms[0] if len(forms) == 1 else {"anyOf": forms}
    free = entry.get("type") in ("string", "array", "object") and "enum" not in entry
    if free or "$ref" in entry or "const" in entry:
        return entry | default
    return {"anyOf": [entry, _VARIABLE]} | default


def _texts(part: type) -> dict[str, str]:
    """The strings that follow the fields of a class."""
    tree = ast.parse(inspect.getsource(part)).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    return {
        field.target.id: str(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


_EXTENSION = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 1}},
    "if": {"properties": {"name": {"const": "chaos-run"}}},
    "then": {"$ref": "#/$defs/Block"},
}
_ACTIVITIES = {"type": "array", "items": {"$ref": "#/$defs/Activity"}}
_CONTROLS = {"type": "array", "items": {"type": "object", "required": ["name", "provider"]}}
_PROPERTIES: dict[str, Any] = {
    "title": {"type": "string", "minLength": 1},
    "description": {"type": "string", "minLength": 1},
    "tags": {"type": "array", "items": {"type": "string", "minLength": 1}},
    "configuration": {"type": "object"},
    "secrets": {"type": "object", "additionalProperties": {"type": "object"}},
    "controls": _CONTROLS,
    "contributions": {"type": "object"},
    "dry": {"enum": list(runtime.DRY)},
    "runtime": {
        "type": "object",
        "properties": {
            part: {"type": "object", "properties": {"strategy": {"enum": list(known)}}}
            for part, known in runtime.STRATEGIES.items()
        },
    },
    document.HYPOTHESIS: {
        "type": "object",
        "required": ["title"],
        "properties": {
            "title": {"type": "string", "minLength": 1},
            "controls": _CONTROLS,
            "probes": {"type": "array", "items": {"allOf": [{"$ref": "#/$defs/Activity"}], "required": ["tolerance"]}},
        },
    },
    "method": _ACTIVITIES,
    "rollbacks": _ACTIVITIES,
    "extensions": {"type": "array", "items": _EXTENSION},
}
_ACTIVITY: dict[str, Any] = {
    "Activity": {"anyOf": [{"$ref": "#/$defs/WholeActivity"}, {"$ref": "#/$defs/Reference"}]},
    "Reference": {"type": "object", "required": ["ref"], "properties": {"ref": {"type": "string", "minLength": 1}}},
    "WholeActivity": {
        "type": "object",
        "required": ["type", "name", "provider"],
        "properties": {
            "type": {"enum": ["probe", "action"]},
            "name": {"type": "string", "minLength": 1},
            "background": {"type": "boolean"},
            "timeout": {"type": "number"},
            "pauses": {"type": "object", "properties": {"before": _SECONDS, "after": _SECONDS}},
            "tolerance": {
                "anyOf": [{"type": ["boolean", "integer", "string", "array"]}, {"$ref": "#/$defs/Tolerance"}]
            },
            "controls": _CONTROLS,
            "provider": {"$ref": "#/$defs/Provider"},
        },
    },
    "Tolerance": {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"enum": ["probe", "regex", "jsonpath", "range"]},
            "pattern": {"type": "string"},
            "path": {"type": "string"},
            "range": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            "target": {"type": "string"},
        },
    },
    "Provider": {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(activities.PROVIDERS)}},
        "oneOf": [
            {
                "properties": {"type": {"const": "python"}, "arguments": {"type": "object"}},
                "required": ["module", "func"],
            },
            {"properties": {"type": {"const": "process"}, "path": {"type": "string"}}, "required": ["path"]},
            {"properties": {"type": {"const": "http"}, "url": {"type": "string"}}, "required": ["url"]},
        ],
    },
}
