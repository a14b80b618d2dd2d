"""Way back: whether what a run changed was put back, how far that is known, and the one sentence in which every face says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class PutBack(StrEnum):
    """How far it is known that all is as it was before."""

    PROVEN = "proven"
    """Undone, or undone by the system itself, and then looked at: nothing is left."""
    ASSUMED = "assumed"
    """Every undo step succeeded; not all that was changed could be looked at."""
    UNCHECKED = "not checked"
    """No undo step was played, and not all that was changed could be looked at."""
    NO_UNDO = "no undo"
    """An action was begun that has no undo and is not declared to stay."""
    UNPLAYED = "not played"
    """The strategy of the file's rollbacks leaves everything as it is."""
    LEFT = "left"
    """An undo step failed, or something was found."""
    NOTHING = "nothing"
    """No action was begun: nothing had to be put back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WayBack:
    """What is known of the way back of one run."""

    put_back: str
    """A value of `PutBack`."""
    sentence: str
    no_undo: tuple[str, ...] = ()
    """Actions, by name, that were begun and that nothing undoes."""
    stays: tuple[str, ...] = ()
    """Actions, by name, that were begun and whose change the file declares to stay."""
    unplayed: str = ""
    """Why the way back was not played, where the strategy of the file's rollbacks says so."""
    unseen: tuple[str, ...] = ()
    """What was not looked at for want of a way, in words."""
    missed: tuple[str, ...] = ()
    """Looks that failed, with the reason: whether anything is left there is not known."""

    @property
    def clean(self) -> bool:
        """Nothing is known to be left, and every action has its way back."""
        return self.put_back not in (PutBack.LEFT, PutBack.NO_UNDO, PutBack.UNPLAYED)


def assess_old_record(*, acted: bool, done: int, failed: Sequence[str], residue: Sequence[str]) -> WayBack:
    """Of a run whose record does not say what was looked at."""
    return told(acted=acted, done=done, failed=failed, residue=residue, unseen=("what it changed (an old record)",))


def told(
    *,
    acted: bool,
    done: int,
    failed: Sequence[str],
    residue: Sequence[str],
    no_undo: Sequence[str] = (),
    stays: Sequence[str] = (),
    unplayed: str = "",
    meant: Sequence[str] = (),
    unseen: Sequence[str] = (),
    missed: Sequence[str] = (),
) -> WayBack:
    """From `done` undo steps, the `failed` ones and what was found afterwards. The steps count whose state is undone or already.

    `meant` is what the look found changed as the file wants it to stay.
    """
    blind = [*unseen, *missed] if acted else []
    if failed or residue:
        state, head = PutBack.LEFT, f"NOT everything was put back: {'; '.join([*residue, *failed])}"
    elif not acted:
        state, head = (
            PutBack.NOTHING,
            "no action was started, and the undo steps were run" if done else "nothing was changed",
        )
    elif unplayed:
        state, head = PutBack.UNPLAYED, f"{'not everything' if done else 'nothing'} was put back: {unplayed}"
    elif no_undo:
        has = "has" if len(no_undo) == 1 else "have"
        state = PutBack.NO_UNDO
        head = f"{'not everything' if done else 'nothing'} was put back: {', '.join(no_undo)} {has} no undo"
    elif not blind:
        state = PutBack.PROVEN
        else_ = " else" if stays or meant else ""
        head = (
            f"{f'everything{else_} is put back' if done else 'nothing had to be undone'}, nothing{else_} is left behind"
        )
    elif done:
        state, head = PutBack.ASSUMED, "every undo step succeeded"
    else:
        state, head = PutBack.UNCHECKED, "nothing was undone"
    left = [f"left in place, as declared: {', '.join(stays)}"] if stays else []
    left += [f"changed, as declared: {', '.join(meant)}"] if meant else []
    aside = [f"not checked: {', '.join(blind)}"] if blind else []
    return WayBack(
        put_back=state.value,
        sentence="; ".join([head, *left, *aside]),
        no_undo=tuple(no_undo),
        stays=tuple(stays),
        unplayed=unplayed if state is PutBack.UNPLAYED else "",
        unseen=tuple(unseen) if acted else (),
        missed=tuple(missed) if acted else (),
    )
