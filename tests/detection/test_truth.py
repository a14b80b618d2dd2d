"""What alert systems do in earnest: restart, flap, keep an alert to themselves, answer through a gateway, and be away."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from runner.errors import ExitCode
from tests.detection.fake import fake_alertmanager
from tests.detection.rig import REAL, Rig, need, ready
from tests.detection.test_run import _experiment
from tests.fakes.listening import Quiet, listening
from tests.journeys import harness
from tests.journeys.harness import Json, Run, Service
from tests.ports import free_port
from tests.waiting import until

ALERTMANAGER = """
route:
  receiver: us
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
  routes: [{receiver: us, matchers: ['severity="ticket"'], group_wait: 5m}]
inhibit_rules: [{source_matchers: ['alertname="ClusterDown"'], target_matchers: ['service="shop"']}]
receivers: [{name: us, webhook_configs: [{url: "http://WEBHOOK/", send_resolved: true}]}]
"""
PROMETHEUS = """
global: {scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms}
rule_files: [rules.yml]
scrape_configs: [{job_name: shop, static_configs: [{targets: ["SHOP"]}]}]
"""
RULES = """
groups:
  - name: shop
    rules:
      - {alert: ShopErrors, expr: 'shop_broken{what="WHAT"} == 1', for: 1s, labels: {service: shop, severity: page}}
      - {alert: ShopSlow, expr: 'shop_broken{what="never"} == 1', for: 0s, labels: {service: shop, severity: ticket}}
"""


class Server:
    """A real server that can be killed and started again where it was."""

    def __init__(self, folder: Path, command: str, url: str) -> None:
        self.folder, self.command, self.url = folder, command.split(), url
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=log, stderr=log)
        until(lambda: ready(self.url), f"{self.command[0]} is ready")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def alertmanager(folder: Path, webhook: str) -> Iterator[Server]:
    need("prometheus-alertmanager")
    port = free_port()
    (folder / "am.yml").write_text(ALERTMANAGER.replace("WEBHOOK", webhook))
    options = f"--config.file=am.yml --storage.path=am --cluster.listen-address= --web.listen-address=127.0.0.1:{port}"
    found = Server(folder, f"prometheus-alertmanager {options}", f"http://127.0.0.1:{port}")
    found.start()
    try:
        yield found
    finally:
        found.stop()


@contextlib.contextmanager
def prometheus(folder: Path, shop: str, what: str) -> Iterator[Server]:
    need("prometheus")
    port = free_port()
    (folder / "prometheus.yml").write_text(PROMETHEUS.replace("SHOP", shop.removeprefix("http://")))
    (folder / "rules.yml").write_text(RULES.replace("WHAT", what))
    options = f"--config.file=prometheus.yml --storage.tsdb.path=tsdb --web.listen-address=127.0.0.1:{port}"
    found = Server(folder, f"prometheus {options} --rules.alert.for-grace-period=0s", f"http://127.0.0.1:{port}")
    found.start()
    try:
        until(lambda: b'"health":"up"' in got(f"{found.url}/api/v1/targets"), "the shop is scraped")
        yield found
    finally:
        found.stop()


def got(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return bytes(answer.read())


class Alert:
    """One alert as a Prometheus would send it."""

    def __init__(self, to: Server, **labels: str) -> None:
        self.to, self.labels = to, labels
        self.since = datetime.now(UTC)

    def fire(self) -> None:
        self.since = datetime.now(UTC)
        self.send_again()

    def send_again(self) -> None:
        self._post(datetime.now(UTC) + timedelta(minutes=5))

    def resolve(self) -> None:
        self._post(datetime.now(UTC))

    def _post(self, ends: datetime) -> None:
        said = [{"labels": self.labels, "startsAt": self.since.isoformat(), "endsAt": ends.isoformat()}]
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.to.url}/api/v2/alerts", json.dumps(said).encode(), headers)
        urllib.request.urlopen(request, timeout=5).close()


def run(service: Service, seconds: float, detection: list[Json], **expect: object) -> Json:
    """A fault of a service of our own that lasts so long; alerts are posted by the test."""
    wanted = {"expect": expect} if expect else {}
    return _experiment(service.url, "", seconds=seconds, detection=detection, **wanted)


def messages(found: Run) -> str:
    return "\n".join(f["message"] for f in found.named("finding"))


def marks(found: Run, stage: str) -> list[Json]:
    return [m for m in harness.record(found)["marks"] if m["name"] == stage]


def since_undone(found: Run, mark: Json) -> float:
    return float(mark["mono_ns"] - marks(found, "undone")[0]["mono_ns"]) / 1e9


@pytest.mark.slow(REAL)
def test_an_alert_that_flaps_ends_with_its_last_all_clear_and_that_it_flapped_is_told(
    tmp_path: Path, service: Service
) -> None:
    with alertmanager(tmp_path, "127.0.0.1:9") as am:
        detection = [{"alertmanager": am.url, "match": {"service": "shop"}}]
        document = run(service, 5, detection, resolved_within="8s")
        with harness.started(tmp_path, document) as found:
            alert = Alert(am, alertname="ShopErrors", service="shop")
            found.until("injected")
            alert.fire()
            found.until("alert", stage="firing")
            alert.resolve()
            found.until("alert", stage="resolved")
            time.sleep(0.5)
            alert.fire()
            found.until("undone")
            time.sleep(1.0)
            ended = time.monotonic_ns()
            alert.resolve()
            found.finish()
    (resolved,) = marks(found, "resolved")
    assert resolved["mono_ns"] == pytest.approx(ended, abs=0.3e9)
    assert "ShopErrors was resolved and fired again once: the last resolution counts" in messages(found)
    assert harness.record(found)["alerting"]["failures"] == []
    assert found.verdict["stages"]["resolved"] > found.verdict["stages"]["undone"]


@pytest.mark.slow(REAL)
def test_an_all_clear_that_comes_too_late_after_a_false_one_fails_what_the_file_expects(
    tmp_path: Path, service: Service
) -> None:
    with alertmanager(tmp_path, "127.0.0.1:9") as am:
        document = run(service, 3, [{"alertmanager": am.url}], resolved_within="1500ms")
        with harness.started(tmp_path, document) as found:
            alert = Alert(am, alertname="ShopErrors", service="shop")
            found.until("injected")
            alert.fire()
            found.until("alert", stage="firing")
            alert.resolve()
            found.until("alert", stage="resolved")
            alert.fire()
            assert found.finish() == ExitCode.FAIL
    assert "no alert was resolved, expected within 1.5s" in found.verdict["sentence"]
    assert marks(found, "resolved") == []


@pytest.mark.slow(REAL)
def test_an_alertmanager_that_was_restarted_and_hears_of_the_alert_again_had_not_resolved_it(
    tmp_path: Path, service: Service
) -> None:
    with alertmanager(tmp_path, "127.0.0.1:9") as am:
        document = run(service, 6, [{"alertmanager": am.url}], resolved_within="8s")
        with harness.started(tmp_path, document) as found:
            alert = Alert(am, alertname="ShopErrors", service="shop")
            found.until("injected")
            alert.fire()
            found.until("alert", stage="firing")
            am.stop()
            am.start()
            found.until("alert", stage="resolved")  # it has forgotten
            alert.send_again()  # as Prometheus does: the same alert, since when it began
            found.until("undone")
            alert.resolve()
            found.finish()
    (resolved,) = marks(found, "resolved")
    assert since_undone(found, resolved) > -0.1
    assert len(marks(found, "firing")) == 1
    stages = [e["stage"] for e in found.named("alert") if e["stage"] != "received"]
    assert stages == ["firing", "resolved", "firing", "resolved"]  # who watches hears that it was taken back


@pytest.mark.slow(REAL)
def test_a_prometheus_that_is_restarted_while_it_fires_does_not_give_the_all_clear(tmp_path: Path, there: Rig) -> None:
    with prometheus(tmp_path, there.shop, "conform") as real:
        detection = [{"prometheus": real.url, "match": {"service": "shop"}}]
        document = _experiment(
            there.shop, "/conform", seconds=9, detection=detection, expect={"resolved_within": "10s"}
        )
        with harness.started(tmp_path, document) as found:
            found.until("alert", stage="firing")
            real.stop()
            time.sleep(4)
            real.start()
            found.finish()
    (resolved,) = marks(found, "resolved")
    assert since_undone(found, resolved) > 0
    assert harness.record(found)["alerting"]["failures"] == []
    assert "fired again" not in messages(found)
    assert [e["stage"] for e in found.named("alert")].count("resolved") == 1


@pytest.mark.slow(REAL)
def test_who_was_told_nothing_and_why_is_what_the_alertmanager_says(tmp_path: Path, service: Service) -> None:
    webhook = f"127.0.0.1:{free_port()}"
    with alertmanager(tmp_path, webhook) as am:
        other = Alert(am, alertname="ClusterDown", service="cluster")
        other.fire()
        detection = [
            {"alertmanager": am.url, "match": {"service": "shop"}},
            {"webhook": webhook, "match": {"service": "shop"}},
        ]
        with harness.started(tmp_path, run(service, 2, detection, notified_within="1s")) as found:
            alert = Alert(am, alertname="ShopErrors", service="shop")
            found.until("injected")
            alert.fire()
            found.until("alert", stage="firing")
            found.until("undone")
            alert.resolve()
            assert found.finish() == ExitCode.FAIL
    said = "fired, not notified: alertmanager suppressed ShopErrors: inhibited by ClusterDown"
    assert said in messages(found)
    assert harness.record(found)["alerting"]["unnotified"] == said
    assert "shorter than the pipeline" not in messages(found)


@pytest.mark.slow(REAL)
def test_the_floor_is_that_of_the_rule_and_the_route_of_the_alert(tmp_path: Path, there: Rig) -> None:
    webhook = f"127.0.0.1:{free_port()}"
    with alertmanager(tmp_path, webhook) as am, prometheus(tmp_path, there.shop, "team") as real:
        detection = [{"prometheus": real.url}, {"alertmanager": am.url}]
        named = {"alert": "ShopErrors"}  # which has the severity of its rule, and so no ticket is written
        document = _experiment(there.shop, "/team", seconds=3.5, detection=detection, expect=named)
        with harness.started(tmp_path, document) as found:
            found.finish()
    said = "worst-case alerting delay: 2s (scrape 0.5s + evaluation 0.5s + for 1s + group_wait 0ms)"
    assert said in messages(found).replace("500ms", "0.5s")
    assert "may only mean that the fault is too short" not in messages(found)
    assert harness.record(found)["alerting"]["floor"] == {
        "scrape": 0.5,
        "evaluation": 0.5,
        "for": 1.0,
        "group_wait": 0.0,
    }


@contextlib.contextmanager
def gateway(real: str, ahead_s: float) -> Iterator[str]:
    """A real server behind one that puts in a Date of its own."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            there = http.client.HTTPConnection(str(urlsplit(real).netloc), timeout=5)
            there.request("GET", self.path)
            answer = there.getresponse()
            body = answer.read()
            there.close()
            self.send_response_only(answer.status)
            self.send_header("Date", format_datetime(datetime.now(UTC) + timedelta(seconds=ahead_s), usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as url:
        yield url


@pytest.mark.slow(REAL)
@pytest.mark.parametrize("ahead_s", [90.0, -600.0])
def test_a_date_that_the_answers_contradict_hides_no_alert_and_widens_the_error(
    ahead_s: float, tmp_path: Path, there: Rig
) -> None:
    with prometheus(tmp_path, there.shop, "before") as real, gateway(real.url, ahead_s) as url:
        document = _experiment(there.shop, "/before", seconds=60, detection=[{"prometheus": url}])
        with harness.started(tmp_path, document) as found:
            found.until("alert", stage="firing")
            found.process.terminate()
            found.finish()
    assert "was firing already" not in messages(found)
    assert "no alert fired" not in messages(found)
    (firing,) = marks(found, "firing")
    injected = marks(found, "injected")[0]["mono_ns"]
    assert 1.0 < (firing["mono_ns"] - injected) / 1e9 < 15, (
        "by a clock that is off by a minute and more it would not be"
    )
    assert firing["error_s"] == pytest.approx(abs(ahead_s), abs=2)
    way = "1m30s ahead of" if ahead_s > 0 else "10m behind"
    assert f"its Date header puts its clock {way} ours, the times in its answers say as ours" in messages(found)


@pytest.mark.slow(REAL)
def test_an_alertmanager_behind_such_a_gateway_is_dated_by_what_it_received(tmp_path: Path, service: Service) -> None:
    there = alertmanager(tmp_path, "127.0.0.1:9")
    with (
        there as am,
        gateway(am.url, 90.0) as url,
        harness.started(tmp_path, run(service, 3, [{"alertmanager": url}])) as found,
    ):
        alert = Alert(am, alertname="ShopErrors", service="shop")
        found.until("injected")
        alert.fire()
        fired = time.monotonic_ns()
        found.until("alert", stage="firing")
        found.finish()
    (firing,) = marks(found, "firing")
    assert firing["mono_ns"] == pytest.approx(fired, abs=0.5e9)
    assert firing["error_s"] == pytest.approx(90, abs=2)
    assert "its clock 1m30s ahead of ours" in messages(found)


@pytest.mark.slow(REAL)
def test_nothing_is_said_to_be_missing_where_the_source_could_not_be_asked(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with harness.service(free_port()) as service, fake_alertmanager() as pretended:
        expect = {"alerts": ["missing"], "detected_within": "20s"}
        document = _experiment(service.url, "", seconds=4, detection=[{"alertmanager": pretended.url}], expect=expect)
        with harness.started(tmp_path, document) as found:
            found.until("injected")
            pretended.status = 500
            threading.Timer(2.5, setattr, (pretended, "status", 200)).start()
            code = found.finish()
    assert "no alert fired" not in messages(found)
    assert "not detected, expected" not in found.verdict["sentence"]
    said = f"whether an alert fired is unknown: alertmanager {pretended.url} could not be asked for "
    assert said in messages(found)
    assert said in found.verdict["sentence"]
    assert "whether the fault was detected within 20s is unknown" in found.verdict["sentence"]
    assert code == ExitCode.INCONCLUSIVE
    assert found.verdict["ttd_s"] < 1.5  # nobody noticed until then, and no later


@pytest.mark.slow(REAL)
def test_a_source_that_answered_all_the_time_does_say_that_nothing_fired(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with harness.service(free_port()) as service, fake_alertmanager() as pretended:
        expect = {"alerts": ["missing"]}
        document = _experiment(service.url, "", seconds=3, detection=[{"alertmanager": pretended.url}], expect=expect)
        with harness.started(tmp_path, document) as found:
            assert found.finish() == ExitCode.FAIL
    assert "users were affected, but no alert fired" in found.verdict["sentence"]
    assert "unwatched" not in found.verdict
