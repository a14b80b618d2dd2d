"""What has become of targets, hypothesis and undo steps so far: the method and the undo write it, the status snapshot reads it.

Plain words and numbers, so that it costs nothing before the first tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from runner.faults.driver import FaultTarget, Owner
from runner.timeline.vocabulary import UndoState


@dataclass(slots=True)
class Progress:
    """Mutable, one a run."""

    states: dict[str, str] = field(default_factory=dict)
    """Target names, each aimed, hit, passed over or undone."""
    hypothesis_met: bool | None = None
    steps: dict[int, tuple[str, UndoState]] = field(default_factory=dict)
    """What each undo step does, by its number, and its state."""
    _ours: set[str] = field(default_factory=set)
    """Targets that our undo steps put back; those of others (a pod's controller) never say when."""

    def note_targets(self, actions: Iterable[FaultTarget]) -> None:
        """Before anything is changed."""
        for found in actions:
            self.states |= dict.fromkeys(found.targets, "aimed")
            if found.owner == Owner.UNDOER:
                self._ours.update(found.targets)

    def note_chosen(self, candidates: Sequence[str], named: Sequence[str]) -> None:
        """The action named those it took out of its candidates."""
        for name in candidates:
            if self.states.get(name) == "aimed":
                self.states[name] = "hit" if name in named else "passed over"

    def note_confirmed(self, targets: Iterable[str]) -> None:
        """Evidence: these have changed."""
        self.states |= dict.fromkeys(targets, "hit")

    def note_undo_steps(self, steps: Sequence[str]) -> None:
        """The way back, as it will be played."""
        self.steps = {n: (what, UndoState.WAITING) for n, what in enumerate(steps, 1)}

    def note_undo_step(self, step: int, what: str, state: UndoState) -> None:
        """One step began or ended."""
        self.steps[step] = (what, state)

    def note_undone(self) -> None:
        """Everything is put back."""
        self.states |= {name: "undone" for name, state in self.states.items() if state == "hit" and name in self._ours}
