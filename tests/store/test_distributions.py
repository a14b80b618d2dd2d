"""What the record sums up of many runs is what one would reckon from the runs themselves."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from runner.app import durations, success
from runner.cli import metrics
from runner.experiment.goals import Goals
from runner.store import Store
from runner.timeline import improvement, mttd_mttr, survival
from runner.timeline.mttd_mttr import CensoredTime, Estimate
from runner.timeline.record import Mark, RunRecord
from tests.store.samples import record

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
VERDICTS = ("PASS", "PASS", "FAIL", "ABORTED", "INCONCLUSIVE")
OBJECTIVE = record("x").objectives[0]


def made(dice: random.Random, number: int) -> RunRecord:
    """Whole seconds now and then, so that there are equals; some censored, some missing, some of the very same moment."""

    def wait() -> float | None:
        return None if dice.random() < 0.1 else dice.choice((float(dice.randrange(9)), dice.lognormvariate(2, 1)))

    started = NOW - timedelta(days=dice.randrange(400), milliseconds=dice.randrange(3))
    verdict, total = dice.choice(VERDICTS), dice.randrange(1, 1000)
    return record(
        f"run-{number:04}",
        experiment=f"experiments/e{dice.randrange(3)}.yaml",
        service=f"s{dice.randrange(2)}",
        started=started,
        verdict=verdict,
        marks=(Mark(name="injected", at=started, mono_ns=1),) if dice.random() < 0.9 else (),
        objectives=(
            replace(OBJECTIVE, verdict=dice.choice(("PASS", "FAIL", "INCONCLUSIVE")), bad=total // 9, total=total),
            replace(OBJECTIVE, kind="latency"),
        ),
        ttd_s=wait(),
        ttd_censored=dice.random() < 0.3,
        ttr_s=wait(),
        ttr_censored=dice.random() < 0.3,
    )


def abort(run: RunRecord) -> list[dict[str, object]]:
    by = "person" if int(run.run[-4:]) % 2 else "guard"
    return [{"event": "abort", "at": "x", "t": 1.0, "by": by}] if run.verdict == "ABORTED" else []


def filled(store: Store, tmp_path: Path) -> list[RunRecord]:
    """Two hundred on record, read from their folders; then some moved to another experiment, and some new."""
    dice = random.Random(20261125)
    kept = {run.run: run for run in (made(dice, number) for number in range(200))}
    for run in kept.values():
        folder = tmp_path / "folders" / run.run
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(json.dumps(run.to_json()), encoding="utf-8")
        (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in abort(run)), encoding="utf-8")
    assert store.reindex(tmp_path / "folders") == 200
    for number in (7, 8, 200, 201):
        run = made(dice, number)
        store.save(run, abort(run))
        kept[run.run] = run
    return sorted(kept.values(), key=lambda run: (f"{run.started:%Y%m%d%H%M%S%f}", run.run))


def test_every_figure_is_that_of_the_runs_one_by_one(store: Store, tmp_path: Path) -> None:
    runs = filled(store, tmp_path)
    groups = {group.title: group for group in durations.from_distributions(store, store.distributions(), None)}
    one_by_one = {group.title: group for group in durations.from_runs(store.values())}
    assert list(groups) == list(one_by_one)
    assert len(groups) == 7
    for title, group in groups.items():
        same = [run for run in runs if title in (durations.ALL, _title(run))]
        assert group.runs == one_by_one[title].runs == len(same)
        for which, waits in (("ttd", group.ttd), ("ttr", group.ttr)):
            values = _values(same, which)
            assert [*waits.latest] == values[-metrics.MOST_SHOWN :], (title, which)
            assert mttd_mttr.summary(waits.durations) == mttd_mttr.summarise(values)
            assert _plain(values) == (_seconds(mttd_mttr.summarise(values)), survival.product_limit(waits.durations))
        assert metrics._text(group) == metrics._text(one_by_one[title])

    *_, every = durations.from_distributions(store, store.distributions("s1"), "s1")
    same = [run for run in runs if run.service == "s1"]
    assert (every.runs, [*every.ttr.latest]) == (len(same), _values(same, "ttr")[-metrics.MOST_SHOWN :])
    _check_success(store, runs)


def _check_success(store: Store, runs: Sequence[RunRecord]) -> None:
    since = NOW - success.QUARTER
    injected = [run for run in runs if run.mark("injected")]
    recent = [run for run in injected if run.started >= since]
    found = store.period(since, NOW + timedelta(days=1))
    judged = [o.verdict for run in recent for o in run.objectives]
    asked = [run.objectives[0] for run in recent]
    weak = {
        (run.service, f"{_title(run)}")
        for run in recent
        if run.verdict == "FAIL" or (run.verdict == "ABORTED" and abort(run)[0]["by"] == "guard")
    }
    assert found.runs == len(recent)
    assert (found.good.k, found.good.n) == (sum(o.total - o.bad for o in asked), sum(o.total for o in asked))
    assert (found.objectives.k, found.objectives.n) == (judged.count("PASS"), len(judged))
    assert found.objectives.undecided == judged.count("INCONCLUSIVE")
    assert found.weaknesses == tuple(title for _, title in sorted(weak))
    assert store.first() == runs[0].started
    tested = {(run.service, _title(run)): run.started for run in injected}
    assert {(service, f"{name} on {service}"): at for service, name, at in store.tested()} == tested

    changes = success._changes(store.distributions(), NOW)
    for title, change in changes.items():
        same = [run for run in runs if _title(run) == title]
        then = [run for run in same if since - success.QUARTER <= run.started < since]
        now = [run for run in same if run.started >= since]
        assert change == improvement.compare(_values(then, "ttr"), _values(now, "ttr"))
        assert (change.before, change.after) == (len(_values(then, "ttr")), len(_values(now, "ttr")))
    assert sum(change.low is not None for change in changes.values()) > 3
    assert success.compute(store, store.distributions(), Goals(), NOW).tests[0].at == min(tested.values())


def test_the_last_run_that_leaves_an_experiment_takes_its_figures_along(store: Store) -> None:
    store.save(record("one", experiment="a.yaml"), [])
    store.save(record("one", experiment="b.yaml"), [])
    assert [(d.title, d.runs) for d in store.distributions()] == [("b on shop", 1)]


def _title(run: RunRecord) -> str:
    return f"{Path(run.experiment).stem} on {run.service}"


def _values(runs: Sequence[RunRecord], which: str) -> list[CensoredTime]:
    found = ((getattr(run, f"{which}_s"), getattr(run, f"{which}_censored")) for run in runs)
    return [CensoredTime(seconds, censored) for seconds, censored in found if seconds is not None]


def _seconds(found: mttd_mttr.DurationSummary) -> dict[str, object]:
    return {"median": found.median, "mean": found.mean, "p90": found.p90, "low": found.median_low}


def _plain(values: Sequence[CensoredTime]) -> tuple[dict[str, object], Estimate | None]:
    """The figures as a textbook writes them: one value after the other."""
    ordered = sorted(values)
    first = next((i for i, value in enumerate(ordered) if value.censored), len(ordered))
    ranks = mttd_mttr.median_ranks(len(ordered))
    assert ranks is not None
    mean = math.fsum(value.seconds for value in ordered) / len(ordered)
    figures = {
        "median": _at(ordered, 0.5, first),
        "mean": Estimate(seconds=mean, at_least=first < len(ordered)),
        "p90": _at(ordered, 0.9, first),
        "low": Estimate(seconds=ordered[ranks[0] - 1].seconds, at_least=first < ranks[0]),
    }
    return figures, next(_halves(ordered), Estimate(seconds=ordered[-1].seconds, at_least=True))


def _at(ordered: Sequence[CensoredTime], share: float, first: int) -> Estimate:
    low, rest = divmod(share * (len(ordered) - 1), 1)
    below, above = ordered[int(low)].seconds, ordered[math.ceil(low + rest)].seconds
    return Estimate(seconds=below + (above - below) * rest, at_least=first <= math.ceil(low + rest))


def _halves(ordered: Sequence[CensoredTime]) -> Iterator[Estimate]:
    """Kaplan and Meier's curve step by step; where it crosses one half."""
    share, half = 1.0, None
    for waiting, value in zip(range(len(ordered), 0, -1), ordered, strict=True):
        if not value.censored:
            if half is not None:
                yield Estimate(seconds=(half + value.seconds) / 2)
            share *= 1 - 1 / waiting
            if share < 0.5 - 1e-12:
                yield Estimate(seconds=value.seconds)
            half = value.seconds if share <= 0.5 + 1e-12 else None
    if half is not None:
        yield Estimate(seconds=half)
