"""Counters become events: growth is counted once, what a restart loses is told, a series born later begins at zero."""

from __future__ import annotations

import pytest

from runner.slo.counter import Differences, Fresh, Gap, Whole


def test_the_first_look_counts_nothing_and_what_grows_afterwards_counts_once() -> None:
    differences = Differences()
    assert differences.take({"a": [(1.0, 70.0), (2.0, 80.0)]}) == {}
    assert differences.take({"a": [(2.0, 80.0), (3.0, 85.0), (4.0, 85.0)]}) == {3.0: 5.0, 4.0: 0.0}
    assert differences.take({"a": [(3.0, 85.0), (4.0, 85.0)]}) == {}


def test_a_value_that_falls_is_a_restart_and_all_of_it_is_new() -> None:
    differences = Differences()
    differences.take({"a": [(1.0, 1000.0)]})
    assert differences.take({"a": [(2.0, 1004.0), (3.0, 7.0), (4.0, 9.0)]}) == {2.0: 4.0, 3.0: 7.0, 4.0: 2.0}
    assert [(g.since, g.at) for g in differences.gaps.values()] == [(2.0, 3.0)]


def test_what_a_restart_lost_is_about_its_rate_times_the_time_between_two_readings() -> None:
    differences = Differences()
    differences.take({"a": [(float(t), 50.0 * t) for t in range(1, 6)]})
    differences.take({"a": [(6.0, 300.0), (9.0, 20.0)]})  # a scrape is missing, too: 3 s
    (gap,) = differences.gaps.values()
    assert gap == Gap(6.0, 9.0, pytest.approx(150.0))
    differences.take({"a": [(10.0, 120.0), (11.0, 5.0)]})  # once more: by the rate of the short life between
    assert differences.gaps[11.0].events == pytest.approx(100.0)


def test_all_series_of_a_process_restart_once() -> None:
    differences = Differences()
    differences.take({"ok": [(1.0, 0.0), (2.0, 90.0)], "bad": [(1.0, 0.0), (2.0, 10.0)]})
    differences.take({"ok": [(3.0, 5.0)], "bad": [(3.0, 1.0)]})
    assert list(differences.gaps.values()) == [Gap(2.0, 3.0, pytest.approx(100.0))]


def test_a_series_that_comes_back_long_after_a_restart_was_lost_at_the_restart() -> None:
    differences = Differences()
    ok, bad, other = "code=200,instance=a,job=j", "code=500,instance=a,job=j", "code=200,instance=b,job=j"
    differences.take({ok: [(1.0, 0.0), (2.0, 90.0)], bad: [(1.0, 0.0), (2.0, 10.0)], other: [(1.5, 7.0)]})
    differences.take({ok: [(3.0, 5.0), (4.0, 6.0)], other: [(2.5, 8.0)]})
    differences.take({ok: [(20.0, 9.0)], bad: [(20.0, 1.0)], other: [(20.5, 9.0)]})
    assert list(differences.gaps.values()) == [Gap(2.0, 3.0, pytest.approx(100.0))]


def test_a_restart_before_we_began_is_none_of_ours() -> None:
    differences = Differences()
    differences.take({"a": [(1.0, 100.0), (2.0, 3.0), (3.0, 6.0)]})
    assert differences.gaps == {}


def test_a_sum_that_falls_counts_nothing_twice() -> None:
    differences = Differences(summed=True)
    differences.take({"": [(1.0, 3000.0), (2.0, 3010.0)]})
    assert differences.take({"": [(3.0, 2010.0), (4.0, 2020.0)]}) == {3.0: 0.0, 4.0: 10.0}
    assert differences.gaps[3.0].events == pytest.approx(10.0)


def test_a_series_that_is_read_no_more_is_told_once_it_is_over() -> None:
    differences = Differences()
    steady = [(float(t), 20.0 * t) for t in range(1, 31)]
    differences.take({"gone": steady[:10], "here": steady, "seldom": steady[::5]})
    assert list(differences.ended(30.0, 1.0)) == [Gap(10.0, 11.0, pytest.approx(20.0))]


def test_one_series_that_restarts_does_not_hide_in_the_sum_of_all() -> None:
    differences = Differences()
    differences.take({"a": [(1.0, 1000.0)], "b": [(1.0, 10.0)]})
    assert differences.take({"a": [(2.0, 0.0)], "b": [(2.0, 40.0)]}) == {2.0: 30.0}


def test_a_counter_born_with_its_first_error_does_not_lose_it() -> None:
    differences = Differences()
    differences.take({"ok": [(1.0, 5.0)]})
    assert differences.take({"ok": [(2.0, 6.0)], "errors": [(2.0, 3.0)]}) == {2.0: 4.0}


def test_a_series_that_was_away_goes_on_from_where_it_was() -> None:
    differences = Differences()
    differences.take({"a": [(1.0, 50.0)]})
    assert differences.take({}) == {}
    assert differences.take({"a": [(9.0, 53.0)]}) == {9.0: 3.0}


def test_a_reading_of_a_gauge_is_news_only_once() -> None:
    fresh = Fresh()
    assert fresh.take({"a": [(1.0, 0.1)]}) == []
    assert fresh.take({"a": [(1.0, 0.1), (2.0, 0.4)], "b": [(1.5, 0.3)]}) == [(1.5, 0.3), (2.0, 0.4)]
    assert fresh.take({"a": [(2.0, 0.4)]}) == []


def test_fractions_of_events_are_never_off_by_one_in_sum() -> None:
    whole, told, real = Whole(), 0, 0.0
    for events in (0.3, 0.3, 0.3, 2.25, 0.0, 0.9) * 40:
        told, real = told + whole.take(events), real + events
        assert abs(told - real) < 1
