"""Waits: what the method waited for, as the worker tells it; one that was not met ends the method."""

from __future__ import annotations

from runner import units
from runner.engine.session import Session
from runner.process.messages import WaitEnded, WaitStarted
from runner.timeline.event import Name
from runner.timeline.record import Wait


class Waits:
    """Mutable, one a run."""

    def __init__(self, session: Session) -> None:
        self.ended: list[Wait] = []
        """Those that were met and those that were not, in order; not one that was cut off by a stop."""
        self._session = session

    def take(self, message: WaitStarted | WaitEnded) -> None:
        """One has begun or ended."""
        known = {"after": message.after, "probe": message.probe, "within_s": message.within_s}
        if isinstance(message, WaitStarted):
            self._session.tell(Name.WAIT, mono_ns=message.mono_ns, state="started", **known)
            return
        if self._session.stop.done() and not message.met:
            return
        state = "met" if message.met else "not met"
        compared = message.seen + (f", expected {message.expected}" if message.expected else "")
        self._session.tell(
            Name.WAIT, mono_ns=message.mono_ns, state=state, waited_s=message.waited_s, sentence=compared, **known
        )
        self.ended.append(
            Wait(
                after=message.after,
                probe=message.probe,
                met=message.met,
                within_s=message.within_s,
                waited_s=message.waited_s,
                sentence=sentence(message, compared),
            )
        )


def sentence(wait: WaitEnded, compared: str) -> str:
    """As the verdict says it."""
    if wait.met:
        return f"{wait.probe!r} held {units.format_duration(wait.waited_s)} after {wait.after!r}"
    within = units.format_duration(wait.within_s)
    return f"{wait.probe!r} did not hold within {within} after {wait.after!r}, where the method ended: {compared}"
