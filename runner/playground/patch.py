"""Changes to an object: JSON patch (RFC 6902), merge patch (RFC 7386), and the strategic merge of the Kubernetes API."""

from __future__ import annotations

import copy
from typing import Any

from runner.playground import refusal, shape

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def apply(media: str, found: dict[str, Any], change: Any, kind: str) -> dict[str, Any]:
    """A changed copy of `found`; raises the 415 for another media type. Server-side apply is a strategic merge here."""
    new = copy.deepcopy(found)
    if media == JSON:
        return dict(operations(new, change))
    if media == MERGE:
        merged: dict[str, Any] = merge(new, change)
        return merged
    if media in (STRATEGIC, APPLY):
        return strategic(new, change, f"@{kind}")
    raise refusal.Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def merge(value: Any, change: Any) -> Any:
    """RFC 7386: maps merge, null removes, anything else replaces."""
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    result = value if isinstance(value, dict) else {}
    for key, inner in change.items():
        if inner is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), inner)
    return result


def strategic(value: dict[str, Any], change: dict[str, Any], owner: str) -> dict[str, Any]:
    """Lists with a merge key merge by it; the directives `$patch`, `$deleteFromPrimitiveList`, `$retainKeys` and `$setElementOrder`."""
    if change.get("$patch") == "replace":
        return {k: v for k, v in change.items() if k != "$patch"}
    for key, inner in change.items():
        _strategic_field(value, key, inner, owner)
    return value


def _strategic_field(value: dict[str, Any], key: str, inner: Any, owner: str) -> None:
    if key == "$retainKeys":
        for gone in [k for k in value if k not in inner]:
            del value[gone]
    elif key.startswith("$deleteFromPrimitiveList/"):
        name = key.partition("/")[2]
        value[name] = [item for item in value.get(name) or () if item not in inner]
    elif key.startswith("$setElementOrder/"):
        pass  # our merge keeps the present order and appends
    elif inner is None:
        value.pop(key, None)
    else:
        value[key] = _strategic_value(value.get(key), inner, shape.field(owner, key))


def _strategic_value(present: Any, inner: Any, kind: str) -> Any:
    if isinstance(inner, dict):
        return strategic(present if isinstance(present, dict) else {}, inner, kind)
    if isinstance(inner, list) and kind.startswith("[]"):
        item, key = shape.element(kind)
        if key:
            return _merge_list(present or [], inner, item, key)
        if key == "":
            return [*(present or []), *(new for new in inner if new not in (present or []))]
    return copy.deepcopy(inner)


def _merge_list(present: list[Any], change: list[Any], item: str, key: str) -> list[Any]:
    result = list(present)
    if any(entry.get("$patch") == "replace" for entry in change):
        return [entry for entry in change if "$patch" not in entry]
    for entry in change:
        place = next((n for n, held in enumerate(result) if held.get(key) == entry.get(key)), None)
        if entry.get("$patch") == "delete":
            result = [held for held in result if held.get(key) != entry.get(key)]
        elif place is None:
            result.append(strategic({}, entry, item))
        else:
            result[place] = strategic(result[place], entry, item)
    return result


def operations(value: Any, change: Any) -> Any:
    """RFC 6902; raises the 422 of a path that is not there or a test that fails."""
    holder = {"": value}  # so that the whole document is a member like any other
    for step in change:
        try:
            _operation(holder, step)
        except (KeyError, IndexError, ValueError, TypeError) as problem:
            said = "the server rejected our request due to an error in our request"
            raise refusal.Refusal(422, "Invalid", said, {}) from problem
    return holder[""]


def _operation(holder: dict[str, Any], step: dict[str, Any]) -> None:
    op, path = step["op"], step["path"]
    if op == "test":
        if _get(holder, path) != step["value"]:
            raise ValueError("testing value failed")
    elif op in ("add", "replace"):
        _put(holder, path, copy.deepcopy(step["value"]), insert=op == "add")
    elif op == "remove":
        _take(holder, path)
    elif op in ("move", "copy"):
        moved = _take(holder, step["from"]) if op == "move" else copy.deepcopy(_get(holder, step["from"]))
        _put(holder, path, moved, insert=True)
    else:
        raise ValueError("unknown operation")


def _steps(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]


def _parent(holder: dict[str, Any], path: str) -> tuple[Any, str]:
    value: Any = holder
    *way, last = _steps(path)
    for step in way:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value, last


def _get(holder: dict[str, Any], path: str) -> Any:
    parent, last = _parent(holder, path)
    return parent[int(last)] if isinstance(parent, list) else parent[last]


def _put(holder: dict[str, Any], path: str, value: Any, *, insert: bool) -> None:
    parent, last = _parent(holder, path)
    if isinstance(parent, list):
        place = len(parent) if last == "-" else int(last)
        parent[place : place if insert else place + 1] = [value]
    else:
        if not insert:
            parent[last]  # replace needs something to replace
        parent[last] = value


def _take(holder: dict[str, Any], path: str) -> Any:
    parent, last = _parent(holder, path)
    return parent.pop(int(last)) if isinstance(parent, list) else parent.pop(last)
