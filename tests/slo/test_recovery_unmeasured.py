"""Recovery where something was not measured: neither good nor bad, and never longer held than it was seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runner.slo import recovery
from runner.slo.counts import Counts, Point
from runner.slo.objective import Objective
from runner.slo.sample import Sample
from tests.slo.traffic import GOOD, REFUSED, Traffic, at, since

AVAILABLE = Objective("availability", "storefront", "availability", 0.99)


def late(sample: Sample) -> Sample | None:
    return sample._replace(late_us=900_000)


def never(_: Sample) -> Sample | None:
    return None


def outage_of_3_s(
    lost: Callable[[Sample], Sample | None], first: float, end: float, seconds: float, stable_s: float = 5
) -> tuple[recovery.Recovery, recovery.Recovered | None]:
    """From 10 s on, an outage of 3 s; what was due between the two moments after its beginning was not measured."""
    traffic = Traffic(50, 10 + seconds, lambda t, i: REFUSED if 10 <= t < 13 else GOOD)
    hidden = ((lost(s) if first <= since(s.intended_ns) - 10 < end else s) for s in traffic.samples)
    traffic.samples = [s for s in hidden if s is not None]
    search = recovery.Recovery({"storefront": traffic.series}, [AVAILABLE], stable_s, at(10))
    found = None
    for now in traffic.ticks():
        found = search.tick(now)
    return search, found


@pytest.mark.parametrize("lost", [late, never])
def test_the_error_spans_from_the_last_bad_to_the_first_good_that_was_measured(
    lost: Callable[[Sample], Sample | None],
) -> None:
    _, found = outage_of_3_s(lost, 3, 9, 40)
    assert found is not None
    earliest, latest = (since(found.at_ns) - 10 + sign * found.error_s for sign in (-1, 1))
    assert 2 <= earliest <= 3
    assert 9 <= latest <= 10.5
    assert found.unmeasured_s == pytest.approx(6, abs=0.5)


def test_a_stretch_that_nobody_watches_any_more_is_not_held_to_the_end() -> None:
    search, found = outage_of_3_s(never, 6, 40, 40, stable_s=2)
    assert found is None
    assert search.unwatched_ns == at(16)
    assert search.hurt_ns == at(13)


def test_an_outage_might_have_been_in_what_was_not_watched_in_the_middle() -> None:
    search, found = outage_of_3_s(never, 8, 20, 40)
    assert found is not None
    assert search.unwatched_ns is None
    assert since(found.at_ns) - 10 - found.error_s <= 3
    assert since(found.at_ns) - 10 + found.error_s >= 20


def test_a_slice_that_is_missing_in_a_stretch_that_holds_changes_nothing() -> None:
    _, found = outage_of_3_s(never, 9, 9.5, 40)
    assert found is not None
    assert (since(found.at_ns) - 10, found.error_s, found.unmeasured_s) == (3, 0.5, 0)


def test_that_nothing_is_measured_after_the_end_takes_nothing_back() -> None:
    traffic = Traffic(50, 40, lambda t, i: REFUSED if 10 <= t < 13 else GOOD)
    ended, open_end = (recovery.Recovery({"storefront": traffic.series}, [AVAILABLE], 1, at(10)) for _ in range(2))
    for now in traffic.ticks():
        ended.tick(now)
    found = ended.tick(at(60), at(40))
    assert found is not None
    assert (since(found.at_ns), found.unmeasured_s, ended.unwatched_ns) == (13, 0, None)
    assert open_end.tick(at(60)) is None


def test_that_no_objective_was_missed_is_not_said_of_what_was_not_measured() -> None:
    traffic = Traffic(50, 40, lambda t, i: GOOD)
    traffic.samples = [s for s in traffic.samples if not 10 <= since(s.intended_ns) < 14]
    search = recovery.Recovery({"storefront": traffic.series}, [AVAILABLE], 5, at(10))
    found = [search.tick(now) for now in traffic.ticks()][-1]
    assert found is not None
    assert found.broken
    assert since(found.at_ns) - found.error_s <= 10


def read(until: int) -> Counts:
    """A reading a second, an outage from 30 to 40 s, no scrape from 40 to 50 s, and nothing at all from `until` on."""
    series = Counts("storefront", 1.0)
    for second in range(1, min(until, 80) + 1):
        if not 40 < second < 50:
            series.count([Point(at(second), 100 if 30 < second <= 40 else 0, 100)])
        series.seen(at(second))
        if second == 29:
            series.settle()
    return series


def test_scrapes_that_are_missing_are_not_an_outage() -> None:
    found = recovery.Recovery({"storefront": read(80)}, [AVAILABLE], 5, at(30)).tick(at(80))
    assert found is not None
    assert since(found.at_ns) - found.error_s <= 40
    assert since(found.at_ns) + found.error_s >= 50
    assert found.error_s == pytest.approx(found.unmeasured_s / 2 + 3)


def test_a_source_that_is_silent_holds_no_stretch() -> None:
    series = read(60)
    search = recovery.Recovery({"storefront": series}, [AVAILABLE], 5, at(30))
    assert search.tick(at(60)) is not None
    series.trouble = "team: it answered HTTP 503"
    assert search.tick(at(80)) is None
    assert search.unwatched_ns == pytest.approx(at(60), abs=2e9)
