"""Counters become events: growth is counted once, a restart loses nothing, a series born later begins at zero."""

from __future__ import annotations

from runner.slo.counter import Differences, Fresh, Whole


def test_the_first_look_counts_nothing_and_what_grows_afterwards_counts_once() -> None:
    differences = Differences()
    assert differences.take({"a": [(1.0, 70.0), (2.0, 80.0)]}) == {}
    assert differences.take({"a": [(2.0, 80.0), (3.0, 85.0), (4.0, 85.0)]}) == {3.0: 5.0, 4.0: 0.0}
    assert differences.take({"a": [(3.0, 85.0), (4.0, 85.0)]}) == {}


def test_a_value_that_falls_is_a_restart_and_all_of_it_is_new() -> None:
    differences = Differences()
    differences.take({"a": [(1.0, 1000.0)]})
    assert differences.take({"a": [(2.0, 1004.0), (3.0, 7.0), (4.0, 9.0)]}) == {2.0: 4.0, 3.0: 7.0, 4.0: 2.0}
    assert differences.resets == 1


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
