"""The moments of an incident: when it was felt, when the built-in rule noticed, since when it is over."""

from __future__ import annotations

import random

import pytest

from runner.slo import burn_rule, effect, recovery
from runner.slo.objective import Objective
from runner.slo.sample import Flag
from runner.slo.series import Series
from tests.slo.traffic import GOOD, REFUSED, START, Story, Traffic, at, since

AVAILABLE = Objective("availability", "storefront", "availability", 0.99)


def felt(story: Story, seconds: float = 40, rate: float = 100) -> effect.Effect | None:
    """What a watch on the first ten seconds as baseline reports."""
    traffic, watch = Traffic(rate, seconds, story), None
    for now in traffic.ticks():
        if now >= at(10):
            watch = watch or effect.Watch(traffic.series, (START, now), now)
            if found := watch.tick(now):
                return found
    return None


def usual(random_: random.Random, factor: float = 1.0) -> tuple[int, float]:
    return 0, 0.002 + factor * random_.expovariate(1 / 0.003)


@pytest.mark.parametrize("rate", [20, 100])
def test_traffic_that_stays_as_it_was_shows_no_effect(rate: int) -> None:
    random_ = random.Random(1)
    assert [felt(lambda t, i: usual(random_), 30, rate) for _ in range(12)] == [None] * 12


def test_a_fault_is_felt_at_its_first_bad_request() -> None:
    found = felt(lambda t, i: REFUSED if t >= 17.33 else GOOD)
    assert found is not None
    assert since(found.at_ns) == pytest.approx(17.33, abs=found.error_s)
    assert found.error_s == pytest.approx(
        0.05 + 3 / 100, abs=0.002
    )  # the bucket, and what chance may have spared before it
    assert ") failed; evidence" in found.how


def test_a_latency_that_people_feel_is_an_effect_without_a_single_failure() -> None:
    random_ = random.Random(2)
    found = felt(lambda t, i: usual(random_, 25.0 if t >= 20 else 1.0))
    assert found is not None
    assert since(found.at_ns) == pytest.approx(20, abs=2 * found.error_s)
    assert "which was rare in the baseline" in found.how


def test_a_few_milliseconds_more_are_no_effect_on_users() -> None:
    random_ = random.Random(2)
    assert felt(lambda t, i: usual(random_, 3.0 if t >= 20 else 1.0)) is None


def test_errors_the_baseline_had_already_are_no_effect() -> None:
    assert felt(lambda t, i: (int(Flag.UNEXPECTED), 0.002) if i % 10 == 0 else GOOD) is None


def fires(story: Story, burn: float = 14.4, objective: Objective = AVAILABLE, rate: float = 100) -> float | None:
    traffic = Traffic(rate, 90, story)
    rule = burn_rule.BurnRule(objective, traffic.series, burn)
    return next((since(now) for now in traffic.ticks() if rule.tick(now)), None)


def test_the_burn_rate_rule_fires_when_a_minute_holds_too_much() -> None:
    """14.4 times 1 % of the 6,000 requests of a minute are 864: 8.64 s of a full outage, from a young window as from an old."""
    assert fires(lambda t, i: REFUSED if t >= 5 else GOOD) == pytest.approx(13.65, abs=0.1)
    assert fires(lambda t, i: REFUSED if t >= 75 else GOOD) == pytest.approx(83.65, abs=0.1)
    assert fires(lambda t, i: REFUSED if i % 8 == 0 else GOOD) is None


def test_a_generous_objective_still_notices_an_outage() -> None:
    generous = Objective("availability", "storefront", "availability", 0.9)
    assert fires(lambda t, i: REFUSED if t >= 5 else GOOD, objective=generous) == pytest.approx(59, abs=1)


def test_the_burn_rate_window_is_widened_to_ten_requests() -> None:
    strict = Objective("availability", "storefront", "availability", 0.9999)
    assert burn_rule.BurnRule(strict, Series("storefront", 10, 1.0)).window_s == pytest.approx(694, abs=1)


def recovered(story: Story, stable_s: float = 5, seconds: float = 40) -> tuple[float, float] | None:
    """When it recovered, and when that was known."""
    traffic = Traffic(100, seconds, story)
    search = recovery.Recovery({"storefront": traffic.series}, [AVAILABLE], stable_s, at(10))
    return next(((since(found.at_ns), since(now)) for now in traffic.ticks() if (found := search.tick(now))), None)


def test_recovery_is_stamped_at_its_first_good_slice_and_known_once_it_was_stable() -> None:
    found = recovered(lambda t, i: REFUSED if 12 <= t < 20 else GOOD, stable_s=10)
    assert found is not None
    assert found[0] == pytest.approx(20, abs=0.51)
    assert found[1] == pytest.approx(found[0] + 10.1, abs=0.1)


def test_what_never_comes_back_never_recovers() -> None:
    assert recovered(lambda t, i: REFUSED if t >= 11 else GOOD) is None


def test_hanging_requests_are_not_a_recovery() -> None:
    assert recovered(lambda t, i: (int(Flag.TIMEOUT), 1.0) if t >= 11 else GOOD) is None


def test_too_short_a_look_cannot_call_it_recovered() -> None:
    assert recovered(lambda t, i: GOOD, stable_s=30, seconds=39) is None


def test_without_an_objective_there_is_nothing_to_be_recovered() -> None:
    traffic = Traffic(100, 20, lambda t, i: GOOD)
    search = recovery.Recovery({"storefront": traffic.series}, [], 1, START)
    assert all(search.tick(now) is None for now in traffic.ticks())


def stood(
    story: Story, *, stable_s: float = 2, seconds: float = 30, objective: Objective = AVAILABLE, rate: float = 100
) -> recovery.Recovery:
    """The search, fed to the end of the traffic."""
    traffic = Traffic(rate, seconds, story)
    search = recovery.Recovery({"storefront": traffic.series}, [objective], stable_s, at(10))
    for now in traffic.ticks():
        search.tick(now)
    return search


HALF = Objective("availability", "storefront", "availability", 0.5)


@pytest.mark.parametrize("stable_s", [2, 10])
@pytest.mark.parametrize("objective", [AVAILABLE, HALF], ids=["99%", "50%"])
def test_a_pause_between_two_outages_is_no_recovery(objective: Objective, stable_s: float) -> None:
    search = stood(
        lambda t, i: REFUSED if 10 <= t < 11.5 or 16 <= t < 19 else GOOD, stable_s=stable_s, objective=objective
    )
    found = search.tick(at(30))
    assert found is not None
    assert abs(since(found.at_ns) - 19) <= found.error_s == 0.5
    assert [(since(a), since(b)) for a, b in search.pauses] == [(11.5, 16.0)]


def test_a_recovery_that_was_told_is_taken_back_by_the_next_outage() -> None:
    traffic = Traffic(100, 40, lambda t, i: REFUSED if 10 <= t < 12 or 30 <= t < 33 else GOOD)
    search = recovery.Recovery({"storefront": traffic.series}, [AVAILABLE], 5, at(10))
    told = {since(now): search.tick(now) for now in traffic.ticks()}
    assert [at_s is not None for at_s in (told[20.0], told[32.0], told[36.0], told[39.0])] == [True, False, False, True]
    last = told[40.0]
    assert last is not None
    assert since(last.at_ns) == 33.0


def test_a_first_sign_that_was_none_does_not_make_the_time_to_recover_zero() -> None:
    """`effective` was chance at 10 s, the outage came 15 s later."""
    search = stood(lambda t, i: REFUSED if 25 <= t < 27.6 else GOOD, seconds=35)
    found = search.tick(at(35))
    assert found is not None
    assert since(found.at_ns) == pytest.approx(27.6, abs=found.error_s)
    assert [(since(a), since(b)) for a, b in search.pauses] == [(10.0, 25.0)]


def test_stray_errors_neither_move_nor_undo_a_recovery() -> None:
    """One in 500 at an objective of 99 %."""
    found = stood(lambda t, i: REFUSED if 10 <= t < 12 or i % 500 == 7 else GOOD, seconds=60).tick(at(60))
    assert found is not None
    assert since(found.at_ns) == pytest.approx(12, abs=0.5)


def test_where_no_objective_was_missed_there_was_nothing_to_recover_from() -> None:
    found = stood(lambda t, i: REFUSED if i % 500 == 7 else GOOD, seconds=60).tick(at(60))
    assert found is not None
    assert not found.broken
    hurt = stood(lambda t, i: REFUSED if 12 <= t < 13 else GOOD).tick(at(30))
    assert hurt is not None
    assert hurt.broken


def test_a_partial_outage_is_not_over_because_one_slice_of_it_was_clean() -> None:
    """10 % at 20 a second: 3 in 10 slices of half a second have none at all; the error says how long it may hide."""
    random_, inside = random.Random(7), 0
    for _ in range(40):
        end = 20 + random_.random()
        hit = {i for i in range(800) if random_.random() < 0.1}
        found = stood(
            lambda t, i, end=end, hit=hit: REFUSED if t < end and i in hit else GOOD,  # type: ignore[misc]
            rate=20, seconds=40, stable_s=5).tick(at(40))  # fmt: skip
        assert found is not None
        assert found.error_s >= 1.0
        inside += abs(since(found.at_ns) - end) <= found.error_s
    assert inside >= 38
