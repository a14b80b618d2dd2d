"""Guards fail closed, and say why with the numbers."""

from __future__ import annotations

import pytest

from runner.slo.guard import Guard
from runner.slo.guard_set import GuardSet
from runner.slo.guards import GUARDS
from runner.slo.guards.budget import BudgetSpent
from runner.slo.guards.burn_rate import BurnRate
from runner.slo.guards.check import CheckBad
from runner.slo.guards.connection_errors import ConnectionErrors
from runner.slo.guards.duration import Duration
from runner.slo.guards.error_ratio import ErrorRatio
from runner.slo.guards.evidence import Evidence
from runner.slo.guards.latency import Latency
from runner.slo.guards.no_data import NoData
from runner.slo.guards.timeout_ratio import TimeoutRatio
from runner.slo.objective import Objective
from runner.slo.sample import Flag
from runner.slo.series import Series
from tests.slo.traffic import GOOD, REFUSED, SECOND, START, Story, Traffic, at, since

AVAILABLE = Objective("availability", "storefront", "availability", 0.99)
LATENCY = Objective("latency", "storefront", "latency", 0.95, 0.5)
RULES: dict[str, Guard] = {
    "error_ratio": ErrorRatio("storefront", 0.3, 5),
    "timeout_ratio": TimeoutRatio("storefront", 0.3, 5),
    "latency": Latency("storefront", 0.4, 95, 5),
    "connection_errors": ConnectionErrors("storefront", 3),
    "budget": BudgetSpent("availability", 0.0001),
    "evidence": Evidence("availability"),
}


def stopped(story: Story, *given: Guard, on_duty: float = 0, rate: float = 100):  # type: ignore[no-untyped-def]
    traffic = Traffic(rate, 30, story)
    guard = None
    for now in traffic.ticks():
        if guard is None and now >= at(on_duty):
            guard = GuardSet(given, {"storefront": traffic.series}, [AVAILABLE, LATENCY], at(on_duty))
        if guard and (breach := guard.tick(now, now)):
            return since(now), breach, guard
    return None, None, guard


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        ("error_ratio", REFUSED),
        ("timeout_ratio", (int(Flag.TIMEOUT), 1.0)),
        ("latency", (0, 0.9)),
        ("connection_errors", REFUSED),
        ("budget", REFUSED),
        ("evidence", REFUSED),
    ],
)
def test_each_rule_lets_good_traffic_pass_and_stops_its_own_trouble(kind: str, bad: tuple[int, float]) -> None:
    assert stopped(lambda t, i: GOOD, RULES[kind])[1] is None
    moment, breach, _ = stopped(lambda t, i: bad if t >= 10 else GOOD, RULES[kind], on_duty=8)
    assert breach.key == kind
    assert 10 < moment <= 15
    assert since(breach.since_ns) == pytest.approx(10, abs=2.05)
    assert any(c.isdigit() for c in breach.sentence)


@pytest.mark.parametrize("kind", ["error_ratio", "budget", "evidence"])
@pytest.mark.parametrize("ratio", [1.0, 0.4])
@pytest.mark.parametrize("begun", [10.03, 10.3, 10.62, 10.97])
def test_a_guard_says_since_when_and_how_far_off_that_may_be(kind: str, ratio: float, begun: float) -> None:
    """With a stray error a second before, which is none of it."""

    def story(t: float, i: int) -> tuple[int, float]:
        return REFUSED if i % 100 == 50 or (t >= begun and int((i + 1) * ratio) > int(i * ratio)) else GOOD

    _, breach, _ = stopped(story, RULES[kind], on_duty=8)
    assert abs(since(breach.since_ns) - begun) <= breach.error_s <= 0.4


def test_a_decisive_count_does_not_wait_for_a_full_window() -> None:
    moment, breach, _ = stopped(lambda t, i: REFUSED, ErrorRatio("storefront", 0.3, 10))
    assert moment == pytest.approx(3.05, abs=0.06)
    assert (
        breach.sentence
        == "storefront: more than 30 % bad over 10s: 100 % bad (305/305) in the first 3s, enough for the whole 10s"
    )


def test_a_blip_that_the_window_forgives_does_not_stop_it_when_it_comes_first() -> None:
    assert stopped(lambda t, i: REFUSED if t < 2 else GOOD, ErrorRatio("storefront", 0.3, 10))[1] is None


def test_a_window_too_short_to_mean_anything_is_widened() -> None:
    """10 req/s and 1 % hold one bad request in 10 s: it takes more than ten of them, not one, in 100 s."""
    rule = ErrorRatio("storefront", 0.01, 10)
    assert stopped(lambda t, i: REFUSED if i == 50 else GOOD, rule, rate=10)[1] is None
    assert stopped(lambda t, i: REFUSED if 50 <= i < 60 else GOOD, rule, rate=10)[1] is None
    assert stopped(lambda t, i: REFUSED if 50 <= i < 61 else GOOD, rule, rate=10)[1] is not None


def test_no_data_stops_a_run_without_any_rule() -> None:
    series = Series("storefront", 50, 1.0)
    guard = GuardSet([], {"storefront": series}, [AVAILABLE], START)
    series.absorb([], [], at(9.9))
    assert guard.tick(at(9.9)) is None
    breach = guard.tick(at(10.1))
    assert breach is not None
    assert breach.key == "no_data"
    assert "never measured" in breach.sentence


def test_a_low_rate_is_given_three_slices_before_it_counts_as_silent() -> None:
    guard = GuardSet([], {"storefront": Series("storefront", 10, 1.0)}, [], START)
    assert guard.tick(at(29.9)) is None
    assert guard.tick(at(30.1)) is not None


def test_one_silent_indicator_of_two_is_enough() -> None:
    traffic = Traffic(50, 20, lambda t, i: GOOD)
    guard = GuardSet([], {"storefront": traffic.series, "checkout": Series("checkout", 50, 1.0)}, [], START)
    breach = next(b for now in traffic.ticks() if (b := guard.tick(now)))
    assert breach.sentence.startswith("no data for 10s: checkout: it has never")


def test_a_dead_prober_stops_the_run() -> None:
    guard = GuardSet([], {}, [], START)
    assert guard.tick(at(5), at(4.1)) is None
    breach = guard.tick(at(5), at(3.9))
    assert breach is not None
    assert (breach.key, breach.since_ns) == ("prober", at(3.9))


def test_duration_needs_no_traffic() -> None:
    guard = GuardSet([Duration(10)], {}, [], START)
    assert guard.tick(at(9.9)) is None
    breach = guard.tick(at(10.1))
    assert breach is not None
    assert breach.since_ns == START + 10 * SECOND


def test_what_was_before_the_guard_came_on_duty_does_not_count() -> None:
    story: Story = lambda t, i: REFUSED if 9 < t < 10 or 10 < t < 11 else GOOD  # noqa: E731
    assert stopped(story, ErrorRatio("storefront", 0.3, 5))[1] is not None
    assert stopped(story, ErrorRatio("storefront", 0.3, 5), on_duty=10.0)[1] is None


def test_alpha_is_shared_out_over_the_objectives() -> None:
    both = [Evidence("availability", 0.01), Evidence("latency", 0.01)]
    guard = GuardSet(both, {"storefront": Series("storefront", 100, 1.0)}, [AVAILABLE, LATENCY], START)
    assert [round(r.limit) for g, r in guard.readings() if isinstance(g, Evidence)] == [200, 200]


def test_headroom_falls_to_nothing_as_trouble_grows() -> None:
    _, _, guard = stopped(lambda t, i: GOOD, *RULES.values())
    assert [g.sentence for g, _ in guard.readings()][:2] == [
        "storefront: more than 30 % bad over 5s",
        "storefront: more than 30 % timed out over 5s",
    ]
    assert all(r.headroom > 0.9 for g, r in guard.readings() if g.key != "no_data")
    _, breach, guard = stopped(lambda t, i: REFUSED if t > 10 else GOOD, RULES["error_ratio"])
    ratio, reading = guard.readings()[0]
    assert reading.headroom == 0
    assert (ratio.sentence, ratio.message(reading)) == (breach.condition, breach.sentence)


def test_a_guard_that_does_not_say_what_it_is_cannot_be_imported() -> None:
    with pytest.raises(TypeError, match="the guard Silent does not say its unit, users_hurt"):
        type("Silent", (Guard,), {"key": "silent"})


def test_every_guard_is_registered_by_its_key_and_says_itself_in_one_sentence() -> None:
    others = {
        "burn_rate": BurnRate("availability"),
        "no_data": NoData(),
        "duration": Duration(60),
        "check": CheckBad("pods"),
    }
    assert set(RULES) | set(others) == set(GUARDS)
    sentences = [guard.sentence for guard in (*RULES.values(), *others.values())]
    assert len(set(sentences)) == len(GUARDS)
