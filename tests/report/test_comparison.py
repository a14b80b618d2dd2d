"""Two runs side by side: every line fits, and a direction is told only where chance does not explain it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from rich.cells import cell_len

from runner.report import comparison, side_by_side
from runner.timeline.mark import Window
from runner.timeline.record import Fault, ObjectiveResult, RunRecord
from runner.timeline.vocabulary import Phase, Proof
from tests.store.samples import record

DIRECTION = re.compile(r"\b(more|fewer|better|worse|faster|slower|longer|improved)\b|[↑↓▲▼→]")


def _objective(bad: int, total: int, **changes: Any) -> ObjectiveResult:
    given: dict[str, Any] = {
        "name": "availability",
        "indicator": "front",
        "kind": "availability",
        "target": 0.99,
        "verdict": "PASS",
        "sentence": "",
        "lower": 0.0,
        "upper": 0.1,
    }
    return ObjectiveResult(bad=bad, total=total, **given | changes)


def _run(name: str, *objectives: ObjectiveResult, seconds: int = 30, **changes: Any) -> RunRecord:
    windows = (Window(phase=Phase.INJECT, start_ns=0, end_ns=seconds * 10**9),)
    return record(name, objectives=objectives, windows=windows, **changes)


def _sentence(a: ObjectiveResult, b: ObjectiveResult) -> str:
    (pair,) = comparison.compare(_run("a", a), _run("b", b)).objectives
    return pair.sentence


def test_a_change_beyond_chance_is_told_with_its_direction_and_size() -> None:
    assert (
        _sentence(_objective(0, 1400), _objective(70, 1428)) == "more bad requests in B, by 3.81 to 6.15 points (95 %)"
    )
    assert (
        _sentence(_objective(70, 1428), _objective(0, 1400)) == "fewer bad requests in B, by 3.81 to 6.15 points (95 %)"
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (_objective(10, 1400), _objective(14, 1400)),
        (_objective(0, 1400), _objective(0, 1400)),
        (_objective(0, 3000), _objective(100, 3000, dispersion=100.0)),
        (_objective(3, 20), _objective(9, 20)),
    ],
    ids=["close", "none", "one clump", "few requests"],
)
def test_what_chance_explains_has_no_direction(a: ObjectiveResult, b: ObjectiveResult) -> None:
    said = _sentence(a, b)
    assert "chance" in said
    assert DIRECTION.sub("", said.replace("fewer than 5 clumps", "")) == said.replace("fewer than 5 clumps", "")


def test_what_counts_other_things_as_bad_is_not_compared() -> None:
    said = _sentence(_objective(0, 1400, threshold_s=0.5), _objective(90, 1400, threshold_s=0.2))
    assert said == "not compared: another threshold, so what is bad is not the same"
    assert _sentence(_objective(0, 0), _objective(90, 1400)) == "no data in A"


def test_single_times_are_never_called_faster_or_slower() -> None:
    a, b = _run("a", ttr_s=2.0, ttr_error_s=0.1), _run("b", ttr_s=6.5, ttr_error_s=0.1)
    others = [("TTR", seconds, False) for seconds in (1.5, 5.5, 2.5)] + [("TTD", 9.0, True)]
    ttd, ttr = comparison.compare(a, b, others).waits
    assert ttr.sentence == (
        "4.5s apart; from one run each nobody can tell whether that is chance; 3 other runs: 1.5s to 5.5s"
    )
    assert ttd.sentence.endswith("1 other run: ≥ 9s")


def test_times_within_the_errors_of_their_clocks_are_not_told_apart() -> None:
    a, b = _run("a", ttr_s=2.0, ttr_error_s=0.1), _run("b", ttr_s=2.15, ttr_error_s=0.1)
    assert comparison.compare(a, b).waits[1].sentence == "no further apart than their clocks' errors (± 200ms)"


def test_a_lower_bound_is_no_time_to_subtract() -> None:
    a, b = _run("a", ttr_s=2.0), _run("b", ttr_s=20.0, ttr_censored=True)
    assert "lower bound" in comparison.compare(a, b).waits[1].sentence


def test_windows_of_other_length_are_told() -> None:
    found = comparison.compare(_run("a", _objective(0, 100)), _run("b", _objective(0, 100), seconds=60))
    assert any(note.startswith("judged over 30s and 1m") for note in found.notes)
    assert not any("judged over" in note for note in comparison.compare(_run("a"), _run("b", seconds=33)).notes)


def test_what_differs_besides_is_listed() -> None:
    a = _run("a", environment={"guards": ["one", "two"], "chaos-run": "0.1.0", "host": "box"})
    b = _run(
        "b", environment={"guards": ["one", "three"], "chaos-run": "0.2.0"}, experiment_hash="def", context="kind-b"
    )
    changes = {c.what: (c.before, c.after) for c in comparison.compare(a, b).changes}
    assert changes == {
        "contents": ("abc", "def"),
        "context": ("kind-shop", "kind-b"),
        "guards": ("two", "three"),
        "chaos-run": ("0.1.0", "0.2.0"),
    }


def test_every_line_fits_80_columns_and_nothing_is_cut_off() -> None:
    targets = tuple(f"pod/a-very-long-namespace-of-a-team/checkout-service-6f9d8b7c55-{n}2x7k" for n in range(3))
    fault = Fault(name="kill three pods of the checkout service, one in each zone", targets=targets, proof=Proof.PROVEN)
    a = _run("a", _objective(0, 1400), faults=(fault,), title="日本語 " * 20)
    text = side_by_side.text(comparison.compare(a, _run("b", _objective(70, 1428))))
    assert max(map(cell_len, text.splitlines())) <= 80
    joined = re.sub(r"\s", "", text)
    assert all(part in joined for part in ("checkout-service-6f9d8b7c55-22x7k"[:10], "onein", "eachzone"))
    assert text.count("日本語") == 20


def test_an_objective_of_one_run_alone_stands_there_by_itself() -> None:
    found = comparison.compare(_run("a", _objective(0, 100)), _run("b", _objective(0, 100, name="latency")))
    assert [(o.name, o.sentence) for o in found.objectives] == [("availability", "only in A"), ("latency", "only in B")]
    assert "only in B" in side_by_side.text(found)
