"""Detecting: the parts of our block that say where a team's alerts are seen, and what is expected of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from runner.experiment.quantities import Seconds

Problem = Literal["missing", "other-first", "wrong-team", "already-firing", "drill-only"]
SYSTEMS = ("alertmanager", "prometheus", "grafana", "cloudwatch", "pagerduty", "webhook")
"""Each a key of `Detection`, and a module of its name in `runner/probe/alerts/`."""
KINDS = (*SYSTEMS, "source")

_OF = {"region": ("cloudwatch",), "endpoint": ("cloudwatch", "pagerduty")}
"""Keys that only some systems have."""


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_Name = Annotated[str, Field(min_length=1)]
_Written = _Name | Annotated[list[_Name], Field(min_length=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=_Written)]
"""One name, or a list of them."""


def http_url(value: str) -> str:
    """The same URL of a team's server. Raises ValueError for another scheme and for user and password in it."""
    if not value.startswith(("http://", "https://", "$")):
        raise ValueError(f"{value!r} is not an http or https URL")
    if "@" in value.split("://", 1)[-1].split("/", 1)[0]:
        raise ValueError("a URL with user and password in it; put them into secrets:")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Detection(_Part):
    """Where somebody is told: the team's own pipeline, one system an item; or, while none is named, our own burn-rate rule.
    A person can always say so with `chaos-run ack`.
    """

    alertmanager: str | None = None
    """URL of an Alertmanager with API v2."""
    prometheus: str | None = None
    """URL of a Prometheus with alerting rules."""
    grafana: str | None = None
    """URL of a Grafana whose own alerting is read: the state of its rules, and what its Alertmanager received."""
    cloudwatch: Names | None = None
    """An alarm of Amazon CloudWatch by its name, or a list; who we are comes from the usual AWS chain, or from `secrets`."""
    pagerduty: Names | None = None
    """A PagerDuty service by its id or name, or a list; `secrets` has a `token` that may read."""
    region: str | None = None
    """Of CloudWatch, where the AWS chain does not say it."""
    endpoint: str | None = None
    """Base URL of the API of CloudWatch or PagerDuty, where it is not the usual one."""
    webhook: str | None = None
    """`host:port` at which we listen for what the pipeline tells its people: notified is measured there."""
    source: str | None = None
    """A kind that a plug-in brings (entry point group `chaos_run.detection`); `target` and `options` are for it."""
    target: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    match: dict[str, str] = Field(default_factory=dict)
    """Labels that an alert has to have to count at all."""
    timeout: Seconds = Field(default=5.0, gt=0)
    secrets: str | None = None
    """A group of the file's `secrets:` with token, or username and password, ca_file, cert_file, key_file, header:NAME; for
    CloudWatch aws_access_key_id, aws_secret_access_key, aws_session_token, aws_profile_name, ca_file."""
    burn_rate: float = Field(default=14.4, gt=0)
    over: Seconds = Field(default=60.0, gt=0)
    objective: str | None = None

    @field_validator("alertmanager", "prometheus", "grafana", "endpoint")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        return url if url is None else http_url(url)

    @field_validator("webhook")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        port = address.rpartition(":")[2] if address is not None else "1"
        if not (port.isdigit() and 0 < int(port) < 65536) and "$" not in port:
            raise ValueError(f"{address!r} is not host:port; write for example 127.0.0.1:9099")
        return address

    @field_validator("cloudwatch", "pagerduty")
    @classmethod
    def _by_name(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and not all(names or ("",)):
            raise ValueError("nothing is named; write a name, or a list of names")
        if arn := next((name for name in names or () if name.startswith("arn:")), None):
            raise ValueError(f"{arn!r} is an ARN; write the name, {arn.rpartition(':')[2]!r}, and region: beside it")
        return names

    @model_validator(mode="after")
    def _one_system(self) -> Detection:
        named = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(named) > 1:
            raise ValueError(f"one system a list item, not {' and '.join(named)}; start a new `- ` for each")
        if named and self.model_fields_set & {"burn_rate", "over", "objective"}:
            raise ValueError(f"burn_rate, over and objective are of our own rule, not of {named[0]}")
        if not named and self.model_fields_set & {"match", "timeout", "secrets", "target", "options", *_OF}:
            raise ValueError(f"say which system: {', '.join(KINDS)}")
        for key in sorted(self.model_fields_set & set(_OF)):
            if named[0] not in _OF[key]:
                raise ValueError(f"{key} is of {' and '.join(_OF[key])}, not of {named[0]}")
        if self.pagerduty is not None and self.secrets is None:
            raise ValueError("PagerDuty wants a token; add secrets: and the name of a group with `token` in it")
        return self

    @property
    def kind(self) -> str | None:
        """Which system it is; None for our own rule."""
        named = next((kind for kind in KINDS if getattr(self, kind) is not None), None)
        return self.source if named == "source" else named

    @property
    def where(self) -> str:
        """Its URL, the address that it listens on, or what is asked for there by name."""
        address = self.alertmanager or self.prometheus or self.grafana or self.webhook or self.target
        return address or ", ".join(self.cloudwatch or self.pagerduty or ())

    @property
    def particulars(self) -> dict[str, Any]:
        """What its source has to know besides `where`."""
        named = self.cloudwatch or self.pagerduty
        return {"named": named, "region": self.region, "endpoint": self.endpoint} if named else {}


class Expectations(_Part):
    """What the run must show besides its objectives."""

    detected_within: Seconds | None = Field(default=None, gt=0)
    recovered_within: Seconds | None = Field(default=None, gt=0)
    notified_within: Seconds | None = Field(default=None, gt=0)
    """Since users felt it, until somebody was told."""
    resolved_within: Seconds | None = Field(default=None, gt=0)
    """Since everything was put back, until the alert is resolved. The run waits for it as long as this."""
    alert: str | None = None
    """The alert that has to fire first."""
    labels: dict[str, str] = Field(default_factory=dict)
    """What it has to carry, so that it reaches the right people: `{team: storefront}`."""
    drill: dict[str, str] = Field(default_factory=dict)
    """The labels of a drill: an alert that only fires with them would not fire in earnest."""
    alerts: tuple[Problem, ...] = ()
    """Which of these findings about alerts make the run fail; all others are told only."""
