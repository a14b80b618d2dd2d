"""A series answers like a plain search through all samples would, whatever was still pending."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.slo.objective import FAILED, TIMED_OUT, Criterion, Objective, unanswered_within
from runner.slo.sample import BAD, Flag, Sample
from runner.slo.series import BUCKET_NS, Series
from tests.slo.traffic import SECOND, START, TICK, Traffic, at, one

OUTCOMES = (0, 0, 0, int(Flag.TIMEOUT), int(Flag.CONNECTION), int(Flag.UNEXPECTED))


@given(st.integers(0, 10_000), st.integers(1, 59), st.integers(1, 59), st.integers(5, 300))
@settings(max_examples=40, deadline=None)
def test_windows_are_counted_as_a_plain_search_counts_them(seed: int, start: int, length: int, rate: int) -> None:
    random_ = random.Random(seed)
    traffic = Traffic(rate, 3, lambda t, i: (random_.choice(OUTCOMES), random_.random()))
    ticks = traffic.ticks()
    now = [next(ticks) for _ in range(random_.randrange(5, 59))][-1]
    first, end = START + start * TICK, min(now, START + (start + length) * TICK)
    window = [s for s in traffic.samples if first <= s.intended_ns < end]
    for criterion in (FAILED, TIMED_OUT, Criterion(BAD, 0.3), unanswered_within(0.2)):
        traffic.series.watch(criterion)
        tally = traffic.series.tally(criterion, first, max(first, end))
        ended = [s for s in window if s.intended_ns + s.latency_us * 1000 <= now]
        patience = criterion.patience_ns(1.0) or 0
        overdue = [s for s in window if s.intended_ns + s.latency_us * 1000 > now and now - s.intended_ns > patience]
        assert tally.scheduled == len(window)
        assert tally.counted == sum(map(criterion.matches, ended)) + len(overdue)
        assert tally.undecided == len(window) - len(ended) - len(overdue)


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 5)), max_size=60),
    st.integers(0, 2000),
    st.integers(0, 2000),
)
def test_long_windows_sum_up_blocks_and_lose_nothing(buckets: list[tuple[int, int]], a: int, b: int) -> None:
    series = Series("s", 20, 1.0)
    first, end = min(a, b), max(a, b)
    samples = [one(index * 0.05, int(Flag.TIMEOUT)) for index, count in buckets for _ in range(count)]
    series.watch(TIMED_OUT)
    series.absorb([one(0.0), *samples], [], at(200))
    expected = sum(count for index, count in buckets if first <= index < end)
    assert series.tally(TIMED_OUT, START + first * BUCKET_NS, START + end * BUCKET_NS).counted == expected


def test_neighbouring_windows_share_no_request_and_lose_none() -> None:
    traffic = Traffic(70, 5, lambda t, i: (0, 0.001))
    *_, now = traffic.ticks()
    edges = [START, START + 333_000_001, START + SECOND, START + 4 * SECOND + 17, now]
    parts = [traffic.series.tally(FAILED, a, b).scheduled for a, b in itertools.pairwise(edges)]
    assert sum(parts) == len(traffic.samples)


def test_a_question_asked_late_is_answered_for_what_came_before() -> None:
    traffic = Traffic(100, 4, lambda t, i: (0, 0.3 if i % 4 == 0 else 0.01))
    *_, now = traffic.ticks()
    slow = unanswered_within(0.2)
    traffic.series.watch(slow)
    assert traffic.series.tally(slow, START, now - SECOND).ratio == 0.25


def test_percentiles_are_exact_and_never_answered_is_infinite() -> None:
    series = Series("s", 100, 1.0)
    series.absorb([one(i / 100, 0, (i + 1) / 1000) for i in range(100)], [], at(2))
    assert series.percentile_s(50, START) == 0.05
    assert series.percentile_s(99, START) == 0.099
    series.absorb([one(1.5, int(Flag.TIMEOUT), 1.0), one(1.6, int(Flag.SHED), 0)], [], at(3))
    assert series.percentile_s(100, START) == float("inf")


def test_a_pending_request_is_at_least_as_slow_as_it_is_old() -> None:
    series = Series("s", 100, 5.0)
    series.absorb([], [Sample(at(0), 0, 0, 0, Flag.SENT)], at(3))
    assert series.percentile_s(50, START) == 3.0


def test_nothing_seen_is_nothing_said() -> None:
    series = Series("s", 100, 1.0)
    series.absorb([], [], at(1))
    assert series.tally(FAILED, START).decided == 0
    assert series.percentile_s(99, START) is None
    assert series.last_done_ns is None


def test_a_request_is_bad_as_soon_as_it_cannot_be_good_any_more() -> None:
    latency = Objective("l", "s", "latency", 0.95, 0.5)
    available = Objective("a", "s", "availability", 0.99)
    waiting = Sample(at(0), 0, 0, 0, Flag.SENT)
    assert latency.is_bad(waiting, at(0.4), 2.0) is None
    assert latency.is_bad(waiting, at(0.6), 2.0) is True
    assert available.is_bad(waiting, at(0.6), 2.0) is None
    assert available.is_bad(waiting, at(2.1), 2.0) is True
    assert available.is_bad(Sample(at(0), 0, 0, 0, Flag.SENT | Flag.SHED), at(0), 2.0) is True
    assert latency.is_bad(one(0, int(Flag.UNEXPECTED), 0.001), at(1), 2.0) is True
    assert latency.is_bad(one(0, 0, 0.6), at(1), 2.0) is True
    assert available.is_bad(one(0, 0, 0.6), at(1), 2.0) is False
