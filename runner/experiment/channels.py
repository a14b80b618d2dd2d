"""Channels: who is told of runs, how loud something must be for it, and where figures go; one YAML or JSON file of a team."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from runner.experiment import findings, source, typed, variables
from runner.experiment.annotating import Grafana
from runner.experiment.quantities import Seconds

Level = Literal["critical", "warning", "info"]
TEXTFILE, PUSHGATEWAY = "CHAOS_RUN_TEXTFILE", "CHAOS_RUN_PUSHGATEWAY"
OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Channel(BaseModel):
    """One receiver: exactly one of `webhook`, `pagerduty` and `apprise`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    levels: tuple[Level, ...] = Field(min_length=1)
    webhook: str | None = None
    """A URL that gets a POST of JSON; `text` is what chat systems show."""
    secret: str | None = None
    """Signs the webhook: HMAC-SHA256, in the header X-Chaos-Run-Signature."""
    pagerduty: str | None = None
    """A routing key of Events v2."""
    endpoint: str = "https://events.pagerduty.com/v2/enqueue"
    apprise: str | None = None
    """An Apprise URL: mail, chat and a hundred others. Needs `pip install apprise`."""

    @model_validator(mode="after")
    def _one_way(self) -> Channel:
        if sum(way is not None for way in (self.webhook, self.pagerduty, self.apprise)) != 1:
            raise ValueError(f"channel {self.name!r} needs exactly one of webhook, pagerduty and apprise")
        if self.secret is not None and self.webhook is None:
            raise ValueError(f"channel {self.name!r} has a secret, but only a webhook is signed")
        return self


class Telemetry(BaseModel):
    """Where the figures of a finished run go; None is nowhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    textfile: str | None = None
    """A file of node exporter's textfile collector, `….prom`."""
    pushgateway: str | None = None
    """The base URL of a Pushgateway."""
    otlp: str | None = None
    """The base URL of an OpenTelemetry collector that takes OTLP over HTTP; traces go to its `/v1/traces`."""

    def over(self, env: Mapping[str, str]) -> Telemetry:
        """What the environment says goes before the file. OTEL_SDK_DISABLED and OTEL_TRACES_EXPORTER=none are obeyed."""
        silenced = env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER") == "none"
        return Telemetry(
            textfile=env.get(TEXTFILE) or self.textfile,
            pushgateway=env.get(PUSHGATEWAY) or self.pushgateway,
            otlp=None if silenced else env.get(OTLP) or self.otlp,
        )


class Channels(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[Channel, ...] = ()
    escalate_after: Seconds | None = Field(default=None, gt=0)
    """A stopped run whose users are not well again after this becomes critical."""
    notice_before: Seconds | None = Field(default=None, gt=0)
    """How long before anything is broken those who hear `info` are told of it; by default nobody is told before."""
    telemetry: Telemetry = Telemetry()
    annotations: tuple[Grafana, ...] = ()
    """Where a drill is drawn on dashboards."""

    @model_validator(mode="after")
    def _says_something(self) -> Channels:
        if not self.channels and not self.annotations and self.telemetry == Telemetry():
            raise ValueError("neither channels nor telemetry nor annotations: nothing would be sent")
        return self


def load(path: str, env: Mapping[str, str] = os.environ) -> Channels:
    """The channels of a file, `${NAME}` taken from the environment. Raises UsageError, findings.Broken with every finding."""
    document = source.read(path)
    unset = [
        document.finding("error", "variable", where, f"${{{name}}} is not set in the environment")
        for where, text in variables.texts(document.tree, ())
        for name in variables.names(text)
        if name not in env
    ]
    if unset:
        raise findings.BrokenExperiment(unset)
    return typed.read(document, Channels, "channels", variables.substitute(document.tree, env))
