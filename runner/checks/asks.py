"""Asks: what a check reads from each kind of source, as values; how it is read is the reader's business (`runner/probe/checks/`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from runner.checks import due
from runner.checks.check import Parameter, Source
from runner.checks.objects import Measure

NAMESPACE = Parameter("namespace", "one namespace; without it, all that may be seen")
LABELS = Parameter("labels", "label selector: app=shop,tier!=batch")


@dataclass(frozen=True, kw_only=True)
class Kubernetes:
    """Lists of objects, and what is measured in them."""

    source: ClassVar[Source] = Source.KUBERNETES
    every_s: ClassVar[float] = 5.0

    lists: tuple[str, ...]
    """Plural names, as the reader knows their paths."""
    measure: Measure
    takes: tuple[Parameter, ...] = (NAMESPACE, LABELS)

    @property
    def reads(self) -> str:
        return f"Kubernetes API: {', '.join(self.lists)}"


class Fold(StrEnum):
    """What becomes of a metric's datapoints."""

    NEWEST = "newest minute"
    TOTAL = "total"
    HIGHEST = "highest minute"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of CloudWatch, over the last `over_s` seconds."""

    namespace: str
    name: str
    stat: str = "Average"
    dimensions: tuple[tuple[str, str], ...] = ()
    """Each with the parameter that has its value; one without a value is left out."""
    fold: Fold = Fold.NEWEST
    scale: float = 1.0
    """What its values are multiplied by to be in the check's unit."""
    period_s: int = 60
    over_s: int = 300
    counts_beside: Metric | None = None
    """A metric that is only reported where something is to be counted: nothing was, where this one has datapoints."""

    @property
    def said(self) -> str:
        return f"CloudWatch {self.namespace} {self.name}, {self.stat}"


class Described(StrEnum):
    """What the API of a service itself tells."""

    DB_STATUS = "RDS: the status of the instance"
    DB_FAILOVERS = "RDS: failover events of the last hour"
    DB_STORAGE = "RDS: the allocated storage"
    FUNCTION_TIMEOUT = "Lambda: the timeout of the function"
    FUNCTION_RESERVED = "Lambda: the reserved concurrency of the function"
    ACCOUNT_CONCURRENCY = "Lambda: the concurrency limit of the account"

    @property
    def said(self) -> str:
        return self.value


@dataclass(frozen=True)
class Given:
    """A number that the user knows."""

    parameter: str

    @property
    def said(self) -> str:
        return f"{self.parameter}, as given"


Term = Metric | Described | Given
REGION = Parameter("region", "AWS region; without it aws_region of the configuration, AWS_REGION or AWS_DEFAULT_REGION")


@dataclass(frozen=True, kw_only=True)
class Aws:
    """A number, or its share of the sum of others."""

    source: ClassVar[Source] = Source.AWS
    every_s: ClassVar[float] = 30.0  # CloudWatch has something new to say once a minute

    of: Term
    per: tuple[Term, ...] = ()
    about: tuple[Parameter, ...] = ()

    @property
    def takes(self) -> tuple[Parameter, ...]:
        return (*self.about, REGION)

    @property
    def reads(self) -> str:
        share = f"; as a share of {' + '.join(term.said for term in self.per)}" if self.per else ""
        return self.of.said + share


URL = Parameter("url", "of the Prometheus, with its path prefix if it has one", required=True)
MATCH = Parameter("match", 'label matchers: service="shop",env="test"', default="")


class Shape(StrEnum):
    """What the answer of a query is, and what becomes of it."""

    NUMBER = "one number"
    BUCKETS = "the buckets of a histogram, of which the p95 is taken"
    DONE_AT = "when a batch was last done, as a unix time"


@dataclass(frozen=True, kw_only=True)
class PromQl:
    """A query of the team's own Prometheus; `$name` stands for a parameter."""

    source: ClassVar[Source] = Source.PROMETHEUS
    every_s: ClassVar[float] = 5.0

    query: str
    shape: Shape = Shape.NUMBER
    about: tuple[Parameter, ...] = ()

    @property
    def takes(self) -> tuple[Parameter, ...]:
        return (URL, *self.about, MATCH)

    @property
    def reads(self) -> str:
        return f"Prometheus: {self.query}"


class Felt(StrEnum):
    """What users feel of a service that they ask."""

    P95 = "p95 latency"
    ERRORS = "error ratio"


@dataclass(frozen=True, kw_only=True)
class Web:
    """Requests of our own, sent on time whether or not earlier ones came back."""

    source: ClassVar[Source] = Source.WEB
    every_s: ClassVar[float] = 30.0

    felt: Felt
    requests: int

    @property
    def takes(self) -> tuple[Parameter, ...]:
        return (
            Parameter("url", "that is asked with GET", required=True),
            Parameter("requests", "how many", default=self.requests, number=True),
            Parameter("rate", "requests a second", default=50, number=True),
            Parameter("timeout", "seconds", default=2, number=True),
            Parameter("status", "which statuses are good", default="200-299"),
        )

    @property
    def reads(self) -> str:
        return "requests of its own"


@dataclass(frozen=True)
class DoneFile:
    """When a file was last written: the mark that a batch leaves when it is done."""

    source: ClassVar[Source] = Source.FILE
    every_s: ClassVar[float] = 5.0

    takes: tuple[Parameter, ...] = (
        Parameter("file", "that the batch writes when it is done", required=True),
        *due.TAKES,
    )
    reads: str = "the time of a file on this machine"
