"""Tree: what runs something in an experiment, wherever in it it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def providers(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every provider in a tree, however deep: of activities, tolerances, controls and configuration alike."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "provider" and isinstance(inner, Mapping):
                yield inner
            elif key != "extensions":
                yield from providers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from providers(inner)
