"""A run whose detection is the team's own pipeline: stages, evidence, expectations, and what happens when it is not there."""

from __future__ import annotations

import itertools
import json
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ExitCode
from runner.experiment import load
from runner.plan import plan, render
from tests.detection.fake import blind_prometheus, fake_alertmanager
from tests.detection.rig import REAL, Rig, firing
from tests.fakes.cloudwatch import ACCESS, REGION, Cloud
from tests.fakes.pagerduty import TOKEN, Pager
from tests.journeys import harness
from tests.journeys.harness import Json, Run
from tests.waiting import until


def _experiment(shop: str, what: str, *, seconds: float, detection: list[Json], **block: Any) -> Json:
    document = harness.experiment(
        harness.Service(0),
        method=[harness.http("break", f"/break{what}", pauses={"after": seconds})],
        rollbacks=[harness.http("mend", f"/mend{what}")],
        traffic=[{"name": "front", "url": "${url}/", "rate": 50, "timeout": "1s"}],
        objectives=[{"name": "availability", "indicator": "front", "target": "50%"}],
        abort=[{"duration": "60s"}],
        windows={"baseline": "1s", "recovery": "10s", "stable": "500ms"},
        detection=detection,
        **block,
    )
    return {**document, "configuration": {"url": shop}}


def _healthy(document: Json) -> Json:
    """The same with traffic that does not feel the fault."""
    document["extensions"][0]["traffic"][0]["url"] = "${url}/health"
    return document


def _run(folder: Path, document: Json) -> tuple[int, Run]:
    with harness.started(folder, document) as run:
        return run.finish(), run


def _all(there: Rig, what: str) -> list[Json]:
    match = {"service": "shop", "what": what}
    return [
        {"prometheus": there.prometheus, "match": match},
        {"alertmanager": there.alertmanager, "match": match},
        {"webhook": there.webhook, "match": match},
    ]


@pytest.mark.slow(REAL)
def test_every_stage_is_marked_with_its_source_its_error_and_its_evidence(tmp_path: Path, there: Rig) -> None:
    expect = {"alert": "ShopErrors", "labels": {"team": "storefront"}, "detected_within": "10s", "resolved_within": "15s",
              "alerts": ["missing", "other-first", "wrong-team", "already-firing"]}  # fmt: skip
    document = _experiment(there.shop, "/stages", seconds=5, detection=_all(there, "stages"), expect=expect)
    _, run = _run(tmp_path, document)
    stages = run.verdict["stages"]
    alerts = ("pending", "firing", "received", "notified", "resolved")
    assert [s for s in stages if s in alerts] == list(alerts)
    found = harness.record(run)
    first = {m["name"]: m for m in reversed(found["marks"])}
    for earlier, later in itertools.pairwise(("injected", "effective", "firing", "undone", "resolved")):
        slack = first[earlier]["error_s"] + first[later]["error_s"]  # an injection is dated to the middle of its call
        assert stages[earlier] <= stages[later] + slack, (earlier, later)
    assert found["alerting"]["failures"] == []
    for mark in (m for m in found["marks"] if m["name"] in alerts):
        raw = json.loads((run.folder / mark["evidence"]).read_text())
        assert "ShopErrors" in json.dumps(raw) or mark["name"] == "resolved"  # an answer without it says that it ended
        assert 0 < mark["error_s"] < 2.0  # what nobody looked for in time is known to one evaluation
        assert mark["source"] in ("prometheus", "alertmanager", "webhook")
    detected = next(m for m in found["marks"] if m["name"] == "detected")
    assert detected["source"] in ("prometheus", "alertmanager")
    assert run.verdict["ttd_s"] == pytest.approx(stages["firing"] - stages["effective"], abs=0.01)
    assert any(
        "worst-case alerting delay: " in f["message"] and "(scrape 1s" in f["message"] for f in found["findings"]
    )


@pytest.mark.slow(REAL)
def test_a_pager_says_who_took_it_a_cloud_that_it_fired_and_prometheus_what_nobody_saw(
    tmp_path: Path, there: Rig, cloud: Cloud, pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_SECRET", ACCESS["aws_secret_access_key"])
    cloud.alarm("shop-errors")
    with blind_prometheus(there.prometheus) as blind:
        detection: list[Json] = [
            {"prometheus": blind, "match": {"what": "others"}},
            {"pagerduty": "Web shop", "endpoint": pager.url, "secrets": "pager"},
            {"cloudwatch": "shop-errors", "region": REGION, "endpoint": cloud.url, "secrets": "aws"},
        ]
        expect = {"alert": "shop-errors", "labels": {"team": "storefront"}, "alerts": ["missing", "wrong-team"]}
        document = _experiment(there.shop, "/others", seconds=8, detection=detection, expect=expect)
        token, secret = ({"type": "env", "key": name} for name in ("PAGER_TOKEN", "AWS_SECRET"))
        aws = {"aws_access_key_id": ACCESS["aws_access_key_id"], "aws_secret_access_key": secret}
        with harness.started(tmp_path, {**document, "secrets": {"pager": {"token": token}, "aws": aws}}) as run:
            run.until("injected")
            cloud.turn("shop-errors", "ALARM")
            run.until(
                "alert", stage="firing", source="cloudwatch"
            )  # the pager is to come second, however slow the machine
            time.sleep(1.1)  # a pager tells whole seconds, and what may have been before the fault is not counted
            incident = pager.trigger("shop-errors in eu-west-1")
            pager.notify(incident)
            pager.set(incident, "acknowledged")
            run.until("alert", stage="acknowledged", source="pagerduty")
            run.until("undone")
            pager.set(incident, "resolved")  # so late that it takes a last look to see it
            run.finish()
            told = run.stderr()
    found = harness.record(run)
    marks = {(m["source"], m["name"]): m for m in found["marks"]}
    stages = [(s, n) for s, n in marks if s in ("pagerduty", "cloudwatch", "prometheus")]
    assert {("pagerduty", s) for s in ("received", "notified", "acknowledged", "resolved")} <= set(stages)
    assert ("cloudwatch", "firing") in stages
    for stage in ("pending", "firing"):
        assert marks["prometheus", stage]["error_s"] >= 1.0  # one evaluation
        assert "ALERTS" in (run.folder / marks["prometheus", stage]["evidence"]).read_text()
    assert found["alerting"]["failures"] == []
    assert run.named("detected")[0]["source"] == "cloudwatch"
    whole = "".join(p.read_text("utf-8", "replace") for p in run.folder.rglob("*.json*")) + told
    assert "hunter2" not in whole


@pytest.mark.slow(REAL)
def test_what_the_file_expects_of_its_alerts_fails_the_run(tmp_path: Path, there: Rig) -> None:
    expect = {"alert": "ShopErrors", "labels": {"team": "search"}, "alerts": ["wrong-team"]}
    detection = [{"alertmanager": there.alertmanager, "match": {"what": "team"}}]
    code, run = _run(tmp_path, _experiment(there.shop, "/team", seconds=5, detection=detection, expect=expect))
    assert code == ExitCode.FAIL
    assert (
        "ShopErrors went to the wrong team: it has team='storefront', expected is team='search'"
        in run.verdict["sentence"]
    )


@pytest.mark.slow(REAL)
def test_a_fault_shorter_than_group_wait_fires_and_tells_nobody(tmp_path: Path, there: Rig) -> None:
    expect = {"notified_within": "20s", "resolved_within": "10s"}
    document = _experiment(there.shop, "/brief", seconds=4, detection=_all(there, "brief"), expect=expect)
    _, run = _run(tmp_path, document)
    assert {"firing", "received", "resolved"} <= set(run.verdict["stages"])
    assert "notified" not in run.verdict["stages"]
    messages = [f["message"] for f in run.named("finding")]
    assert any("fired, not notified: the fault (4." in m and "group_wait (6s)" in m for m in messages)
    assert any("may only mean that the fault is too short" in m for m in messages)


@pytest.mark.slow(REAL)
def test_an_alert_from_before_is_no_detection_and_can_fail_the_run(tmp_path: Path, there: Rig) -> None:
    there.broken["before"] = True
    until(lambda: firing(there, "ShopErrors"), "it fires before the run")
    expect = {"alerts": ["already-firing"]}
    code, run = _run(
        tmp_path,
        _healthy(_experiment(there.shop, "/before", seconds=0.4, detection=_all(there, "before"), expect=expect)),
    )
    assert code == ExitCode.FAIL
    assert "ShopErrors was firing already before the fault" in run.verdict["sentence"]
    assert run.named("detected") == []


@pytest.mark.slow(REAL)
def test_a_source_that_falls_silent_ends_the_fault(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with harness.service(free_port()) as service, fake_alertmanager() as pretended:
        document = _experiment(service.url, "", seconds=30, detection=[{"alertmanager": pretended.url}])
        with harness.started(tmp_path, _healthy(document)) as run:
            run.until("injected")
            pretended.status = 500
            assert run.until("abort")["by"] == "guard"
            assert run.finish() == ExitCode.ABORTED
        assert "alertmanager has not answered for 10s" in run.verdict["sentence"]
        assert any("alertmanager did not answer at the end" in f["message"] for f in run.named("finding"))
        assert not service.broken


def test_a_fault_that_no_alert_sees_is_a_miss_and_our_own_rule_does_not_stand_in(tmp_path: Path, there: Rig) -> None:
    expect = {"alert": "ShopErrors", "detected_within": "5s", "alerts": ["missing"]}
    detection = [{"alertmanager": there.alertmanager, "match": {"what": "missed"}}]
    document = _experiment(there.shop, "/missed", seconds=0.4, detection=detection, expect=expect)  # shorter than `for`
    code, run = _run(tmp_path, document)
    assert code == ExitCode.FAIL
    assert "the expected alert ShopErrors did not fire" in run.verdict["sentence"]
    assert run.named("detected") == []


def test_whoever_ends_the_wait_for_the_alerts_takes_nothing_from_a_recovery_that_was_seen(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with harness.service(free_port()) as service, fake_alertmanager() as pretended:
        webhook = f"127.0.0.1:{free_port()}"
        detection = [{"alertmanager": pretended.url}, {"webhook": webhook}]
        document = _experiment(service.url, "", seconds=0.6, detection=detection, expect={"resolved_within": "100s"})
        with harness.started(tmp_path, document) as run:
            run.until("injected")
            pretended.fire("ShopErrors")
            for status in ("firing", "resolved"):  # this one is over long before: the other is what is awaited
                said = json.dumps({"alert": "ShopErrors", "status": status}).encode()
                urllib.request.urlopen(f"http://{webhook}/", said, timeout=5).close()
            run.until("recovered")
            run.process.send_signal(signal.SIGINT)
            code = run.finish()
    found = harness.record(run)
    assert code != ExitCode.ABORTED
    assert "interrupted" not in found["sentence"]
    assert found["terms"]["stopped_by"] is None
    assert "recovered" in [m["name"] for m in found["marks"]]
    assert not found["ttr_censored"]
    assert found["alerting"]["failures"] == []
    (unknown,) = found["alerting"]["unknown"]
    assert unknown.startswith("whether an alert was resolved at alertmanager within 1m40s is unknown: watched for ")
    messages = [f["message"] for f in found["findings"]]
    assert "wait for the alerts to be resolved skipped: interrupted by Ctrl-C" in messages


def test_a_source_that_is_not_there_is_an_error_before_anything_is_broken(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with harness.service(free_port()) as service:
        gone = f"http://127.0.0.1:{free_port()}"
        document = _experiment(service.url, "", seconds=1, detection=[{"alertmanager": gone}])
        with harness.started(tmp_path, document) as run:
            assert run.finish() == ExitCode.ENVIRONMENT
            assert f"Alertmanager at {gone}" in run.stderr()
        assert service.get("/log") == ""


def test_the_plan_says_who_watches_and_for_which_alerts(tmp_path: Path) -> None:
    detection: list[Json] = [
        {"cloudwatch": ["errors", "latency"]},
        {"grafana": "http://g", "match": {"service": "shop"}},
    ]
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(_experiment("http://127.0.0.1:9", "", seconds=1, detection=detection)))
    drawn = plan.draw(load.load(str(path)), context="", environment="local", actions=[], locks=[])
    assert "  noticed   by cloudwatch errors, latency\n" in render.text(drawn)
    assert "            by grafana http://g, alerts with service='shop'\n" in render.text(drawn)
