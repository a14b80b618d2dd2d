"""Dating: what a remote system tells by its own clock, on ours, and how wrong that can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from runner import errors, units
from runner.probe.alerts.skew import ClockSkew
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Seen


@dataclass(frozen=True, slots=True)
class Answer:
    """What it said and when we got it (monotonic)."""

    body: Any
    raw: bytes
    mono_ns: int
    sent_s: float = 0.0
    """When it was asked, and when the answer was there, by our clock (Unix seconds)."""
    received_s: float = 0.0


class RemoteClock:
    """One remote clock, compared with ours by the `Date` of every answer, and that by what the answers themselves name.

    Moments are dated by times in the answers. A gateway or a cache may put in a Date of its own: where the two contradict each
    other, the answers' own times are taken, and the Date is part of the error.
    """

    def __init__(self, setting: Setting, whose: str) -> None:
        self.setting = setting
        self.skew = ClockSkew()
        """By `Date` headers."""
        self.told = ClockSkew()
        """By moments that lie between two looks."""
        self.whose = whose
        """As it is called in an error."""

    def compare(self, date: str | None, sent: float, received: float) -> None:
        """An answer with that Date header, asked and received at these moments of our clock (Unix seconds)."""
        try:
            self.skew.hear(parsedate_to_datetime(date or "").timestamp(), sent, received)
        except ValueError:  # no Date: nothing is known, and the error says so
            return

    def between(self, said: str, before: Answer, answer: Answer, slack_s: float = 0.1) -> None:
        """A time in `answer` at which something happened after `before` was asked, or at most so long before that."""
        there_s = self._there(said).timestamp()
        self.told.narrow(there_s - answer.received_s, there_s - before.sent_s + slack_s)

    @property
    def seconds(self) -> float:
        """How far it is ahead of us, as far as that is known."""
        better = self.told if self.told.contradicts(self.skew) or not self.skew.known else self.skew
        return better.seconds

    @property
    def error_s(self) -> float:
        """How wrong that can be."""
        if not self.told.contradicts(self.skew):
            return (self.skew if self.skew.known else self.told).error_s
        return max(self.told.error_s, self.skew.error_of(self.told.seconds))

    def doubt(self) -> str:
        """What is to be said where its Date and its answers contradict each other; empty where they do not."""
        if not self.told.contradicts(self.skew):
            return ""
        error = units.format_duration(round(self.error_s))
        said = f"its Date header puts its clock {_ahead(self.skew.seconds)}, the times in its answers say {_ahead(self.told.seconds)}"
        return f"{self.whose}: {said}: its timestamps may be off by {error}"

    def moment(self, said: str | datetime) -> int:
        """A time it names (RFC 3339) on our monotonic clock, its skew taken off. Raises EnvironmentFailure."""
        return self.at(self._there(said).timestamp())

    def _there(self, said: str | datetime) -> datetime:
        try:
            return said if isinstance(said, datetime) else datetime.fromisoformat(said)
        except (TypeError, ValueError):
            raise self.failure(f"{said!r} is no time") from None

    def at(self, there_s: float) -> int:
        """A moment of its clock (Unix seconds) on our monotonic clock."""
        ago_s = self.setting.clock.now().timestamp() - (there_s - self.seconds)
        return self.setting.clock.monotonic() - round(ago_s * 1e9)

    def there(self, mono_ns: int) -> float:
        """A moment of our monotonic clock on its clock, in Unix seconds."""
        ago_s = (self.setting.clock.monotonic() - mono_ns) / 1e9
        return self.setting.clock.now().timestamp() - ago_s + self.seconds

    def seen(
        self,
        source: str,
        stage: str,
        labels: Mapping[str, str],
        key: str,
        mono_ns: int,
        answer: Answer,
        extra_s: float = 0.0,
    ) -> Seen:
        """An alert at a stage, as wrong as the clocks are known to be and `extra_s` seconds more."""
        return Seen(
            stage=stage,
            alert=str(labels.get("alertname", "unnamed")),
            key=key,
            source=source,
            mono_ns=mono_ns,
            error_s=self.error_s + extra_s,
            labels=dict(labels),
            raw=answer.raw,
        )

    def failure(self, why: str, hint: str | None = None) -> errors.EnvironmentFailure:
        return errors.EnvironmentFailure(f"{self.whose}: {why}", hint=hint)


def _ahead(seconds: float) -> str:
    """How a clock that is so far ahead compares with ours."""
    if abs(seconds) < 0.5:
        return "as ours"
    return f"{units.format_duration(round(abs(seconds)))} {'ahead of' if seconds > 0 else 'behind'} ours"
