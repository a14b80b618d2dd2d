"""OpenSLO v1 documents become objectives on our own traffic; what the wild does to the format is told, strictly or leniently."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.experiment import load
from runner.plan import translate
from tests.experiment.test_block import BLOCK, HEAD

LATENCY = """apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-fast}
spec:
  service: shop
  indicatorRef: fast
  budgetingMethod: Occurrences
  timeWindow: [{duration: 4w, isRolling: true}]
  objectives:
    - {displayName: p95, target: 0.95, op: lte, value: 0.5}
    - {displayName: p99, targetPercent: 99, op: lte, value: 1}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: fast}
spec: {thresholdMetric: {metricSource: {type: prometheus, spec: {query: q}}}}
"""
RATIO = """apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-up}
spec:
  service: shop
  indicator: {metadata: {name: good}, spec: {ratioMetric: {counter: true, good: {}, total: {}}}}
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{target: 0.999}]
"""


def examine(folder: Path, slo: str, *, reference: str = "openslo: slos/x.yaml", block: str = BLOCK) -> load.Examination:
    (folder / "slos").mkdir()
    (folder / "slos" / "x.yaml").write_text(slo)
    (folder / "e.yaml").write_text(HEAD + block.replace("    abort:", f"      - {{{reference}}}\n    abort:"))
    return load.examine(str(folder / "e.yaml"))


def test_a_threshold_with_two_objectives_becomes_two_latencies(tmp_path: Path) -> None:
    seen = examine(tmp_path, LATENCY)
    assert seen.findings == ()
    assert seen.experiment is not None
    made = [(o.name, o.indicator, o.target, o.threshold, o.window) for o in seen.experiment.objectives[1:]]
    assert made == [
        ("checkout-fast-p95", "shop", 0.95, 0.5, 28 * 86400),
        ("checkout-fast-p99", "shop", 0.99, 1.0, 28 * 86400),
    ]


def test_a_ratio_becomes_availability(tmp_path: Path) -> None:
    seen = examine(tmp_path, RATIO)
    assert seen.experiment is not None
    assert (seen.experiment.objectives[1].kind, seen.experiment.objectives[1].target) == ("availability", 0.999)


def test_who_is_judged_is_said_beside_the_reference_or_in_the_shorthand(tmp_path: Path) -> None:
    block = BLOCK.replace("target: 99%}", "target: 99%, judge: window}")
    seen = examine(tmp_path, RATIO, reference="openslo: slos/x.yaml, judge: window", block=block)
    assert seen.experiment is not None
    assert [o.judge for o in translate.objectives(seen.experiment)] == ["window", "window"]


def test_an_abort_rule_may_name_an_objective_of_a_document(tmp_path: Path) -> None:
    assert examine(tmp_path, RATIO, block=BLOCK.replace("objective: up", "objective: checkout-up")).findings == ()


def test_annotations_say_what_v1_cannot(tmp_path: Path) -> None:
    text = LATENCY.replace("{name: fast}", "{name: fast, annotations: {chaos-run/unit: ms}}").replace(
        "value: 0.5", "value: 500"
    )
    seen = examine(tmp_path, text)
    assert seen.experiment is not None
    assert [o.threshold for o in seen.experiment.objectives[1:]] == [0.5, 0.001]


WILD = [
    ("apiVersion: openslo/v1", "apiVersion: openslo.com/v1", "not openslo.com/v1", 1),
    ("kind: SLO", "kind: Slo", "SLO, not Slo", 2),
    ("name: checkout-up", "name: Checkout Up", "name", 3),
    ("  service: shop\n", "", "service", 4),
    ("target: 0.999", 'target: "0.999"', "target", 9),
    ("target: 0.999", "target: 0.999, op: gt", "op", 9),
    ("duration: 30d", "duration: 1 Week", "duration", 8),
    ("isRolling: true", "isRolling: false", "rolling", 8),
    ("  service: shop\n", "  service: shop\n  alerts: []\n", "alerts", 6),
    ("Occurrences", "occurrences", "budgeting", 7),
]


@pytest.mark.parametrize(("old", "new", "word", "line"), WILD)
def test_a_deviation_warns_when_lenient_and_fails_when_strict(
    old: str, new: str, word: str, line: int, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    lenient = examine(tmp_path / "a", RATIO.replace(old, new))
    strict = examine(tmp_path / "b", RATIO.replace(old, new), reference="openslo: slos/x.yaml, strict: true")
    (found,) = lenient.findings
    assert word in found.message
    assert (found.severity, found.line, Path(found.file).name) == ("warning", line, "x.yaml")
    assert lenient.experiment is not None
    (refused,) = strict.errors
    assert found.message.startswith(refused.message)
    assert not any(word in refused.message for word in ("ignored", "taken", "not read"))  # nothing is made of it


def test_an_unknown_kind_warns_and_the_rest_is_read(tmp_path: Path) -> None:
    seen = examine(tmp_path, "kind: Policy\napiVersion: openslo/v1\n---\n" + RATIO)
    assert [(f.severity, f.line) for f in seen.findings] == [("warning", 1)]
    assert seen.experiment is not None
    assert len(seen.experiment.objectives) == 2


@pytest.mark.parametrize(
    ("slo", "message"),
    [
        ("kind: SLI\napiVersion: openslo/v1\nmetadata: {name: x}\n", "there is no SLO"),
        (RATIO.replace("[{target: 0.999}]", "[]"), "has no objectives"),
        (RATIO.replace("target: 0.999", "target: 1"), "leaves nothing to judge"),
        (RATIO.replace("target: 0.999", "x: 1"), "either target"),
        (RATIO.replace("target: 0.999", "target: lots"), "lots"),
        (LATENCY.replace("op: lte, value: 0.5", "op: gte, value: 0.5"), "lte or lt"),
        (LATENCY.replace("value: 0.5", "value: soon"), "soon"),
        ("a: [", "while parsing"),
    ],
)
def test_what_cannot_be_used_is_an_error(slo: str, message: str, tmp_path: Path) -> None:
    seen = examine(tmp_path, slo)
    assert seen.experiment is None
    assert any(message in f.message for f in seen.errors), seen.errors


def test_a_missing_document_is_an_error_at_the_reference(tmp_path: Path) -> None:
    (found,) = examine(tmp_path, RATIO, reference="openslo: slos/y.yaml").errors
    assert (found.line, found.hint) == (14, "did you mean 'x.yaml'?")


def test_with_two_streams_the_traffic_has_to_be_named(tmp_path: Path) -> None:
    two = BLOCK.replace("rate: 600/m}", 'rate: 600/m}, {name: other, url: "http://y"}')
    (tmp_path / "a").mkdir()
    assert "which traffic" in examine(tmp_path, RATIO, block=two).errors[0].message
    seen = examine(tmp_path / "a", RATIO, block=two, reference="openslo: slos/x.yaml, indicator: other")
    assert seen.experiment is not None
    assert seen.experiment.objectives[1].indicator == "other"


@pytest.mark.parametrize("tail", ["---\n", "---\n---\n", "---\n# nothing\n", "---\n~\n"])
def test_an_empty_document_at_the_end_is_none(tail: str, tmp_path: Path) -> None:
    seen = examine(tmp_path, RATIO + tail, reference="openslo: slos/x.yaml, strict: true")
    assert seen.findings == ()
    assert seen.experiment is not None


def test_a_list_of_objects_is_as_good_as_documents(tmp_path: Path) -> None:
    listed = "".join("- " + part.strip().replace("\n", "\n  ") + "\n" for part in [RATIO, *LATENCY.split("---\n")])
    seen = examine(tmp_path, listed, reference="openslo: slos/x.yaml, strict: true")
    assert seen.findings == ()
    assert seen.experiment is not None
    assert [o.name for o in seen.experiment.objectives[1:]] == [
        "checkout-up",
        "checkout-fast-p95",
        "checkout-fast-p99",
    ]


UNKNOWN = [
    ("[{target: 0.999}]", "[{target: 0.999, targett: 0.5}]", "targett", "an objective", "did you mean 'target'?"),
    ("isRolling: true", "isRolling: true, rolling: 1", "rolling", "a timeWindow", "did you mean 'isRolling'?"),
    ("counter: true,", "counter: true, god: {},", "god", "a ratioMetric", "did you mean 'good'?"),
    ("good: {}", "good: {metricsource: {}}", "metricsource", "a metric", "did you mean 'metricSource'?"),
    ("spec: {ratioMetric", "spec: {x: 1, ratioMetric", "x", "an SLI", "fields: description, ratioMetric"),
    ("  service: shop\n", "  service: shop\n  serviceName: s\n", "serviceName", "an SLO", "did you mean 'service'?"),
]


@pytest.mark.parametrize(("old", "new", "field", "what", "hint"), UNKNOWN)
def test_an_unknown_field_is_found_at_every_level_with_those_of_its_level(
    old: str, new: str, field: str, what: str, hint: str, tmp_path: Path
) -> None:
    (found,) = examine(tmp_path, RATIO.replace(old, new)).findings
    assert found.message == f"v1 knows no field '{field}' of {what}: it is ignored"
    assert (found.hint or "").startswith(hint)
    assert found.text[found.column - 1 :].startswith(field)


@pytest.mark.parametrize(
    ("said", "days"), [("1 Week", 7), ("30D", 30), ("4 weeks", 28), ("3 months", 90), ("1y", 365), ("36 hrs", 1.5)]
)
def test_a_window_that_is_clear_is_understood_and_told(said: str, days: float, tmp_path: Path) -> None:
    seen = examine(tmp_path, RATIO.replace("30d", said))
    assert seen.experiment is not None
    assert seen.experiment.objectives[1].window == days * 86400
    (found,) = seen.findings
    assert f"the text '{said}' is no duration of v1: " in found.message


@pytest.mark.parametrize("said", ["30x", "30", "7 m0nths", "30DD", "d30", "0d", "7 dayz", "-7d", "1.5d", '""'])
def test_a_window_with_a_wrong_unit_is_never_guessed(said: str, tmp_path: Path) -> None:
    seen = examine(tmp_path, RATIO.replace("duration: 30d", f"duration: {said}"))
    assert seen.experiment is None
    assert ["is no duration of v1" in f.message for f in seen.errors] == [True]


def test_of_several_windows_none_is_guessed_and_one_without_a_list_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    both = "[{duration: 7d, isRolling: true}, {duration: 28d, isRolling: true}]"
    seen = examine(tmp_path / "a", RATIO.replace("[{duration: 30d, isRolling: true}]", both))
    assert ["exactly one window, not a list of 2" in f.message for f in seen.errors] == [True]
    seen = examine(tmp_path, RATIO.replace("[{duration: 30d, isRolling: true}]", "{duration: 7d, isRolling: true}"))
    assert seen.experiment is not None
    assert seen.experiment.objectives[1].window == 7 * 86400
