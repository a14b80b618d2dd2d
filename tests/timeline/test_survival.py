"""A median where some had not ended yet: the product limit, on published data."""

from __future__ import annotations

from runner.timeline import survival
from runner.timeline.mttd_mttr import CensoredTime, Estimate

TREATED = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
"""Weeks of remission under 6-mercaptopurine, `+` censored: Freireich et al., Blood 21 (1963)."""
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"


def values(text: str) -> list[CensoredTime]:
    return [CensoredTime(seconds=float(word.rstrip("+")), censored=word.endswith("+")) for word in text.split()]


def test_the_medians_of_freireichs_trial() -> None:
    assert survival.median(values(TREATED)) == Estimate(seconds=23.0)
    assert survival.median(values(PLACEBO)) == Estimate(seconds=8.0)


def test_where_most_never_ended_the_median_is_only_a_bound() -> None:
    assert survival.median(values("1 5+ 9+")) == Estimate(seconds=9.0, at_least=True)
    assert survival.median([]) is None


def test_of_equals_the_one_that_ended_comes_first() -> None:
    assert survival.median(values("4+ 4")) == Estimate(seconds=4.0)


def test_without_anything_censored_it_is_the_plain_median() -> None:
    assert survival.median(values("1 2 5 9")) == Estimate(seconds=3.5)
    assert survival.median(values("1 2 5")) == Estimate(seconds=2.0)
