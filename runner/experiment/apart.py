"""Apart: actions of one name in a method, each called by a name of its own, as everything about an action is kept by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.experiment.document import HYPOTHESIS
from runner.experiment.model import Block

Names = Mapping[str, tuple[str, ...]]
"""By the name in the file: what the actions of that name are called, in the order of the method."""


def told_apart(document: Mapping[str, Any]) -> tuple[dict[str, Any], Names]:
    """The document, references spelt out, with the second action called `kill` as `kill (2)`; and what each is called."""
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
    return ({**document, "method": renamed} if activities else dict(document)), called


def spread(block: Block, called: Names) -> Block:
    """The block; what it says of a name holds for every action of that name."""

    def every(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(own for name in names for own in called.get(name, (name,)))

    return block.model_copy(
        update={
            "stays": every(block.stays),
            "accept_no_undo": every(block.accept_no_undo),
            "accept_environment": every(block.accept_environment),
            "proof": tuple(p.model_copy(update={"action": own}) for p in block.proof for own in every([p.action])),
            "wait_for": tuple(w.model_copy(update={"after": own}) for w in block.wait_for for own in every([w.after])),
        }
    )


def _names(activities: Iterable[Any]) -> Iterable[str]:
    return (str(a.get("name")) for a in activities if isinstance(a, Mapping))


def _free(name: str, taken: set[str], number: int) -> str:
    while (own := f"{name} ({number})") in taken:
        number += 1
    return own
