"""TTD and TTR of the runs on record, an experiment compared only with itself: from which MTTD and MTTR are computed, censored ones too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from runner.timeline import mttd_mttr, survival
from runner.timeline.mttd_mttr import CensoredTime, Durations, Estimate, Rate, durations, merge

if TYPE_CHECKING:
    from runner.store import Measured as Run
    from runner.store import Store
    from runner.store.distributions import Distribution

ALL = "all experiments"


@dataclass(frozen=True, slots=True)
class Waits:
    """TTDs or TTRs; `latest` the oldest first, of very many only the last ones."""

    durations: Durations
    latest: Sequence[tuple[float, bool]]


@dataclass(frozen=True, kw_only=True, slots=True)
class DurationGroup:
    """The runs whose durations are compared: those of one experiment on one service, or all."""

    title: str
    runs: int
    ttd: Waits
    ttr: Waits


def from_distributions(store: Store, found: Sequence[Distribution], service: str | None) -> Iterator[DurationGroup]:
    """Every experiment's runs by its name, then all, from what the record has summed up; only the latest values one by one."""
    for one in sorted(found, key=lambda d: d.title):
        ttd, ttr = (Waits(each.durations, each.latest()) for each in (one.ttd, one.ttr))
        yield DurationGroup(title=one.title, runs=one.runs, ttd=ttd, ttr=ttr)
    if len(found) > 1:
        yield DurationGroup(
            title=ALL,
            runs=sum(one.runs for one in found),
            ttd=Waits(merge(one.ttd.durations for one in found), store.latest("ttd", service)),
            ttr=Waits(merge(one.ttr.durations for one in found), store.latest("ttr", service)),
        )


def from_runs(runs: Sequence[Run]) -> Iterator[DurationGroup]:
    """The same from the runs themselves, with every value."""
    for title, same in by_experiment(runs):
        ttd, ttr = (values(same, which) for which in ("ttd", "ttr"))
        yield DurationGroup(title=title, runs=len(same), ttd=Waits(durations(ttd), ttd), ttr=Waits(durations(ttr), ttr))


def by_experiment(runs: Sequence[Run]) -> Iterator[tuple[str, Sequence[Run]]]:
    """The runs of each experiment on each service by its name, then all of them."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(f"{run.name} on {run.service}", []).append(run)
    yield from sorted(found.items())
    if len(found) > 1:
        yield ALL, runs


def values(runs: Sequence[Run], which: str) -> list[CensoredTime]:
    """The TTDs or TTRs (`which`) of runs that have one, the oldest first."""
    if which == "ttd":
        return [CensoredTime(run.ttd_s, run.ttd_censored == 1) for run in runs if run.ttd_s is not None]
    return [CensoredTime(run.ttr_s, run.ttr_censored == 1) for run in runs if run.ttr_s is not None]


def _as_dict(figure: Estimate | None) -> dict[str, Any] | None:
    return asdict(figure) if figure else None


def to_json(group: DurationGroup) -> dict[str, Any]:
    """Plain JSON values; seconds as numbers."""
    return {
        "experiment": group.title,
        "runs": group.runs,
        "detection_rate": asdict(detection_rate(group)),
        **{
            which: {
                **asdict(mttd_mttr.summary(waits.durations)),
                "kaplan_meier_median": _as_dict(survival.product_limit(waits.durations)),
                "values": [{"seconds": seconds, "censored": censored} for seconds, censored in waits.latest],
            }
            for which, waits in (("ttd", group.ttd), ("ttr", group.ttr))
        },
    }


def detection_rate(group: DurationGroup) -> Rate:
    """How many of the runs that users felt were detected."""
    ended, bounds = group.ttd.durations
    return mttd_mttr.rate(len(ended), len(ended) + len(bounds))
