"""Check: one thing that a service's operators watch: what is read, the limit at which it is bad, and how serious that is.

A check is a value. What it reads (`asks`) is asked by the reader of its source (`runner/probe/checks/`), which answers with what it
`Measured` or raises `NoData`; whether that is bad is decided here, for all of them alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from runner import units


class NoData(Exception):
    """Nothing can be said, and why: in words that hold no secret. It is never good."""


class Source(StrEnum):
    """Who is asked."""

    KUBERNETES = "kubernetes"
    AWS = "aws"
    PROMETHEUS = "prometheus"
    WEB = "web"
    FILE = "file"


class Level(StrEnum):
    """How serious it is where a check is bad."""

    CRITICAL = "Critical"
    WARNING = "Warning"
    INFO = "Info"


class Bad(StrEnum):
    """How a value has to stand to its limit to be bad."""

    ABOVE = "above"
    AT_LEAST = "at least"
    BELOW = "below"
    AT_MOST = "at most"

    def holds(self, value: float, limit: float) -> bool:
        if self in (Bad.ABOVE, Bad.AT_LEAST):
            return value > limit or (self is Bad.AT_LEAST and value == limit)
        return value < limit or (self is Bad.AT_MOST and value == limit)


class Unit(StrEnum):
    """Of value and limit."""

    COUNT = "count"
    SECONDS = "seconds"
    RATIO = "ratio"
    BYTES = "bytes"

    def printed(self, value: float) -> str:
        if self is Unit.SECONDS:
            return units.format_duration(value) if value else "0s"
        if self is Unit.RATIO:
            return units.format_ratio(value)
        return f"{value / 1e9:.3g} GB" if self is Unit.BYTES else f"{value:,.4g}"

    def written(self, value: float) -> str:
        """As a file has it: what `parsed` reads."""
        return self.printed(value).replace(" ", "").replace(",", "")

    def parsed(self, written: object) -> float:
        """A limit of the file: a plain number, or `5m`, `80%`, `2GB`. Raises ValueError."""
        if isinstance(written, int | float) and not isinstance(written, bool):
            return float(written)
        text = str(written).strip()
        try:
            if self is Unit.SECONDS:
                return units.parse_duration(text)
            if self is Unit.RATIO and text.endswith("%"):
                return round(float(text[:-1]) / 100, 12)
            if self is Unit.BYTES and text.upper().endswith("GB"):
                return float(text[:-2]) * 1e9
            return float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a limit in {self}; write for example {_EXAMPLES[self]}") from None


_EXAMPLES = {Unit.COUNT: "3", Unit.SECONDS: "5m", Unit.RATIO: "80%", Unit.BYTES: "2GB"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What the user says of his own system: `namespace`, `queue`."""

    name: str
    about: str
    default: object = None
    required: bool = False
    number: bool = False


class Asks(Protocol):
    """What a check reads; its class is told by the source."""

    source: ClassVar[Source]
    every_s: ClassVar[float]
    """How often it is read in a run that does not say."""

    @property
    def takes(self) -> tuple[Parameter, ...]:
        """What has to be known to read it."""

    @property
    def reads(self) -> str:
        """What is looked at, for people."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a reader saw."""

    value: float
    detail: str = ""
    """Which objects, of how many, when: it goes after the value."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One reading of a check."""

    bad: bool
    value: float
    sentence: str
    """`good: pods that wait in CrashLoopBackOff: 0 (3 looked at); Critical above 0`: begins with good or bad."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One row of the table."""

    name: str
    """Of its function in `runner.probe.checks` too."""
    level: Level
    asks: Asks
    what: str
    """What its value is, as a noun: `pods that wait in CrashLoopBackOff`."""
    about: str
    """What it is about: the heading that it is listed under."""
    bad: Bad = Bad.ABOVE
    limit: float
    unit: Unit = Unit.COUNT

    @property
    def condition(self) -> str:
        """When it is bad: `above 80 %`."""
        return self.condition_at(self.limit)

    def condition_at(self, limit: float) -> str:
        return f"{self.bad} {self.unit.printed(limit)}"

    def judge(self, found: Measured, limit: float | None = None) -> Answer:
        """Good or bad, with all its numbers."""
        at = self.limit if limit is None else limit
        bad = self.bad.holds(found.value, at)
        detail = f" ({found.detail})" if found.detail else ""
        said = f"{self.what}: {self.unit.printed(found.value)}{detail}; {self.level} {self.condition_at(at)}"
        return Answer(bad, found.value, f"{'bad' if bad else 'good'}: {said}")


@dataclass(frozen=True)
class Asked:
    """A check with what the user says of his own system."""

    check: Check
    values: Mapping[str, Any] = field(default_factory=dict)
    """Every parameter, the defaults among them."""
    limit: float = 0.0


class Unfit(ValueError):
    """What was written does not fit the check; `key` is where, None for the check as a whole."""

    def __init__(self, problem: str, key: str | None = None, known: Sequence[str] = ()) -> None:
        super().__init__(problem)
        self.key = key
        self.known = tuple(known)


def ask(check: Check, written: Mapping[str, Any], limit: object = None) -> Asked:
    """Raises Unfit, for the first thing that does not fit."""
    takes = {p.name: p for p in check.asks.takes}
    for key in written:
        if key not in takes:
            raise Unfit(
                f"the check {check.name} takes no '{key}'; it takes {', '.join([*takes, 'limit'])}", key, tuple(takes)
            )
    values = {name: written.get(name, p.default) for name, p in takes.items()}
    for name, parameter in takes.items():
        if values[name] is None and parameter.required:
            raise Unfit(f"the check {check.name} needs '{name}': {parameter.about}")
        if values[name] is not None:
            values[name] = _typed(check, parameter, values[name])
    try:
        return Asked(check, values, check.limit if limit is None else check.unit.parsed(limit))
    except ValueError as problem:
        raise Unfit(str(problem), "limit") from None


def _typed(check: Check, parameter: Parameter, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unfit(f"'{parameter.name}' of the check {check.name} is a text or a number", parameter.name)
    if not parameter.number:
        return str(value)
    try:
        number = float(value)
    except ValueError:
        raise Unfit(
            f"'{parameter.name}' of the check {check.name} is a number, not {value!r}", parameter.name
        ) from None
    if number <= 0:
        raise Unfit(f"'{parameter.name}' of the check {check.name} is above 0, not {number:g}", parameter.name)
    return number
