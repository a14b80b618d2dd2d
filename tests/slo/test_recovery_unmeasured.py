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


@pytest.mark.parametrize(("unmeasured_s", "broken"), [(0.5, False), (4, False), (6, True)])
def test_only_a_gap_that_could_hide_an_outage_claims_that_there_may_have_been_one(
    unmeasured_s: float, broken: bool
) -> None:
    traffic = Traffic(50, 40, lambda t, i: GOOD)
    traffic.samples = [s for s in traffic.samples if not 10 <= since(s.intended_ns) < 10 + unmeasured_s]
    search = recovery.Recovery({"storefront": traffic.series}, [AVAILABLE], 5, at(10))
    found = [search.tick(now) for now in traffic.ticks()][-1]
    assert found is not None
    assert found.broken is broken
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


def counted(step_s: float, seconds: float, events: Callable[[int], int | None]) -> Counts:
    """A reading each `step_s` with so many events (None: it was lost), all bad from 60 to 100 s; settled before that."""
    series = Counts("team", step_s)
    for number in range(1, int(seconds / step_s) + 1):
        moment = number * step_s
        if (total := events(number)) is not None:
            series.count([Point(at(moment), total if 60 < moment <= 100 else 0, total)])
            series.seen(at(moment))
        if moment <= 60 < moment + step_s:
            series.settle()
    return series


TEAM = Objective("team", "team", "availability", 0.99)


def test_readings_that_came_and_held_few_events_take_no_recovery_back() -> None:
    """0.5 events a second read every 5 s: a slice of 10 s that holds two or none is chance, and it was measured."""
    few = {24, 27, 28, 30, 31, 32}
    series = counted(5, 160, lambda n: 0 if n in few else 3)
    search = recovery.Recovery({"team": series}, [TEAM], 5, at(60))
    found = search.tick(at(160))
    assert found is not None
    assert (since(found.at_ns), found.unmeasured_s, search.unwatched_ns) == (pytest.approx(100, abs=11), 0, None)


def test_a_dead_service_whose_metrics_answer_no_events_has_not_recovered() -> None:
    series = counted(5, 160, lambda n: 0 if n > 16 else 3)
    search = recovery.Recovery({"team": series}, [TEAM], 5, at(60))
    assert search.tick(at(160)) is None
    assert search.unwatched_ns is None


@pytest.mark.parametrize("step_s", [10, 15, 30])
def test_a_lost_reading_or_two_take_no_recovery_back_and_a_hole_that_no_verdict_bears_does(step_s: int) -> None:
    def stands(lost: int) -> bool:
        first = 200 // step_s + 1
        series = counted(step_s * 1.002, 200 + 10 * step_s, lambda n: None if first <= n < first + lost else 1)
        search = recovery.Recovery({"team": series}, [TEAM], 5, at(60))
        edge = at(step_s * 1.002 * (first + lost)) + 1
        series.seen(edge)
        found = search.tick(edge + 200_000_000)
        return found is not None and search.unwatched_ns is None and found.unmeasured_s == 0

    assert (stands(0), stands(1), stands(2), stands(6)) == (True, True, True, False)


def test_a_silent_source_hides_nothing_that_our_own_traffic_shows_to_be_bad() -> None:
    def told(bad_until: float) -> tuple[recovery.Recovery, recovery.Recovered | None]:
        traffic = Traffic(50, 150, lambda t, i: REFUSED if 10 <= t < bad_until else GOOD)
        team = counted(1, 20, lambda n: 100)
        team.trouble = "team: it answered HTTP 503"
        search = recovery.Recovery({"storefront": traffic.series, "team": team}, [AVAILABLE, TEAM], 5, at(10))
        return search, [search.tick(now) for now in traffic.ticks()][-1]

    search, found = told(150)
    assert (found, search.unwatched_ns) == (None, None)
    search, found = told(120)
    assert found is None
    assert (search.hurt_ns, search.unwatched_ns) == (at(120), at(120))
