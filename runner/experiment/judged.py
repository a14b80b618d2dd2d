"""Judged: what a tolerance looked at in an answer, and what it wanted to see, each with its type where that decides.

The same choice as chaoslib's `within_tolerance` makes: of an answer with a status an integer and a list take the status, a
`target` takes that part, everything else takes the answer as a whole.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from runner.experiment import variables

LONGEST = 200
"""Characters of a text or of a whole answer."""


@dataclass(frozen=True)
class Comparison:
    """One comparison in words: `text "200"`, `number 200`."""

    seen: str
    expected: str


def judged(tolerance: Any, output: Any, configuration: Mapping[str, Any]) -> Comparison:
    """What was compared; names of secrets in a tolerance stay names."""
    tolerance = variables.substitute(tolerance, configuration)
    if isinstance(tolerance, Mapping):
        return _by_kind(tolerance, output)
    answered = isinstance(output, Mapping) and "status" in output
    if answered and (isinstance(tolerance, list) or _is_integer(tolerance)):
        status = output["status"]
        wanted = f"one of {_list(tolerance)}" if isinstance(tolerance, list) else _plain(tolerance)
        return Comparison(f"status {_plain(status)}", wanted)
    if answered:
        return Comparison(f"a whole answer with status {_typed(output['status'])}", _typed(tolerance))
    if isinstance(tolerance, list):
        wanted = f"{_list(tolerance, ' to ')}" if len(tolerance) == 2 else f"one of {_list(tolerance)}"
        return Comparison(_typed(output), wanted)
    same = kind(tolerance) == kind(output)
    return Comparison(*(map(_plain, (output, tolerance)) if same else map(_typed, (output, tolerance))))


def kind(value: Any) -> str:
    """The type of a value as people call it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "truth value"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple) else "mapping"


def _by_kind(tolerance: Mapping[str, Any], output: Any) -> Comparison:
    target = tolerance.get("target")
    part = output.get(target, output) if target and isinstance(output, Mapping) else output
    what = f"{target} " if target and part is not output else ""
    match tolerance.get("type"):
        case "regex":
            said = f"{what}{_plain(part) if isinstance(part, str) else _typed(part)}"
            return Comparison(said, f"text that matches {_plain(tolerance.get('pattern'))}")
        case "range":
            said = str(part).strip() if _is_numeric(part) else _typed(part)
            return Comparison(f"{what}{said}", f"number {_list(tolerance.get('range') or (), ' to ')}")
        case "jsonpath":
            return _by_path(tolerance, part, what)
    return Comparison(_typed(part), f"what the probe '{tolerance.get('name')}' accepts")


def _by_path(tolerance: Mapping[str, Any], part: Any, what: str) -> Comparison:
    found = _values_at(str(tolerance.get("path")), part)
    if found is None:
        return Comparison(f"{what}{_typed(part)}, in which {tolerance.get('path')} cannot be looked for", "JSON")
    expect = tolerance.get("expect")
    wanted = _list(expect) if isinstance(expect, list) else _typed(expect)
    if "expect" not in tolerance:
        count = tolerance.get("count")
        wanted = "a value" if count is None else f"{count} value{'s' if count != 1 else ''}"
    seen = ", ".join(map(_typed, found)) or "nothing"
    return Comparison(f"{what}{tolerance.get('path')} gives {_shorten(seen)}", wanted)


def _values_at(path: str, value: Any) -> list[Any] | None:
    """What stands at a JSON path; None where it cannot be looked for."""
    try:
        parsed = importlib.import_module("jsonpath2.path").Path.parse_str(path.strip())
        value = json.loads(value) if isinstance(value, str) else value
        return [match.current_value for match in parsed.match(value)]
    except (ImportError, ValueError, TypeError, AttributeError):
        return None


def _is_numeric(value: Any) -> bool:
    """Whether chaoslib makes a number of it for a range."""
    try:
        Decimal(value)
    except (ArithmeticError, TypeError, ValueError):
        return False
    return True


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _typed(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return _plain(value)
    return f"{kind(value)} {_plain(value)}"


def _plain(value: Any) -> str:
    if value is None:
        return "nothing"
    return _shorten(json.dumps(value, ensure_ascii=False, default=str))


def _list(values: Any, between: str = ", ") -> str:
    return between.join(map(_plain, values))


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
