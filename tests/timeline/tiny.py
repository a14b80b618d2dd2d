"""As much of JSON Schema as our own schema uses; an unknown keyword is an error, so that nothing is silently not checked."""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
    "integer": int,
    "number": (int, float),
}
_SAID = {"$schema", "$id", "$defs", "title", "description", "format"}


def problems(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> list[str]:
    """What is wrong with a value, as `place: what`."""
    found = []
    for word, rule in schema.items():
        if word in _SAID or word in ("required", "additionalProperties"):
            continue
        found += _check(word, rule, value, schema, root, at)
    if isinstance(value, dict):
        found += [f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        if schema.get("additionalProperties") is False:
            found += [f"{at}: {name} is unknown" for name in value if name not in schema["properties"]]
    return found


def _check(word: str, rule: Any, value: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> list[str]:
    match word:
        case "$ref":
            return problems(value, root["$defs"][rule.rpartition("/")[2]], root, at)
        case "type":
            return (
                []
                if any(_is(value, name) for name in ([rule] if isinstance(rule, str) else rule))
                else [f"{at}: {rule}"]
            )
        case "enum":
            return [] if value in rule else [f"{at}: {value!r} is none of {rule}"]
        case "const":
            return [] if value == rule else [f"{at}: {value!r} is not {rule!r}"]
        case "minimum":
            return [f"{at}: below {rule}"] if isinstance(value, int | float) and value < rule else []
        case "pattern":
            return [] if re.search(rule, value) else [f"{at}: {value!r} does not match"]
        case "items":
            return [p for i, item in enumerate(value) for p in problems(item, rule, root, f"{at}[{i}]")]
        case "properties":
            known = [(n, s) for n, s in rule.items() if n in value]
            return [p for name, part in known for p in problems(value[name], part, root, f"{at}.{name}")]
        case "oneOf":
            tried = [problems(value, part, root, at) for part in rule]
            return [] if sum(not t for t in tried) == 1 else [f"{at}: not exactly one", *min(tried, key=len)]
    raise AssertionError(f"the validator does not know {word}")


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])
