"""What an OpenSLO document brings along: its data source, its alert policies, its slices of time and its calendar."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner import errors
from runner import plan as plans
from runner.experiment import findings, load, objectives
from runner.experiment.calendar_window import CalendarWindow
from runner.experiment.load import Examination
from runner.plan import render, translate
from runner.slo.guards.burn_rate import BurnRate
from runner.slo.guards.duration import Duration
from runner.slo.guards.no_data import NoData

Json = dict[str, Any]
TRAFFIC = [{"name": "front", "url": "http://x"}]
SOURCE = {
    "apiVersion": "openslo/v1",
    "kind": "DataSource",
    "metadata": {"name": "prom"},
    "spec": {"type": "Prometheus", "connectionDetails": {"url": "http://there:9090/"}},
}
CONDITION = {"kind": "burnrate", "op": "gt", "threshold": 6, "lookbackWindow": "10m"}


def read_by(text: str, ref: str | None = "prom") -> Json:
    return {"metricSource": ({"metricSourceRef": ref} if ref else {}) | {"spec": {"query": text}}}


def slo(**spec: Any) -> Json:
    ratio = {"counter": True, "bad": read_by("e"), "total": read_by("t")}
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": "checkout"},
        "spec": {
            "service": "shop",
            "indicator": {"metadata": {"name": "i"}, "spec": {"ratioMetric": ratio}},
            "budgetingMethod": "Occurrences",
            "timeWindow": [{"duration": "28d", "isRolling": True}],
            "objectives": [{"target": 0.99}],
        }
        | spec,
    }


def changed(document: Json, *steps: Any, to: Any) -> Json:
    made = copy.deepcopy(document)
    inner: Any = made
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = to
    return made


def examine(folder: Path, *documents: Json, **block: Any) -> Examination:
    (folder / "slo.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False))
    ours = {"name": "chaos-run", "objectives": [{"openslo": "slo.yaml"}], "abort": [{"duration": "1m"}]} | block
    experiment = {"title": "t", "description": "d", "method": [], "rollbacks": [], "extensions": [ours]}
    (folder / "e.yaml").write_text(yaml.safe_dump(experiment))
    return load.examine(str(folder / "e.yaml"), env={}, here=True)


def line(folder: Path, found: findings.FileFinding) -> str:
    """What stands at the place of a finding."""
    return Path(found.file).read_text().splitlines()[found.line - 1][found.column - 1 :]


def planned(seen: Examination) -> plans.Plan:
    assert seen.experiment is not None, [f.message for f in seen.errors]
    return plans.draw(seen.experiment, context="", environment="local", actions=[], locks=[])


def test_a_reference_leads_to_the_data_source_of_the_same_file_and_the_plan_says_so(tmp_path: Path) -> None:
    seen = examine(tmp_path, SOURCE, slo())
    assert seen.findings == ()
    assert seen.experiment is not None
    assert [(s.name, s.prometheus) for s in seen.experiment.block.sources] == [("prom", "http://there:9090/")]
    assert [(m.source, m.query, m.total) for m in seen.experiment.metrics] == [("prom", "e", "t")]
    assert "from prom (the DataSource of slo.yaml, http://there:9090/)" in render.text(planned(seen))


def test_a_source_of_ours_by_that_name_wins(tmp_path: Path) -> None:
    ours = [{"name": "prom", "prometheus": "http://here:9090"}]
    seen = examine(tmp_path, SOURCE, slo(), sources=ours)
    assert seen.experiment is not None
    assert [s.prometheus for s in seen.experiment.block.sources] == ["http://here:9090"]
    assert "(our own, not the DataSource of slo.yaml)" in render.text(planned(seen))
    alone = examine(tmp_path, slo(), sources=ours)
    assert (alone.findings, alone.experiment and alone.experiment.metrics[0].source) == ((), "prom")


def test_what_the_experiment_names_goes_before_what_the_document_names(tmp_path: Path) -> None:
    ours = [{"name": "team", "prometheus": "http://here:9090"}]
    row = {"openslo": "slo.yaml", "source": "team"}
    seen = examine(tmp_path, SOURCE, slo(), sources=ours, objectives=[row])
    assert seen.experiment is not None
    assert seen.experiment.metrics[0].source == "team"
    bound = examine(
        tmp_path, SOURCE, slo(), traffic=TRAFFIC, objectives=[{"openslo": "slo.yaml", "indicator": "front"}]
    )
    assert bound.experiment is not None
    assert (bound.experiment.metrics, bound.experiment.objectives[0].indicator) == ((), "front")


def test_an_unknown_reference_is_told_where_it_stands_and_our_only_traffic_stands_in(tmp_path: Path) -> None:
    document = changed(slo(), "spec", "indicator", "spec", "ratioMetric", "bad", to=read_by("e", "prmo"))
    document = changed(document, "spec", "indicator", "spec", "ratioMetric", "total", to=read_by("t", "prmo"))
    (found,) = examine(tmp_path, SOURCE, document).errors
    assert (found.hint, line(tmp_path, found)) == ("did you mean 'prom'?", "prmo")
    seen = examine(tmp_path, SOURCE, document, traffic=TRAFFIC)
    assert [(f.severity, "measured by our traffic" in f.message) for f in seen.findings] == [("warning", True)]
    assert seen.experiment is not None
    assert seen.experiment.objectives[0].indicator == "front"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"type": "Datadog", "connectionDetails": {"url": "http://x"}}, "only Prometheus"),
        ({"type": "prometheus"}, "does not say where it is"),
        ({"type": "prometheus", "connectionDetails": {"url": "there"}}, "http or https URL"),
        ({"type": "prometheus", "connectionDetails": {"url": "http://u:s3cret@x"}}, "user and password"),
    ],
)
def test_a_data_source_that_cannot_be_asked_is_an_error(spec: Json, said: str, tmp_path: Path) -> None:
    (found,) = examine(tmp_path, changed(SOURCE, "spec", to=spec), slo()).errors
    assert said in found.message


def test_what_a_data_source_holds_is_neither_used_nor_shown(tmp_path: Path) -> None:
    details = {"url": "http://there:9090", "token": "s3cret"}
    (tmp_path / "x").mkdir()
    seen = examine(tmp_path, changed(SOURCE, "spec", "connectionDetails", to=details), slo())
    (found,) = seen.findings
    assert "'token' of the DataSource 'prom' is ignored" in found.message
    assert "s3cret" not in findings.render(seen.findings) + repr(seen.experiment and seen.experiment.access)


def policy(*conditions: Json, **spec: Any) -> Json:
    inline = [{"kind": "AlertCondition", "metadata": {"name": "c"}, "spec": {"condition": c}} for c in conditions]
    spec = {"conditions": inline, "notificationTargets": []} | spec
    return {"apiVersion": "openslo/v1", "kind": "AlertPolicy", "metadata": {"name": "page"}, "spec": spec}


def test_alert_policies_are_offered_and_become_guards_when_asked_for(tmp_path: Path) -> None:
    referred = {"apiVersion": "openslo/v1", "kind": "AlertCondition", "metadata": {"name": "slow"}}
    referred["spec"] = {"severity": "ticket", "condition": CONDITION | {"threshold": 2, "lookbackWindow": "1h"}}
    by_reference = policy(conditions=[{"conditionRef": "slow"}]) | {"metadata": {"name": "ticket"}}
    document = slo(alertPolicies=[policy(CONDITION), {"alertPolicyRef": "ticket"}])
    documents = (SOURCE, document, by_reference, referred)
    seen = examine(tmp_path, *documents)
    assert seen.findings == ()
    text = render.text(planned(seen))
    assert "burns more than 6x over 10m, by its alert policy page: abort: [{alert_policies: checkout}]" in text
    asked = examine(tmp_path, *documents, abort=[{"alert_policies": "checkout"}, {"duration": "1m"}])
    assert asked.experiment is not None
    assert translate.guards(asked.experiment) == (
        BurnRate("checkout", 6, 600, 600),
        BurnRate("checkout", 2, 3600, 3600),
        Duration(60),
        NoData(10),
    )
    assert "offered" not in render.text(planned(asked))


@pytest.mark.parametrize(
    ("condition", "said", "at"),
    [
        (CONDITION | {"kind": "multi-burn-rate"}, "not the burnrate of v1", "multi-burn-rate"),
        (CONDITION | {"threshold": "lots"}, "a number above 0", "lots"),
        (CONDITION | {"lookbackWindow": "Week"}, "no duration of v1", "Week"),
        (CONDITION | {"op": "eq"}, "op cannot be", "eq"),
    ],
)
def test_a_condition_that_cannot_be_a_guard_is_a_warning_that_says_why(
    condition: Json, said: str, at: str, tmp_path: Path
) -> None:
    documents = (SOURCE, slo(alertPolicies=[policy(condition)]))
    (found,) = examine(tmp_path, *documents).findings
    assert (found.severity, said in found.message, line(tmp_path, found)) == ("warning", True, at)
    asked = examine(tmp_path, *documents, abort=[{"alert_policies": "checkout"}])
    assert ["brings no alert policy along" in f.message for f in asked.errors] == [True]


def test_the_specification_s_own_example_is_taken_as_it_means_it_with_a_warning(tmp_path: Path) -> None:
    odd = CONDITION | {"op": "lte", "lookbackWindow": "-1h", "alertAfter": "5m"}
    seen = examine(tmp_path, SOURCE, slo(alertPolicies=[policy(odd), "nowhere"]))
    assert {f.severity for f in seen.findings} == {"warning"}
    told = " ".join(f.message for f in seen.findings)
    for words in ("taken as above it", "no sign in v1", "no AlertPolicy 'nowhere'"):
        assert words in told
    (offer,) = planned(seen).offered
    assert "more than 6x over 1h" in offer
    assert "without waiting for its alertAfter of 5m" in offer


SLICED = {"target": 0.9, "timeSliceTarget": 0.95, "timeSliceWindow": "1m"}


@pytest.mark.parametrize(
    ("method", "goal", "annotations", "cut"),
    [
        ("Timeslices", {}, {}, (60, 0.95)),
        ("timeslices", {}, {}, (60, 0.95)),
        ("RatioTimeslices", {}, {}, (60, None)),
        ("Timeslices", {}, {"chaos-run/time-slice-window": "5s"}, (5, 0.95)),
        ("Timeslices", {"timeSliceTarget": 1}, {}, (60, 1)),
        ("Timeslices", {"timeSliceWindow": 5}, {}, (300, 0.95)),
    ],
)
def test_slices_are_read(method: str, goal: Json, annotations: Json, cut: Any, tmp_path: Path) -> None:
    document = slo(budgetingMethod=method, objectives=[SLICED | goal])
    document["metadata"]["annotations"] = annotations
    seen = examine(tmp_path, SOURCE, document)
    assert seen.errors == ()
    assert seen.experiment is not None
    (objective,) = translate.objectives(seen.experiment)
    assert (objective.slice_s, objective.slice_target, objective.target) == (*cut, 0.9)


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ({"target": 0.9, "timeSliceWindow": "1m"}, "need a timeSliceTarget"),
        ({"target": 0.9, "timeSliceTarget": 95, "timeSliceWindow": "1m"}, "above 0 and up to 1"),
        ({"target": 0.9, "timeSliceTarget": 0.95}, "no length of a slice"),
        ({"target": 0.9, "timeSliceTarget": 0.95, "timeSliceWindow": "5s"}, "no length of a slice"),
    ],
)
def test_slices_that_are_not_clear_are_an_error(goal: Json, said: str, tmp_path: Path) -> None:
    (found,) = examine(tmp_path, SOURCE, slo(budgetingMethod="Timeslices", objectives=[goal])).errors
    assert said in found.message


def test_a_plan_says_how_long_slices_would_take_to_decide(tmp_path: Path) -> None:
    document = slo(budgetingMethod="Timeslices", objectives=[SLICED])
    row = {"openslo": "slo.yaml", "indicator": "front"}
    seen = examine(tmp_path, document, traffic=TRAFFIC, objectives=[row])
    text = render.text(planned(seen))
    assert (
        "checkout (90 % of slices of 1m with 95 % answered well) cannot pass in 10s: needs >= 29m (29 slices of 1m"
        in text
    )


MONTHS = {"duration": "1M", "calendar": {"startTime": "2026-01-01 00:00:00", "timeZone": "Europe/Berlin"}}


LOCAL = datetime(2026, 1, 1)  # noqa: DTZ001 - as YAML reads it


@pytest.mark.parametrize("start", ["2026-01-01 00:00:00", LOCAL, LOCAL.date(), "2025-12-31T23:00:00Z"])
def test_a_calendar_is_read_quoted_or_not(start: Any, tmp_path: Path) -> None:
    seen = examine(tmp_path, SOURCE, slo(timeWindow=[changed(MONTHS, "calendar", "startTime", to=start)]))
    assert seen.findings == ()
    assert seen.experiment is not None
    wanted = CalendarWindow(LOCAL, "Europe/Berlin", 1, "M")
    assert seen.experiment.metrics[0].calendar == wanted


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("timeZone", "Europe/Berlni", "no time zone"), ("startTime", "soon", "is a moment such as")],
)
def test_a_calendar_that_cannot_be_followed_is_an_error(key: str, value: str, said: str, tmp_path: Path) -> None:
    seen = examine(tmp_path, SOURCE, slo(timeWindow=[changed(MONTHS, "calendar", key, to=value)]))
    assert [(said in f.message, line(tmp_path, f).startswith(value)) for f in seen.errors] == [(True, True)]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "unit", "start", "zone", "now", "begin", "end"),
    [
        (1, "M", "2026-01-01", "Europe/Berlin", "2026-11-25 18:00", "2026-10-31 23:00", "2026-11-30 23:00"),
        (1, "M", "2026-01-01", "Europe/Berlin", "2026-04-01 00:00", "2026-03-31 22:00", "2026-04-30 22:00"),
        (1, "M", "2026-01-31", "UTC", "2026-02-28 12:00", "2026-02-28 00:00", "2026-03-31 00:00"),
        (1, "Q", "2025-01-01", "UTC", "2026-11-25 18:00", "2026-10-01 00:00", "2027-01-01 00:00"),
        (1, "Y", "2020-02-29", "UTC", "2026-11-25 18:00", "2026-02-28 00:00", "2027-02-28 00:00"),
        (1, "d", "2026-01-01", "America/New_York", "2026-03-08 20:00", "2026-03-08 05:00", "2026-03-09 04:00"),
        (1, "d", "2026-01-01 02:30", "America/New_York", "2026-03-08 20:00", "2026-03-08 07:30", "2026-03-09 06:30"),
        (2, "w", "2026-01-05", "Europe/Berlin", "2026-03-30 12:00", "2026-03-29 22:00", "2026-04-12 22:00"),
        (6, "h", "2026-01-01", "Europe/Berlin", "2026-03-29 04:00", "2026-03-28 23:00", "2026-03-29 05:00"),
        (1, "w", "2027-01-04", "UTC", "2026-11-25 18:00", "2027-01-04 00:00", "2027-01-11 00:00"),
    ],
)
def test_a_window_begins_on_the_wall_clock_of_its_zone(
    count: int, unit: str, start: str, zone: str, now: str, begin: str, end: str
) -> None:
    window = CalendarWindow(datetime.fromisoformat(start), zone, count, unit)
    assert window.around(utc(now)) == (utc(begin), utc(end))
    assert window.around(utc(begin))[0] == utc(begin)


HEAD = {"form": "bad", "query": "e", "total": "t"}


def read_again(folder: Path, document: Json, counted: Json, traffic: list[str]) -> Any:
    (folder / "new.yaml").write_text(yaml.safe_dump_all([SOURCE, document]))
    return objectives.read(str(folder / "new.yaml"), traffic, counted)


def test_a_document_finds_what_a_run_counted_by_what_was_asked(tmp_path: Path) -> None:
    stricter = changed(slo(), "metadata", "name", to="stricter")
    (found,) = read_again(tmp_path, stricter, {"checkout": HEAD}, ["front"])
    assert (found.name, found.indicator, found.target) == ("stricter", "checkout", 0.99)


@pytest.mark.parametrize("traffic", [[], ["front"]])
def test_a_document_that_asks_for_something_else_is_not_judged_by_what_there_is(
    traffic: list[str], tmp_path: Path
) -> None:
    with pytest.raises(errors.InvalidFile, match="was not asked for this in the run"):
        read_again(tmp_path, slo(), {"checkout": HEAD | {"query": "other"}}, traffic)
