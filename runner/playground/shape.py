"""The shape of the API's types: which fields there are and by which key lists merge.

`schema.json` says it in one line a type, taken from the OpenAPI document of a real API server by `tests/playground/regenerate.py`:
`s i b n` are text, integer, yes/no and number, `x` integer or text, `o` anything, `@T` a type, `[]` and `{}` list and map of,
and `|key` after a list is its merge key.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

from runner.playground import kinds, refusal

Types = dict[str, dict[str, str]]


@functools.cache
def types() -> Types:
    """Every type by its name."""
    text = resources.files("runner.playground").joinpath("schema.json").read_text(encoding="utf-8")
    loaded: Types = json.loads(text)
    return loaded


def field(owner: str, name: str) -> str:
    """The shape of a field of a type such as `PodSpec`; `o` when it is not known."""
    if owner.startswith("@"):
        return types().get(owner[1:], {}).get(name, "o")
    return owner[2:] if owner.startswith("{}") else "o"


def element(shape: str) -> tuple[str, str | None]:
    """For a list's shape: the shape of its elements and their merge key (empty text: a set of scalars; None: no merge)."""
    inner, bar, key = shape.removeprefix("[]").partition("|")
    return inner, (key if bar else None)


def check(kind: kinds.ResourceKind, body: Any, mode: str) -> list[str]:
    """Drop unknown fields from `body` in place and return a warning for each; raises the 400 when `mode` is Strict."""
    strange: list[str] = []
    mistyped: list[str] = []
    for sort, said in _walk(body, f"@{kind.name}", "", kind.name):
        (strange if sort == "unknown" else mistyped).append(said)
    said_of = f'{kind.name} in version "v1" cannot be handled as a {kind.name}: '
    if mistyped:
        raise refusal.bad_request(said_of + "json: cannot unmarshal " + mistyped[0])
    if strange and mode == "Strict":
        raise refusal.bad_request(said_of + "strict decoding error: " + ", ".join(strange))
    return strange if mode != "Ignore" else []


def _walk(value: Any, shape: str, path: str, owner: str) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if not _fits(value, shape):
        yield "mistyped", f"{_json_name(value)} into Go struct field {owner}{path} of type {_go_name(shape)}"
    elif shape.startswith("@") and shape[1:] in types():
        yield from _walk_fields(value, shape, path)
    elif shape.startswith("[]"):
        for number, item in enumerate(value):
            yield from _walk(item, element(shape)[0], f"{path}[{number}]", owner)
    elif shape.startswith("{}"):
        for key, item in value.items():
            yield from _walk(item, shape[2:], f"{path}.{key}", owner)


def _walk_fields(value: dict[str, Any], shape: str, path: str) -> Iterator[tuple[str, str]]:
    known = types()[shape[1:]]
    for name in [n for n in value if n not in known]:
        yield "unknown", f'unknown field "{path.lstrip(".")}{"." if path else ""}{name}"'
        del value[name]
    for name, inner in value.items():
        yield from _walk(inner, known[name], f"{path}.{name}", shape[1:])


def _fits(value: Any, shape: str) -> bool:
    if shape.startswith("[]"):
        return isinstance(value, list)
    if shape.startswith(("{}", "@")):
        return isinstance(value, dict)
    if shape in ("i", "n"):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if shape in ("s", "b"):
        return isinstance(value, {"s": str, "b": bool}[shape])
    return True


def _json_name(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    names = ((str, "string"), (int, "number"), (float, "number"), (list, "array"), (dict, "object"))
    return next(name for python, name in names if isinstance(value, python))


def _go_name(shape: str) -> str:
    return {"i": "int32", "s": "string", "b": "bool", "n": "float64"}.get(shape, shape.strip("@"))
