"""What a run's parent, its worker and its undoer say to each other after the start message, one JSON object a line.

Orders go in at a child's stdin as `{"do": word, …}`; when the pipe ends without the last of them, the parent has died. Messages come out
of what was its stdout as `{"say": word, …}`, each stamped with both clocks. `WORKER` and `UNDOER` hold the words.

A worker says `Ready`, injects on `Inject`, says `Waiting` where controls want to be called once more, and goes on with `Conclude`; its last
word is `Finished`, `Crashed` or `Stopped`. It is stopped by SIGUSR1. An undoer says `Ready`, gives an `Answer` to each `Look`, plays the
ledger on `Undo`, and leaves on `Bye`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from runner.codec import OneOf
from runner.process.channel import Talk
from runner.timeline.vocabulary import UndoState


@dataclass(frozen=True, kw_only=True)
class Inject:
    """To the worker: begin."""

    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By action: what it is called with in the place of the file's arguments, for its targets were named."""


@dataclass(frozen=True, kw_only=True)
class Conclude:
    """To the worker that waits: everything is undone, so call the controls that come after the rollbacks."""

    rollbacks: tuple[Mapping[str, Any], ...]
    """Chaos Toolkit's own account of each rollback that was played."""


@dataclass(frozen=True, kw_only=True)
class Know:
    """To the undoer: the values that the worker has looked up, so that nobody looks them up a second time."""

    configuration: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Look:
    """To the undoer: look at the world, in a forked call with a deadline."""

    id: int
    """Which answer belongs to it."""
    what: str
    """Which look: a method of the supervisor has the same name."""
    deadline_s: float
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Undo:
    """To the undoer: drop every look and play the ledger."""

    spare: int | None = None
    """A process of the method that acts no more and lives on, by its id: a worker that waits."""
    strays: tuple[tuple[int, float], ...] = ()
    """Processes that the method started, by id with their time of birth, as far as the parent has seen them."""


@dataclass(frozen=True, kw_only=True)
class Bye:
    """To the undoer: the run is over, and the end of the pipe no alarm."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """From a child; stamped when it is made."""

    mono_ns: int = field(default_factory=time.monotonic_ns)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, kw_only=True)
class Ready(Message):
    """Everything is imported and every value resolved. The only message that is not masked: it says what is to be."""

    hide: tuple[str, ...] = field(repr=False)
    """Every secret value that the child knows."""
    trouble: str = ""
    """Why it cannot do its work; empty where it can."""
    revealed: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The groups of secrets that the parent needs itself; of the worker."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """Every value of the configuration that JSON can hold; of the worker."""


@dataclass(frozen=True, kw_only=True)
class JournalBegun(Message):
    """Chaos Toolkit's journal as it begins: versions, machine, start."""

    journal: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Checking(Message):
    """A probe of the hypothesis has begun."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Checked(Message):
    """It has ended."""

    name: str


@dataclass(frozen=True, kw_only=True)
class ActivityStarted(Message):
    """An activity of the method has begun."""

    activity: Mapping[str, Any]
    """As the file has it."""
    timeout: float | None = None
    """Seconds that it may take, where the worker itself has to end it."""


@dataclass(frozen=True, kw_only=True)
class ActivityCompleted(Message):
    """It has ended."""

    activity: Mapping[str, Any]
    run: Mapping[str, Any]
    """Chaos Toolkit's own account of it."""


@dataclass(frozen=True, kw_only=True)
class OfWait(Message):
    """The method waits, after an activity, for a probe to be within its tolerance."""

    after: str
    probe: str
    within_s: float


@dataclass(frozen=True, kw_only=True)
class WaitStarted(OfWait):
    """It has begun."""


@dataclass(frozen=True, kw_only=True)
class WaitEnded(OfWait):
    """It holds, or the time is over: then nothing more of the method is begun."""

    met: bool
    waited_s: float
    seen: str
    """What the last look saw, in words."""
    expected: str


@dataclass(frozen=True, kw_only=True)
class HypothesisChecked(Message):
    """One check of the file's steady-state hypothesis."""

    when: str
    """before, during or after the method."""
    state: Mapping[str, Any] | None
    """Chaos Toolkit's own account of it; None where there is no hypothesis."""


@dataclass(frozen=True, kw_only=True)
class ControlHeard(Message):
    """A control of the file or the settings ended the run, or failed, which Chaos Toolkit passes over."""

    name: str
    stops: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class Changed(Message):
    """A control changed what the run does not let it change."""

    what: str


@dataclass(frozen=True, kw_only=True)
class Stopped(Message):
    """The worker leaves at once, as it was told to by a signal."""

    asked: bool
    """It was code of the experiment that asked Chaos Toolkit for the exit."""


@dataclass(frozen=True, kw_only=True)
class Crashed(Message):
    """Chaos Toolkit raised what it should not."""

    error: str
    broke: str
    """Which activity did it, and how; empty where that is not known."""
    traceback: str


@dataclass(frozen=True, kw_only=True)
class Ended(Message):
    """The method is over, in Chaos Toolkit's own words."""

    status: str | None
    """completed, failed, aborted or interrupted."""
    deviated: bool = False
    asked: bool = False
    """Code of the experiment asked for the end."""
    broke: str = ""
    """Which activity ended it, and how; empty where none did."""


@dataclass(frozen=True, kw_only=True)
class Waiting(Ended):
    """The worker injects nothing any more, and waits for the undo before it calls the last controls."""


@dataclass(frozen=True, kw_only=True)
class Finished(Ended):
    """The worker's last word."""


@dataclass(frozen=True, kw_only=True)
class Answer(Message):
    """What a look found, or why it did not."""

    id: int
    value: Any = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class UndoProgress(Message):
    """A step of the undo has begun or ended."""

    step: int
    """From 1; 0 ends the method's processes."""
    what: str
    state: UndoState
    seconds: float | None = None
    error: str | None = None
    run: Mapping[str, Any] | None = None
    """Chaos Toolkit's own account, of a rollback of the file."""

    @property
    def fields(self) -> dict[str, Any]:
        """As an event says it."""
        known = {
            "step": self.step,
            "what": self.what,
            "state": self.state,
            "error": self.error,
            "seconds": self.seconds,
        }
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class UndoDone(Message):
    """The ledger was played to its end."""

    clean: bool
    """Nothing is left open in it."""


WorkerMessage = (
    Ready
    | JournalBegun
    | Checking
    | Checked
    | ActivityStarted
    | ActivityCompleted
    | WaitStarted
    | WaitEnded
    | HypothesisChecked
    | ControlHeard
    | Changed
    | Stopped
    | Crashed
    | Waiting
    | Finished
)
WorkerOrder = Inject | Conclude
UndoerOrder = Know | Look | Undo | Bye
UndoerMessage = Ready | Answer | UndoProgress | UndoDone

WORKER: Talk[WorkerOrder, WorkerMessage] = Talk(
    orders=OneOf("do", {"inject": Inject, "conclude": Conclude}),
    messages=OneOf(
        "say",
        {
            "ready": Ready,
            "journal": JournalBegun,
            "checking": Checking,
            "checked": Checked,
            "activity_started": ActivityStarted,
            "activity_completed": ActivityCompleted,
            "wait_started": WaitStarted,
            "wait_ended": WaitEnded,
            "hypothesis": HypothesisChecked,
            "control": ControlHeard,
            "changed": Changed,
            "stopped": Stopped,
            "crashed": Crashed,
            "waiting": Waiting,
            "finished": Finished,
        },
    ),
)
UNDOER: Talk[UndoerOrder, UndoerMessage] = Talk(
    orders=OneOf("do", {"know": Know, "look": Look, "undo": Undo, "bye": Bye}),
    messages=OneOf("say", {"ready": Ready, "answer": Answer, "undo_step": UndoProgress, "undo_done": UndoDone}),
)
Noted = WorkerMessage | UndoProgress
NOTED: OneOf[Noted] = OneOf("say", {**WORKER.messages.kinds, "undo_step": UndoProgress})
"""What the journal is put together from."""
