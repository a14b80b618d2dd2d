"""Our block of an experiment, as it stands in `extensions:` under `name: chaos-run`. Unknown keys are errors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from runner.experiment.abort import AbortRule
from runner.experiment.detecting import Detection, Expectations, http_url
from runner.experiment.quantities import Rate, Ratio, Seconds
from runner.experiment.silencing import Announcement, Silence


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Expect(_Part):
    """Which answers are good ones."""

    status: str | None = None
    """Statuses and ranges, comma separated: `200`, `200-299,404`. Without: 200-299, and what the baseline had below 500."""

    @field_validator("status", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("status")
    @classmethod
    def _ranges_parse(cls, value: str | None) -> str | None:
        if value is not None:
            status_ranges(value)
        return value


class Traffic(_Part):
    """One stream of user traffic that we generate and watch: an indicator of that name."""

    name: str
    url: str
    rate: Rate = 50.0
    timeout: Seconds = Field(default=2.0, gt=0)
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    expect: Expect = Field(default_factory=Expect)
    new_connections: bool | Literal["mixed"] = "mixed"
    """true: a connection for every request, as of users who come; false: keep-alive for all, which hides what load balancer and
    DNS do to those who come; mixed: every second request opens one, at most 100 a second."""


class Source(_Part):
    """The team's own monitoring, a Prometheus: indicators of OpenSLO documents are read from it."""

    name: str
    prometheus: str
    """Its URL, with the path prefix if it has one."""
    interval: Seconds = Field(default=5.0, ge=0.2)
    """How often it is asked; more often than it scrapes tells nothing more."""
    timeout: Seconds = Field(default=5.0, gt=0)
    secrets: str | None = None
    """A group of the file's `secrets:` with token, or username and password, ca_file, cert_file, key_file, header:NAME."""
    verify: bool = True
    """Whether its TLS certificate has to be good."""

    @field_validator("prometheus")
    @classmethod
    def _is_http(cls, value: str) -> str:
        return http_url(value)


class ReadyCheck(_Part):
    """A ready check (`chaos-run checks` lists them), read again and again: an indicator, of which each reading is one event."""

    check: str
    name: str = ""
    """Of the indicator; without it the check's."""
    arguments: dict[str, str | int | float] = Field(default_factory=dict)
    """What it takes, and `limit` for another limit than its own."""
    every: Seconds | None = Field(default=None, ge=1)
    """How often it is read; without it every 5 s, and those of AWS and of the web every 30 s."""
    secrets: str | None = None
    """A group of the file's `secrets:`, as the probes of its system want it."""

    @field_validator("check")
    @classmethod
    def _is_known(cls, value: str) -> str:
        from runner.checks import table  # for nobody else

        if value not in table.CHECKS:
            raise ValueError(f"there is no check {value!r}; {table.nearest(value)}")
        return value

    @model_validator(mode="after")
    def _fits(self) -> ReadyCheck:
        from runner.checks import check, table

        if not any("${" in str(value) for value in self.arguments.values()):
            try:
                table.asked(self.check, self.arguments)
            except check.Unfit as problem:
                raise ValueError(str(problem)) from None
        return self

    @property
    def indicator(self) -> str:
        return self.name or self.check

    @property
    def every_s(self) -> float:
        from runner.checks import table

        return table.CHECKS[self.check].asks.every_s if self.every is None else self.every


Judge = Annotated[
    Literal["service", "window"],
    Field(
        description="service: the window is a sample of the service, and a clump that chance may have put there does not fail it."
        " window: these requests decide; then foreign bursts fail it too."
    ),
]
"""Who is judged by an objective."""


class Objective(_Part):
    """An SLO in shorthand: availability (`target` of good answers) or latency (`target` of answers within `threshold`)."""

    name: str
    indicator: str
    target: Ratio = Field(gt=0, lt=1)
    threshold: Seconds | None = Field(default=None, gt=0)
    window: Seconds = 30 * 86400.0
    """The SLO's own window, for the error budget: 30 days."""
    slice: Seconds | None = Field(default=None, ge=0.05)
    """Cut time into slices of this length: then `target` is of good slices or, without `slice_target`, of their mean."""
    slice_target: Ratio | None = Field(default=None, gt=0)
    """The share of a slice's answers that makes it a good one."""
    judge: Judge = "service"

    @model_validator(mode="after")
    def _whole(self) -> Objective:
        if self.slice_target is not None and self.slice is None:
            raise ValueError(
                "slice_target says when a slice is good, slice: how long it is; write for example slice: 10s"
            )
        return self

    @property
    def kind(self) -> Literal["availability", "latency"]:
        return "availability" if self.threshold is None else "latency"


class OpenSlo(_Part):
    """A reference to an OpenSLO v1 document, relative to the experiment file, bound to one of our indicators."""

    openslo: str
    indicator: str | None = None
    """Which of our traffic measures it; may be left out when there is only one."""
    source: str | None = None
    """Which of our `sources` measures it, by the document's own Prometheus queries; then it is an indicator by its SLO's name."""
    strict: bool = False
    judge: Judge = "service"


SHORTHAND, REFERENCE = "<shorthand>", "<reference>"
"""Tags of the two forms; no key of a file can be called so."""


def _alert_policy_kind(value: Any) -> str:
    """An objective refers to a document, or it is in shorthand: so that an error is told for one form only."""
    return REFERENCE if isinstance(value, OpenSlo) or (isinstance(value, dict) and "openslo" in value) else SHORTHAND


AnyObjective = Annotated[
    Annotated[Objective, Tag(SHORTHAND)] | Annotated[OpenSlo, Tag(REFERENCE)], Discriminator(_alert_policy_kind)
]


class Windows(_Part):
    """How long each phase is watched."""

    baseline: Seconds = 10.0
    recovery: Seconds = 120.0
    """At most this long until recovered."""
    stable: Seconds = 10.0
    """The indicators have to be back within their objectives for this long."""


class Hypothesis(_Part):
    """How the file's steady-state hypothesis is checked during the method."""

    frequency: Seconds = Field(default=1.0, gt=0)
    during: bool = True


class Proof(_Part):
    """Names a probe of the method or hypothesis as the proof that a fault bit: it must hold afterwards and not before."""

    action: str
    probe: str


class Dose(_Part):
    """How strong a fault is: one variable of the file's configuration, where to begin, and what this file never goes beyond."""

    variable: str
    unit: str
    """As people read it after the number: ms, %, KB/s, connections, replicas, MB/s."""
    start: float
    """Where to begin while nobody knows yet what it does; the variable's own default may be more."""
    max: float
    """The strongest that this file allows; less than `start` where less is stronger, as for a limit of bandwidth."""

    @field_validator("start", "max")
    @classmethod
    def _not_negative(cls, value: float) -> float:
        if not 0 <= value < float("inf"):
            raise ValueError(f"a dose is 0 or more, and {value:g} is not")
        return value

    @property
    def less_is_stronger(self) -> bool:
        return self.max < self.start

    def allows(self, value: float) -> bool:
        """Whether a value is no stronger than the strongest."""
        return self.max <= value if self.less_is_stronger else 0 <= value <= self.max

    @property
    def bound(self) -> str:
        """`at most 500`, `no less than 10`."""
        return f"{'no less than' if self.less_is_stronger else 'at most'} {self.max:g}"


class CatalogueFacts(_Part):
    """What the catalogue says of a file besides its title: by which tool, for whom, and what has to be there."""

    tool: str
    phase: Literal["development", "staging", "canary", "production"] = "staging"
    """From which phase of adoption on a team should run it."""
    needs: tuple[str, ...] = ()
    """What has to be there: see `runner/faults/needs.py` for the words."""
    alert: str = ""
    """Which alert should fire, by its name; `none` where users should feel nothing."""
    touches: str = ""
    """What it may touch: its blast radius in words."""
    proven: str = ""
    """On what it was seen to work; `not seen on a real system` where it was not."""

    @field_validator("needs")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for need in value:
            if need.partition(":")[0] not in {known.partition(":")[0] for known in NEEDS}:
                raise ValueError(f"{need!r} is no need that can be looked for; {', '.join(NEEDS)}")
        return value


NEEDS = (
    "cluster",
    "toxiproxy",
    "playground",
    "api:GROUP/VERSION",
    "program:NAME",
    "package:NAME",
    "env:NAME",
    "http:URL",
    "root",
)
"""The words of `needs:`, as they are written."""


class WaitFor(_Part):
    """Between two activities of the method, in the place of a pause: wait until a probe is within its tolerance. If it is not in time,
    the method ends there, and the run fails."""

    after: str
    """An activity of the method, by name. Its `pauses.after` is what plain Chaos Toolkit does instead; here it is left out."""
    probe: str
    """A probe of the method or the hypothesis, by name; it needs a `tolerance`."""
    within: Seconds = Field(gt=0)
    """How long it is waited at most."""
    every: Seconds = Field(default=1.0, ge=0.1)
    """How often it is looked at."""


class Block(_Part):
    """The whole of our block. Without one, these defaults hold: no traffic, the hypothesis alone decides."""

    name: Literal["chaos-run"] = "chaos-run"
    service: str = "unnamed"
    risk: Literal["low", "medium", "high"] = "medium"
    traffic: tuple[Traffic, ...] = ()
    sources: tuple[Source, ...] = ()
    checks: tuple[ReadyCheck, ...] = ()
    objectives: tuple[AnyObjective, ...] = ()
    windows: Windows = Field(default_factory=Windows)
    abort: tuple[AbortRule, ...] = ()
    detection: tuple[Detection, ...] = ()
    silence: tuple[Silence, ...] = ()
    announce: tuple[Announcement, ...] = ()
    """Where an alert `ChaosRunDrill` says that a drill goes on."""
    expect: Expectations = Field(default_factory=Expectations)
    hypothesis: Hypothesis = Field(default_factory=Hypothesis)
    proof: tuple[Proof, ...] = ()
    wait_for: tuple[WaitFor, ...] = ()
    undo: Literal["told", "required"] = "told"
    """What becomes of an action that was begun and has no undo: it is told, or it fails the run."""
    stays: tuple[str, ...] = ()
    """Actions, by name, whose change is meant to stay: nobody puts it back, and the record says so."""
    accept_no_undo: tuple[str, ...] = ()
    """Actions, by name, whose fault nobody undoes if we die, and that is accepted."""
    accept_environment: tuple[str, ...] = ()
    """Actions, by name, that may strike an environment which is on no sandbox allowlist (an AWS account) or that no driver knows."""
    dose: tuple[Dose, ...] = ()
    catalogue: CatalogueFacts | None = None


def status_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """`200-299,404` as inclusive ranges. Raises ValueError."""
    ranges = []
    for part in text.split(","):
        low, _, high = part.strip().partition("-")
        if not low.isdigit() or (high and not high.isdigit()):
            raise ValueError(f"{text!r} is not a list of statuses; write for example 200-299,404")
        ranges.append((int(low), int(high or low)))
        if not 100 <= ranges[-1][0] <= ranges[-1][1] <= 599:
            raise ValueError(f"{part.strip()!r} is not a range of HTTP statuses (100 to 599)")
    return tuple(ranges)
