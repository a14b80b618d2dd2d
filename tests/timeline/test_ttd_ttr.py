"""TTD and TTR come from marks; what was cut short is a lower bound."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runner.timeline.mark import Mark
from runner.timeline.ttd_ttr import NEVER_MISSED, IncidentTimes, times


def marks(**seconds: float) -> list[Mark]:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return [Mark(name=name, at=now, mono_ns=int(at * 1e9), error_s=0.1) for name, at in seconds.items()]


def test_both_are_reckoned_from_the_impact_and_their_errors_add_up() -> None:
    found = times(
        marks(injected=10, effective=12, detected=15, undone=18, recovered=20), aborted=False, ended_ns=30 * 10**9
    )
    assert (found.ttd_s, found.ttd_from_injected_s, found.ttr_s) == (3.0, 5.0, 8.0)
    assert not found.ttd_censored
    assert not found.ttr_censored
    assert found.ttd_error_s == found.ttr_error_s == pytest.approx(0.2)


def test_an_incident_nobody_noticed_is_at_least_as_long_as_the_run() -> None:
    found = times(marks(injected=10, effective=12, recovered=20), aborted=False, ended_ns=30 * 10**9)
    assert (found.ttd_s, found.ttd_censored) == (18.0, True)
    assert (found.ttr_s, found.ttr_censored) == (8.0, False)


def test_an_abort_that_ended_the_fault_makes_the_recovery_a_lower_bound() -> None:
    found = times(marks(injected=10, effective=12, aborted=14, recovered=16), aborted=True, ended_ns=30 * 10**9)
    assert (found.ttr_s, found.ttr_censored) == (2.0, True)
    assert (found.ttd_s, found.ttd_censored) == (2.0, True)


def test_a_service_that_had_healed_itself_before_the_abort_has_a_true_recovery_time() -> None:
    found = times(marks(injected=10, effective=12, recovered=16, aborted=18), aborted=True, ended_ns=30 * 10**9)
    assert (found.ttr_s, found.ttr_censored) == (4.0, False)


def test_never_recovered_counts_until_the_end_also_after_an_abort() -> None:
    found = times(marks(injected=10, effective=12, aborted=14), aborted=True, ended_ns=30 * 10**9)
    assert (found.ttr_s, found.ttr_censored) == (18.0, True)


def test_where_nobody_watched_the_recovery_it_took_at_least_as_long_as_users_are_known_to_have_been_hurt() -> None:
    found = times(marks(injected=10, effective=12, unwatched=15), aborted=False, ended_ns=30 * 10**9)
    assert (found.ttr_s, found.ttr_censored) == (3.0, True)
    known = times(marks(injected=10, effective=12, unwatched=15, recovered=16), aborted=False, ended_ns=30 * 10**9)
    assert (known.ttr_s, known.ttr_censored) == (4.0, False)


def test_an_abort_in_time_that_was_not_measured_leaves_what_was_known_before() -> None:
    given = [
        replace(m, unmeasured_s=6.0) if m.name == "recovered" else m
        for m in marks(injected=10, effective=12, aborted=18, recovered=20)
    ]
    found = times(given, aborted=True, ended_ns=30 * 10**9)
    assert (found.ttr_s, found.ttr_censored) == (5.0, True)


def test_users_who_were_never_below_an_objective_have_no_recovery_time_of_zero() -> None:
    given = marks(injected=10, effective=12, recovered=12)
    held = [replace(m, source=NEVER_MISSED) if m.name == "recovered" else m for m in given]
    assert times(given, aborted=False, ended_ns=30 * 10**9).ttr_s == 0.0
    found = times(held, aborted=False, ended_ns=30 * 10**9)
    assert (found.ttr_s, found.ttr_censored, found.ttd_s) == (None, False, 18.0)


def test_users_never_hurt_leave_nothing_to_recover_from_and_nothing_to_miss() -> None:
    assert times(marks(injected=10, recovered=12), aborted=False, ended_ns=30 * 10**9) == IncidentTimes()


def test_noticed_although_no_user_was_hurt_counts_from_the_injection() -> None:
    found = times(marks(injected=10, detected=11), aborted=False, ended_ns=30 * 10**9)
    assert (found.ttd_s, found.ttd_censored, found.ttr_s) == (1.0, False, None)


def test_a_false_alarm_before_the_injection_is_no_detection() -> None:
    assert times(marks(detected=5, injected=10, effective=12), aborted=False, ended_ns=30 * 10**9).ttd_censored


def test_noticed_before_users_were_hurt_is_zero_not_negative() -> None:
    assert times(marks(injected=10, detected=11, effective=12), aborted=False, ended_ns=30 * 10**9).ttd_s == 0.0


def test_nothing_injected_has_no_times() -> None:
    assert times(marks(detected=3), aborted=False, ended_ns=10**9) == IncidentTimes()


def test_where_a_source_could_not_be_asked_nobody_is_said_to_have_missed_it_after_that() -> None:
    found = times(
        marks(injected=10, effective=12, recovered=20), aborted=False, ended_ns=30 * 10**9, unwatched_ns=15 * 10**9
    )
    assert (found.ttd_s, found.ttd_censored) == (3.0, True)
