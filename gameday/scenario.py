"""Scenario: a GameDay's script, a YAML or JSON file: who does what, which experiment at which offset, and what must be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from runner import errors
from runner.experiment import catalogue, findings, source, typed
from runner.experiment.quantities import Seconds

SINGLE_SEAT = ("owner", "coordinator", "reporter")
"""Roles that exactly one person holds: who decides, who starts the steps, who writes down."""
SUFFIXES = (".yaml", ".yml", ".json")
SHIPPED = Path(__file__).parent / "scenarios"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Role(_Part):
    """A seat and who sits on it; names may also come from the command line."""

    duty: str = ""
    people: tuple[str, ...] = ()
    may_stop: bool = False
    """Named as holder of the stop; anybody may call it, these must be there."""


class Step(_Part):
    """One experiment at an offset from the start of the day."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    experiment: str
    """A file relative to the scenario, or the name of one in the catalogue."""
    at: Seconds = 0.0
    variables: dict[str, Any] = Field(default_factory=dict)
    detect_within: Seconds | None = Field(default=None, gt=0)
    recover_within: Seconds | None = Field(default=None, gt=0)
    notice: str = ""
    go_on: bool = False
    """Whether the day goes on when a guard aborts this step; a person's stop and a failed undo end it in any case."""


class Goals(_Part):
    """What decides over the day: `required` counts, `wanted` is reported only."""

    detection: Literal["required", "wanted"] = "required"
    recovery: Literal["required", "wanted"] = "required"


class Fast(_Part):
    """How a rehearsal with --fast differs: offsets times `factor`, and variables that shorten windows."""

    factor: float = Field(default=0.01, ge=0, le=1)
    variables: dict[str, Any] = Field(default_factory=dict)


class Scenario(_Part):
    """The whole script."""

    title: str
    service: str = "unnamed"
    description: str = ""
    roles: dict[str, Role]
    steps: tuple[Step, ...]
    notice: str = ""
    """What is announced before; `{service}` and `{title}` are filled in."""
    stop_words: tuple[str, ...] = ("stop",)
    goals: Goals = Goals()
    fast: Fast = Fast()

    @field_validator("steps")
    @classmethod
    def _not_empty(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if not steps:
            raise ValueError("a GameDay needs at least one step")
        return steps

    @model_validator(mode="after")
    def _seats(self) -> Scenario:
        if not any(role.may_stop for name, role in self.roles.items() if name != "operator"):
            raise ValueError(
                "no role besides the operator has `may_stop: true`; somebody besides the operator must be able to stop the day"
            )
        return self

    @property
    def announcement(self) -> str:
        """The notice with its blanks filled in."""
        return self.notice.replace("{service}", self.service).replace("{title}", self.title)

    @property
    def roster(self) -> dict[str, tuple[str, ...]]:
        """Who sits where, as far as the file knows."""
        return {name: role.people for name, role in self.roles.items()}


def load(name: str) -> tuple[Scenario, Path]:
    """A scenario and its file, from a path or a shipped name. Raises UsageError, and findings.Broken with every finding."""
    path = _locate(name, SHIPPED, "scenario")
    document = source.read(str(path))
    found = typed.read(document, Scenario, "scenario")
    wrong = list(_semantics(document, found, path))
    if wrong:
        raise findings.BrokenExperiment(wrong)
    return found, path


def locate_experiment(name: str, scenario: Path) -> Path:
    """The file that a step means: relative to the scenario, else of the catalogue. Raises UsageError."""
    beside = scenario.parent / name
    return beside.resolve() if beside.is_file() else _locate(name, catalogue.folder(), "experiment")


def seat(scenario: Scenario, given: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The roster with the names given for this day. Raises UsageError for an unknown role or two people on a single seat."""
    for role in given:
        if role not in scenario.roles:
            raise errors.UsageError(
                f"the scenario has no role {role!r}", hint=findings.nearest(role, scenario.roles, what="roles")
            )
    roster = scenario.roster | dict(given)
    for role in SINGLE_SEAT:
        if len(roster.get(role, ())) > 1:
            raise errors.UsageError(f"the role {role} is for one person, not for {' and '.join(roster[role])}")
    holders = {p for name, role in scenario.roles.items() if role.may_stop for p in roster[name]}
    if holders and holders <= set(roster.get("operator", ())):
        raise errors.UsageError(
            "the operator would be the only one who may stop the day", hint="give owner or facilitator to somebody else"
        )
    return roster


def _locate(name: str, folder: Path, what: str) -> Path:
    if Path(name).is_file():
        return Path(name).resolve()
    known = {p.stem: p for p in sorted(folder.glob("*")) if p.suffix in SUFFIXES}
    if name in known:
        return known[name]
    if name.endswith(SUFFIXES):
        raise errors.UsageError(f"there is no {what} file {name}")
    raise errors.UsageError(f"there is no {what} {name!r}", hint=findings.nearest(name, known, what=f"{what}s"))


def _semantics(document: source.ExperimentText, scenario: Scenario, path: Path) -> Iterator[findings.FileFinding]:
    """What the model cannot see: double names, offsets that go back, experiments that are not there, full seats."""
    seen: set[str] = set()
    latest = 0.0
    for index, step in enumerate(scenario.steps):
        if step.name in seen:
            yield document.finding(
                "error", "step-twice", ("steps", index, "name"), f"two steps are called {step.name!r}"
            )
        if step.at < latest:
            yield document.finding(
                "error", "step-order", ("steps", index, "at"), "this step begins before the one above it"
            )
        seen.add(step.name)
        latest = max(latest, step.at)
        try:
            locate_experiment(step.experiment, path)
        except errors.UsageError as problem:
            yield document.finding(
                "error", "no-experiment", ("steps", index, "experiment"), problem.message, hint=problem.hint
            )
    for role in SINGLE_SEAT:
        if role in scenario.roles and len(scenario.roles[role].people) > 1:
            yield document.finding(
                "error", "single-seat", ("roles", role, "people"), f"the role {role} is for one person"
            )
