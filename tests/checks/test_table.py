"""The table of checks: what each says and takes, and that the limit decides as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.checks import check
from runner.checks.check import Bad, Level, Measured, Source, Unfit, Unit
from runner.checks.table import CHECKS

PAGE = Path(__file__).resolve().parents[2] / "docs/checks.md"


def test_every_row_can_be_called_as_a_function_and_says_what_it_is() -> None:
    for name, row in CHECKS.items():
        assert name.isidentifier()
        assert re.match("[a-zA-Z0-9].* [a-z0-9]", row.what), row.what
        assert "limit" not in {p.name for p in row.asks.takes}


def test_every_level_is_used() -> None:
    assert {row.level for row in CHECKS.values()} == set(Level)


def test_the_page_lists_the_checks_as_they_are() -> None:
    expected = [f"| `{row.name}` | {row.level} | {row.condition} | {row.what} |" for row in CHECKS.values()]
    assert [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")] == expected


@pytest.mark.parametrize(
    ("bad", "good", "at", "sick"),
    [
        (Bad.ABOVE, 9, 10, 11),
        (Bad.AT_LEAST, 9, 10, 10),
        (Bad.BELOW, 11, 10, 9),
        (Bad.AT_MOST, 11, 10, 10),
    ],
)
def test_a_limit_is_above_at_least_below_or_at_most(bad: Bad, good: float, at: float, sick: float) -> None:
    assert not bad.holds(good, at)
    assert bad.holds(sick, at)
    assert bad.holds(at, at) is (bad in (Bad.AT_LEAST, Bad.AT_MOST))


def test_an_answer_begins_with_good_or_bad_and_has_its_numbers() -> None:
    row = CHECKS["pods_pending"]
    good, bad = row.judge(Measured(300, "shop/a; 3 looked at")), row.judge(Measured(301))
    said = "longest time that a pod has been Pending: 5m (shop/a; 3 looked at); Warning above 5m"
    assert (good.bad, good.sentence) == (False, f"good: {said}")
    assert bad.sentence == "bad: longest time that a pod has been Pending: 5m01s; Warning above 5m"
    assert row.judge(Measured(300), 60).sentence.endswith("Warning above 1m")


def test_a_limit_is_written_in_the_unit_of_the_check() -> None:
    written = {Unit.SECONDS: ("5m", 300), Unit.RATIO: ("80%", 0.8), Unit.BYTES: ("2GB", 2e9), Unit.COUNT: ("3", 3)}
    for unit, (text, value) in written.items():
        assert unit.parsed(text) == unit.parsed(value) == value
        assert unit.parsed(unit.written(value)) == value
        with pytest.raises(ValueError, match="is not a limit in"):
            unit.parsed("soon")


def test_what_does_not_fit_a_check_is_said_with_what_would() -> None:
    count = CHECKS["node_count"]
    with pytest.raises(Unfit, match="the check node_count takes no 'namespace'") as found:
        check.ask(count, {"namespace": "shop", "max": 3})
    assert found.value.known == ("labels", "max")
    with pytest.raises(Unfit, match="needs 'max': how many nodes the cluster may have"):
        check.ask(count, {})
    for value, said in (("many", "is a number, not 'many'"), (0, "is above 0"), ([3], "is a text or a number")):
        with pytest.raises(Unfit, match=said):
            check.ask(count, {"max": value})
    with pytest.raises(Unfit, match="is not a limit in ratio"):
        check.ask(count, {"max": 3}, "soon")
    assert check.ask(count, {"max": "3"}, "50%").limit == 0.5
    assert check.ask(count, {"max": 3}).limit == 0.9


def test_every_source_is_known() -> None:
    assert {row.asks.source for row in CHECKS.values()} <= set(Source)
