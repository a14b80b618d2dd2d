"""Tree: what runs something in an experiment, wherever in it it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.checks import probes


def providers(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every provider in a tree, however deep: of activities, tolerances, controls and configuration alike."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "provider" and isinstance(inner, Mapping):
                yield inner
            elif key != "extensions":
                yield from providers(inner)
            else:
                yield from _of_checks(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from providers(inner)


def _of_checks(extensions: Any) -> Iterator[Mapping[str, Any]]:
    """Each check of our block as the provider of a probe that reads the same."""
    for entry in extensions if isinstance(extensions, list | tuple) else ():
        rows = entry.get("checks") if isinstance(entry, Mapping) and entry.get("name") == "chaos-run" else None
        for row in rows if isinstance(rows, list | tuple) else ():
            if isinstance(row, Mapping):
                yield {
                    "type": "python",
                    "module": probes.MODULE,
                    "func": row.get("check"),
                    "arguments": row.get("arguments"),
                }
