"""Silencing: alerts that a fault sets off beside the expected one, each by its name, and not heard while the run lasts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from runner.experiment.detecting import http_url
from runner.experiment.quantities import Seconds

NAME = "alertname"
OURS = ("alertname", "run", "service", "severity")
LABEL = re.compile(r"[a-zA-Z_]\w*", re.ASCII)
NOBODYS = ("Aqzxjvk", "Mqzxjvk7", "Zqzxjvk_q", "qzxjvk-9")
"""Names that no alert has: an expression that takes one of them takes more than names alerts."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Matcher(_Part):
    """One matcher as Alertmanager's API v2 has it: an expression has to take the whole value, a label that is not there is empty."""

    name: str = Field(min_length=1)
    value: str
    isRegex: bool = False
    isEqual: bool = True

    @model_validator(mode="after")
    def _expression_reads(self) -> Matcher:
        try:
            re.compile(self.value if self.isRegex else "")
        except re.error as problem:
            raise ValueError(f"{self.value!r} is not a regular expression: {problem}") from None
        return self

    def takes(self, value: str) -> bool:
        """Whether a label of that value is matched."""
        same = re.fullmatch(self.value, value, re.DOTALL) is not None if self.isRegex else value == self.value
        return same == self.isEqual

    @property
    def names_alerts(self) -> bool:
        """Whether it is about alerts by their name, and not about all or all others."""
        return self.name == NAME and self.isEqual and not any(self.takes(name) for name in ("", *NOBODYS))

    @property
    def said(self) -> str:
        """As people write it for Alertmanager: `alertname=~"Node.*"`."""
        sign = ("=~" if self.isEqual else "!~") if self.isRegex else ("=" if self.isEqual else "!=")
        return f'{self.name}{sign}"{self.value}"'


class _AlertmanagerTarget(_Part):
    """An Alertmanager in which something is made for a run."""

    alertmanager: str
    """URL of an Alertmanager with API v2."""
    timeout: Seconds = Field(default=5.0, gt=0, le=10)
    secrets: str | None = None
    """A group of the file's `secrets:` with token, or username and password, ca_file, cert_file, key_file, header:NAME."""

    @field_validator("alertmanager")
    @classmethod
    def _is_http(cls, value: str) -> str:
        return http_url(value)


class Announcement(_AlertmanagerTarget):
    """An alert `ChaosRunDrill` that stands for as long as the run, for routes and inhibition rules; nobody notices a fault by it."""

    labels: dict[str, str] = Field(default_factory=dict)
    """More labels than alertname, run, service and severity (info)."""

    @field_validator("labels")
    @classmethod
    def _are_labels(cls, value: dict[str, str]) -> dict[str, str]:
        if ours := sorted(value.keys() & OURS):
            raise ValueError(f"{', '.join(ours)} cannot be set: {', '.join(OURS)} are the drill's own")
        if wrong := [name for name in value if not LABEL.fullmatch(name)]:
            raise ValueError(f"{wrong[0]!r} is no name of a label; letters, digits and _ only")
        return value


class Silence(_AlertmanagerTarget):
    """Alerts of one Alertmanager that are not heard from before the first fault until everything is put back."""

    match: dict[str, str] = Field(default_factory=dict)
    """Labels and their values; `alertname` is among them, or among the matchers."""
    matchers: tuple[Matcher, ...] = ()

    @model_validator(mode="after")
    def _names_its_alerts(self) -> Silence:
        if not self.all:
            raise ValueError("without matchers it would silence every alert; add match: {alertname: …}")
        if not any(m.names_alerts for m in self.all):
            raise ValueError(f"{self.said} silences more than alerts by their name; add match: {{alertname: …}}")
        return self

    @property
    def all(self) -> tuple[Matcher, ...]:
        """All matchers: an alert is silenced when every one takes it."""
        return (*(Matcher(name=k, value=v) for k, v in self.match.items()), *self.matchers)

    @property
    def said(self) -> str:
        """As people write it for Alertmanager."""
        return ", ".join(m.said for m in self.all)

    def may_take(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels, and perhaps others that are not known, may be silenced."""
        return all(m.takes(labels[m.name]) for m in self.all if m.name in labels)
