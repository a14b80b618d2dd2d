"""Home: the account, region, team or address that a change was made in, kept with its undo record: whoever recovers may reach another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HOME = "home"
"""In the values of an undo record, and in what the search for residue compares with; records of older versions have none."""


def elsewhere(made: Mapping[str, Any] | None, here: Mapping[str, str], way: Mapping[str, str]) -> str:
    """Why this shell does not reach where a change was made, and what does, by `way`; empty where it does, or where nobody knows.

    What either side does not know is not compared: an account that could not be asked for keeps no undo from being played.
    """
    other = [part for part in here if (made or {}).get(part) and here[part] and (made or {})[part] != here[part]]
    if not made or not other:
        return ""
    there, ours = (", ".join(f"{part} {where[part]}" for part in other) for where in (made, here))
    setting = " ".join(way[part].format(made[part]) for part in other)
    return f"the fault was made in {there}, but this shell reaches {ours}; run: {setting} chaos-run recover"
