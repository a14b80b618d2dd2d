"""Apart: actions of one name in a method, each called by a name of its own, as everything about an action is kept by its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runner.experiment.block import NAME
from runner.experiment.document import HYPOTHESIS
from runner.experiment.model import Block

_LISTS = ("stays", "accept_no_undo", "accept_environment")
_ROWS = {"proof": "action", "wait_for": "after"}
"""Parts of our block that name actions: lists of names, and rows with the name under a key."""
Names = Mapping[str, tuple[str, ...]]
"""By the name in the file: what the actions of that name are called, in the order of the method."""


def told_apart(document: Mapping[str, Any]) -> tuple[dict[str, Any], Names]:
    """The document, references spelt out, with the second action called `kill` as `kill (2)`; and what each is called.

    Our block in it says of both what it said of `kill`: it is a whole experiment, which can be run again.
    """
    method = document.get("method")
    activities = [a for a in method if isinstance(a, Mapping)] if isinstance(method, list) else []
    taken = {*_names(activities), *_names((document.get(HYPOTHESIS) or {}).get("probes") or ())}
    called: dict[str, tuple[str, ...]] = {}
    renamed = []
    for activity in activities:
        if activity.get("type") == "action" and isinstance(name := activity.get("name"), str):
            own = _free(name, taken, len(called[name]) + 1) if name in called else name
            called[name] = (*called.get(name, ()), own)
            taken.add(own)
            activity = activity if own == name else {**activity, "name": own}
        renamed.append(activity)
    if all(len(names) == 1 for names in called.values()):
        return dict(document), called
    entries = [_spread(e, called) if isinstance(e, Mapping) else e for e in document.get("extensions") or ()]
    return {**document, "method": renamed} | ({"extensions": entries} if entries else {}), called


def spread(block: Block, called: Names) -> Block:
    """The block; what it says of a name holds for every action of that name."""
    lists = {key: tuple(_every(getattr(block, key), called)) for key in _LISTS}
    rows = {
        key: tuple(
            row.model_copy(update={of: own})
            for row in getattr(block, key)
            for own in _every([getattr(row, of)], called)
        )
        for key, of in _ROWS.items()
    }
    return block.model_copy(update={**lists, **rows})


def _spread(entry: Mapping[str, Any], called: Names) -> dict[str, Any]:
    """The same of our block as it stands in the document; what is not written as it has to be stays."""
    if entry.get("name") != NAME:
        return dict(entry)
    lists = {key: [*_every(entry[key], called)] for key in _LISTS if isinstance(entry.get(key), list)}
    rows = {
        key: [{**row, of: own} for row in entry[key] for own in _every([row[of]], called)]
        for key, of in _ROWS.items()
        if isinstance(entry.get(key), list) and all(isinstance(row, Mapping) and of in row for row in entry[key])
    }
    return {**entry, **lists, **rows}


def _every(names: Iterable[str], called: Names) -> Iterator[str]:
    return (own for name in names for own in called.get(name, (name,)))


def _names(activities: Iterable[Any]) -> Iterable[str]:
    return (str(a.get("name")) for a in activities if isinstance(a, Mapping))


def _free(name: str, taken: set[str], number: int) -> str:
    while (own := f"{name} ({number})") in taken:
        number += 1
    return own
