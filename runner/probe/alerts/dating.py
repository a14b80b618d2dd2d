"""Dating: what a remote system tells by its own clock, on ours, and how wrong that can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from runner import errors
from runner.probe.alerts.skew import Skew
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Seen


@dataclass(frozen=True, slots=True)
class Answer:
    """What it said and when we got it (monotonic)."""

    body: Any
    raw: bytes
    mono_ns: int


class Dating:
    """One remote clock, compared with ours by the `Date` of every answer."""

    def __init__(self, setting: Setting, whose: str) -> None:
        self.setting = setting
        self.skew = Skew()
        self.whose = whose
        """As it is called in an error."""

    def compare(self, date: str | None, sent: float, received: float) -> None:
        """An answer with that Date header, asked and received at these moments of our clock (Unix seconds)."""
        try:
            self.skew.hear(parsedate_to_datetime(date or "").timestamp(), sent, received)
        except ValueError:  # no Date: nothing is known, and the error says so
            return

    def moment(self, said: str | datetime) -> int:
        """A time it names (RFC 3339) on our monotonic clock, its skew taken off. Raises EnvironmentFailure."""
        try:
            there = said if isinstance(said, datetime) else datetime.fromisoformat(said)
        except (TypeError, ValueError):
            raise self.failure(f"{said!r} is no time") from None
        return self.at(there.timestamp())

    def at(self, there_s: float) -> int:
        """A moment of its clock (Unix seconds) on our monotonic clock."""
        ago_s = self.setting.clock.now().timestamp() - (there_s - self.skew.seconds)
        return self.setting.clock.monotonic() - round(ago_s * 1e9)

    def there(self, mono_ns: int) -> float:
        """A moment of our monotonic clock on its clock, in Unix seconds."""
        ago_s = (self.setting.clock.monotonic() - mono_ns) / 1e9
        return self.setting.clock.now().timestamp() - ago_s + self.skew.seconds

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
            error_s=self.skew.error_s + extra_s,
            labels=dict(labels),
            raw=answer.raw,
        )

    def failure(self, why: str, hint: str | None = None) -> errors.EnvironmentFailure:
        return errors.EnvironmentFailure(f"{self.whose}: {why}", hint=hint)
