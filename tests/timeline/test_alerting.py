"""What alerts say about a fault: which of them are its own, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runner.timeline import alerting
from runner.timeline.alerting import Floor, Seen, Wanted
from runner.timeline.record import Mark

INJECTED = 100 * 10**9


def seen(stage: str, at_s: float, alert: str = "Errors", **labels: str) -> Seen:
    """One alert in one stage, `at_s` seconds after the injection."""
    mono_ns = INJECTED + round(at_s * 1e9)
    return Seen(stage=stage, alert=alert, key=alert, source="test", mono_ns=mono_ns, error_s=0.0, labels=labels)


def kinds(*told: Seen, hurt: bool = True, **wanted: str | Mapping[str, str]) -> list[str]:
    asked = Wanted(**wanted)  # type: ignore[arg-type]
    return [p.kind for p in alerting.problems(told, asked, INJECTED, hurt=hurt)]


def test_an_alert_that_fires_after_the_fault_is_its_own() -> None:
    own = [seen("pending", 1), seen("firing", 2), seen("notified", 3)]
    assert [s.stage for s in alerting.fresh(own, INJECTED)] == ["pending", "firing", "notified"]
    assert kinds(*own) == []


def test_one_that_was_firing_before_says_nothing_even_when_it_goes_on() -> None:
    old = [seen("firing", -5), seen("notified", 3)]
    assert alerting.fresh(old, INJECTED) == []
    assert kinds(*old) == ["already-firing", "missing"]


def test_what_only_says_that_it_was_received_or_told_is_an_alert_all_the_same() -> None:
    incident = [seen("received", 3), seen("notified", 5), seen("acknowledged", 9)]
    assert kinds(*incident) == []
    assert kinds(*incident, alert="Errors", labels={"team": "a"}) == ["wrong-team"]
    assert kinds(seen("notified", 5)) == []
    before = [seen("received", -90), seen("notified", 5), seen("acknowledged", 9)]
    assert alerting.fresh(before, INJECTED) == []
    assert kinds(*before) == ["already-firing", "missing"]


def test_what_a_source_wrote_down_is_new_only_where_nobody_saw_it_within_the_errors() -> None:
    polled = [replace(seen("firing", 2), error_s=0.2)]
    told = [
        replace(seen(stage, at_s), error_s=1.0) for stage, at_s in (("firing", 3.1), ("resolved", 3), ("firing", 9))
    ]
    assert alerting.unseen(told, polled) == told[1:]


def test_what_only_one_system_calls_fired_is_what_the_file_expects_of() -> None:
    both = [seen("firing", 2, drill="true"), seen("received", 3, "Shop is down"), seen("notified", 4, "Shop is down")]
    assert kinds(*both, drill={"drill": "true"}) == ["drill-only"]
    assert kinds(*both, alert="Errors", labels={"drill": "true"}) == []


def test_it_was_noticed_sooner_only_where_that_is_further_than_the_clocks_can_be_wrong() -> None:
    known = [Mark(name="detected", at=datetime(2026, 1, 1, tzinfo=UTC), mono_ns=INJECTED + 9 * 10**9, error_s=0.5)]
    assert alerting.sooner(seen("firing", 8.4), known)
    assert not alerting.sooner(seen("firing", 8.6), known)
    assert not alerting.sooner(seen("firing", 12), known)
    assert alerting.sooner(seen("firing", 12), [])


def test_one_that_was_resolved_before_and_fires_again_is_its_own() -> None:
    again = [seen("firing", -9), seen("resolved", -5), seen("firing", 2)]
    assert [s.mono_ns > INJECTED for s in alerting.fresh(again, INJECTED)] == [True]
    assert kinds(*again) == []


def test_the_end_of_an_earlier_alert_is_not_the_end_of_ours() -> None:
    both = [seen("firing", -9), seen("resolved", 0.5), seen("pending", 1), seen("firing", 2), seen("resolved", 9)]
    assert [(s.stage, (s.mono_ns - INJECTED) / 1e9) for s in alerting.fresh(both, INJECTED)] == [
        ("pending", 1), ("firing", 2), ("resolved", 9)
    ]  # fmt: skip
    assert alerting.fresh([seen("resolved", 0.5)], INJECTED) == []


def test_a_notification_that_comes_late_of_an_alert_from_before_is_not_ours() -> None:
    late = replace(seen("notified", 0.1), began_ns=INJECTED - 7 * 10**9)
    ours = replace(seen("notified", 4), began_ns=INJECTED + 2 * 10**9)
    assert alerting.fresh([late, seen("firing", 2), ours], INJECTED)[0].stage == "firing"
    assert alerting.fresh([late], INJECTED) == []
    assert alerting.fresh([ours], INJECTED) == [ours]


def test_a_missing_alert_is_none_where_users_felt_nothing_and_none_is_expected() -> None:
    assert kinds(hurt=True) == ["missing"]
    assert kinds(hurt=False) == []
    assert kinds(hurt=False, alert="Errors") == ["missing"]


def test_the_expected_one_after_another_is_told() -> None:
    assert kinds(seen("firing", 1, "Disk"), seen("firing", 4), alert="Errors") == ["other-first"]
    (said,) = alerting.problems(
        [seen("firing", 1, "Disk"), seen("firing", 4)], Wanted(alert="Errors"), INJECTED, hurt=True
    )
    assert said.sentence == "Disk fired first, the expected Errors 3.0s after it"
    assert kinds(seen("firing", 1, "Disk"), alert="Errors") == ["missing"]


@pytest.mark.parametrize(("team", "found"), [("a", []), ("b", ["wrong-team"])])
def test_an_alert_for_the_wrong_team(team: str, found: list[str]) -> None:
    assert kinds(seen("firing", 1, team=team), labels={"team": "a"}) == found


def test_an_alert_of_the_drill_only() -> None:
    drilled, real = seen("firing", 1, drill="true"), seen("firing", 2, "Real")
    assert kinds(drilled, drill={"drill": "true"}) == ["drill-only"]
    assert kinds(drilled, real, drill={"drill": "true"}) == []


def test_fired_but_not_notified_names_the_reason() -> None:
    floor = Floor(parts={"for": 1.0, "group_wait": 30.0})
    said = alerting.unnotified(["firing"], floor, 15.0, listened=True)
    assert said is not None
    assert said.startswith("fired, not notified: the fault (15.0s) was shorter")
    assert "group_wait (30s)" in said
    assert (
        alerting.unnotified(["firing"], floor, 60.0, listened=True)
        == "fired, not notified: no notification was received while chaos-run listened"
    )
    assert alerting.unnotified(["firing", "notified"], floor, 15.0, listened=True) is None
    assert alerting.unnotified(["firing"], floor, 15.0, listened=False) is None
    assert str(alerting.unnotified(["received"], floor, 60.0, listened=True)).startswith("received, not notified")


def test_the_floor_of_a_pipeline_is_the_sum_of_its_parts_in_order() -> None:
    whole = alerting.joined([Floor(parts={"group_wait": 30}), Floor(parts={"scrape": 15, "for": 60, "evaluation": 15})])
    assert list(whole.parts) == ["scrape", "evaluation", "for", "group_wait"]
    assert whole.seconds == 120


def ended(*told: Seen, alert: str | None = None) -> tuple[float | None, Mapping[str, int]]:
    found = alerting.ending(told, "test", alert)
    return found.resolved and (found.resolved.mono_ns - INJECTED) / 1e9, found.flaps


def test_the_last_all_clear_is_the_end_and_one_that_was_taken_back_is_none() -> None:
    flapping = [seen("firing", 2), seen("resolved", 5), seen("firing", 7), seen("resolved", 11)]
    assert ended(*flapping[:2]) == (5, {})
    assert ended(*flapping[:3]) == (None, {"Errors": 1})
    assert ended(*flapping) == (11, {"Errors": 1})
    assert ended() == (None, {})


def test_it_is_over_when_the_last_of_several_alerts_is_or_the_expected_one() -> None:
    two = [seen("firing", 2), seen("firing", 3, "Slow"), seen("resolved", 5)]
    assert ended(*two) == (None, {})
    assert ended(*two, seen("resolved", 9, "Slow")) == (9, {})
    assert ended(*two, alert="Errors") == (5, {})
    assert ended(*two, alert="Other") == (None, {})


def test_what_other_sources_say_of_the_same_alert_is_not_mixed_in() -> None:
    other = replace(seen("resolved", 3), source="other")
    assert ended(seen("notified", 2), other, seen("resolved", 8)) == (8, {})


def test_what_fires_again_with_its_old_date_was_never_over() -> None:
    before = [seen("firing", 2), seen("resolved", 5)]
    now = INJECTED + 7 * 10**9
    (again,) = alerting.taken_back([seen("firing", 2)], before, now, now - 10**9)
    assert (again.mono_ns, again.error_s) == (now, 1.0)
    fresh = [seen("pending", 5.5), seen("firing", 6.5)]
    assert alerting.taken_back(fresh, before, now, now) == fresh
    elsewhere = [replace(seen("firing", 2), source="other")]
    assert alerting.taken_back(elsewhere, before, now, now) == elsewhere


def test_an_alert_that_nobody_could_see_is_unknown_and_not_missing() -> None:
    blind = "prometheus could not be asked for 13s"
    (said,) = alerting.problems([], Wanted(), INJECTED, hurt=True, unwatched=blind)
    assert (said.kind, said.sentence) == ("unknown", f"whether an alert fired is unknown: {blind}")
    (said,) = alerting.problems(
        [seen("firing", 1, "Disk")], Wanted(alert="Errors"), INJECTED, hurt=True, unwatched=blind
    )
    assert said.sentence == f"whether the expected alert Errors fired is unknown: {blind}"
    assert alerting.problems([seen("firing", 1)], Wanted(), INJECTED, hurt=True, unwatched=blind) == []


def test_who_was_suppressed_is_told_by_that_and_not_by_how_short_the_fault_was() -> None:
    floor = Floor(parts={"for": 1.0, "group_wait": 30.0})
    why = ["alertmanager suppressed Errors: inhibited by ClusterDown"]
    assert alerting.unnotified(["firing"], floor, 5.0, listened=True, muted=why) == f"fired, not notified: {why[0]}"
    assert alerting.unnotified(["firing", "notified"], floor, 5.0, listened=True, muted=why) is None
