"""The success figures of `chaos-run metrics`: computed from the record, beside the team's goals, and put into words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from runner import clock

if TYPE_CHECKING:
    from runner.experiment.goals import Goals
    from runner.store import Store
    from runner.store.distributions import Distribution
    from runner.timeline.improvement import RecoveryChange
    from runner.timeline.success import SuccessFigure

QUARTER = timedelta(days=90)
UNTESTED_AFTER = timedelta(days=90)


@dataclass(frozen=True, kw_only=True, slots=True)
class LastTest:
    """When an experiment last injected something into a service."""

    service: str
    experiment: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Overall:
    """The five figures of the last 90 days, and when each experiment was last tried."""

    figures: tuple[SuccessFigure, ...]
    tests: tuple[LastTest, ...]
    """The longest untested first."""
    now: datetime

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        tests = [
            {"service": t.service, "experiment": t.experiment, "last": clock.rfc3339(t.at), "days": self.days(t)}
            for t in self.tests
        ]
        return {"success": [asdict(figure) for figure in self.figures], "last_tests": tests}

    def days(self, test: LastTest) -> int:
        """Whole days since a test."""
        return (self.now - test.at).days


def read_goals(path: str | None) -> Goals:
    """The team's goals, the usual ones without a file. Raises UsageError, InvalidFile."""
    from runner.experiment.goals import Goals

    if path is None:
        return Goals()
    from runner.experiment import goals_form  # slow to import, and seldom wanted

    return goals_form.load(path)


def compute(store: Store, found: Sequence[Distribution], asked: Goals, now: datetime | None = None) -> Overall:
    """Compute the figures from the record and all of its distributions. Raises EnvironmentFailure."""
    from runner.timeline import success

    until = now or datetime.now(UTC)
    seen = store.period(until - QUARTER, until + timedelta(days=1))  # clocks differ: nobody's run is in the future
    days = min(QUARTER, max(timedelta(days=1), until - (store.first() or until))).total_seconds() / 86400
    good, judged = seen.good, seen.objectives
    return Overall(
        figures=(
            success.experiments(seen.runs, max(days, success.MONTH_DAYS), asked.experiments_per_month),
            success.share(
                "service continuity", good.k, good.n, asked.continuity, of="requests", fewest=success.FEW_REQUESTS
            ),
            success.weaknesses(seen.weaknesses, asked.weaknesses_per_quarter),
            success.improvement(_changes(found, until), asked.mttr_improvement),
            success.share("SLO attainment", judged.k, judged.n, asked.slo_attainment, of=_judged(judged.undecided)),
        ),
        tests=tuple(LastTest(service=service, experiment=name, at=at) for service, name, at in store.tested()),
        now=until,
    )


def render(overall: Overall) -> Iterator[str]:
    """The figures as a table, and what was not tested for a quarter."""
    from runner.report import table

    rows = [(f.name, _goal(f), {None: "", True: "met", False: "NOT MET"}[f.met], f.said) for f in overall.figures]
    yield "The last 90 days\n" + table.render(("", "GOAL", "", "SEEN"), rows)
    old = [t for t in overall.tests if overall.now - t.at >= UNTESTED_AFTER]
    if old:
        late = [(t.experiment, t.service, f"{t.at:%Y-%m-%d}", f"{overall.days(t)} days") for t in old]
        yield "Untested for a quarter\n" + table.render(("EXPERIMENT", "SERVICE", "LAST", "SINCE"), late)


def _changes(found: Sequence[Distribution], until: datetime) -> dict[str, RecoveryChange]:
    """How each experiment's TTR changed from the quarter before to this one."""
    from runner.timeline import improvement

    now, then = until - QUARTER, until - 2 * QUARTER
    return {d.title: improvement.compare(d.ttr.between(then, now), d.ttr.between(now)) for d in found}


def _judged(undecided: int) -> str:
    return f"objectives, {undecided} of them undecided" if undecided else "objectives"


def _goal(figure: SuccessFigure) -> str:
    from runner import units

    if figure.goal is None:
        return "-"
    counted = figure.goal > 1 or "a month" in figure.name or "found" in figure.name
    return f"≥ {figure.goal:g}" if counted else f"≥ {units.format_ratio(figure.goal)}"
