"""The rig: a real Prometheus and a real Alertmanager of Debian's packages, run by hand, over a shop that breaks on command."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.listening import Quiet, listening
from tests.ports import free_port
from tests.waiting import until

PROGRAMS = ("prometheus", "prometheus-alertmanager")
REAL = "a real Prometheus evaluates once a second, and the alert has to fire, to be told and to resolve"
"""Why tests on the rig are slow."""
WHATS = ("errors", "blip", "brief", "conform", "stages", "team", "before", "missed", "others")
"""What can break: one for each test, for an Alertmanager that nobody listened to goes on trying, group by group."""

PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ["127.0.0.1:{shop}"]}}]}}]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
"""
RULES = """
groups:
  - name: shop
    rules:
      - {alert: ShopErrors, expr: 'shop_broken{what!~"blip|brief"} == 1', for: 1s, labels: {service: shop, team: storefront}}
      - {alert: ShopBlip, expr: 'shop_broken{what="blip"} == 1', for: 1s, labels: {service: shop, team: storefront}}
      - {alert: ShopBrief, expr: 'shop_broken{what="brief"} == 1', for: 1s, labels: {service: shop, team: storefront}}
"""
ALERTMANAGER = """
route:
  {{receiver: us, group_by: [alertname, what], group_wait: 0s, group_interval: 1s, repeat_interval: 1h,
    routes: [{{receiver: us, matchers: ['alertname=~"ShopBlip|ShopBrief"'], group_wait: 6s}}]}}
receivers: [{{name: us, webhook_configs: [{{url: "http://127.0.0.1:{webhook}/", send_resolved: true}}]}}]
"""


@dataclass
class Rig:
    """Where everything is, and the switch."""

    prometheus: str
    alertmanager: str
    webhook: str
    """`host:port` that the Alertmanager tells; nobody listens there but a test."""
    shop: str
    """Its URL: `/` is broken and mended by `/break/WHAT` and `/mend/WHAT`, and `/metrics` says so."""
    broken: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(WHATS, False))


@contextlib.contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """Start all; skips where a program is missing. Both servers live in `folder` and end with it."""
    need(*PROGRAMS)
    ports = {name: free_port() for name in ("shop", "prometheus", "alertmanager", "webhook")}
    found = Rig(
        shop=f"http://127.0.0.1:{ports['shop']}",
        prometheus=f"http://127.0.0.1:{ports['prometheus']}",
        alertmanager=f"http://127.0.0.1:{ports['alertmanager']}",
        webhook=f"127.0.0.1:{ports['webhook']}",
    )
    with _shop(found, ports["shop"]), servers(folder, ports, RULES):
        until(lambda: ready(found.alertmanager) and ready(found.prometheus), "the servers are ready")
        until(lambda: _scraped(found), "the shop is scraped")  # a Prometheus looks for its targets after five seconds
        yield found


@contextlib.contextmanager
def servers(folder: Path, ports: dict[str, int], rules: str) -> Iterator[None]:
    """Both, over rules about what is at ports["shop"]; they end with it."""
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(PROMETHEUS.format(**ports))
    command = (
        f"prometheus --config.file=prometheus.yml --storage.tsdb.path=tsdb --log.level=warn "
        f"--web.listen-address=127.0.0.1:{ports['prometheus']}"
    )
    with alertmanager(folder, ports), _running(folder, command):
        yield


@contextlib.contextmanager
def alertmanager(folder: Path, ports: dict[str, int]) -> Iterator[None]:
    """The Alertmanager alone, at ports["alertmanager"], telling ports["webhook"]."""
    (folder / "alertmanager.yml").write_text(ALERTMANAGER.format(**ports))
    command = (
        f"prometheus-alertmanager --config.file=alertmanager.yml --storage.path=am --cluster.listen-address= "
        f"--web.listen-address=127.0.0.1:{ports['alertmanager']}"
    )
    with _running(folder, command):
        yield


@contextlib.contextmanager
def _running(folder: Path, command: str) -> Iterator[None]:
    with (folder / f"{command.split()[0]}.log").open("wb") as log:
        process = subprocess.Popen(command.split(), cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _shop(found: Rig, port: int) -> Iterator[None]:
    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = "".join(f'shop_broken{{what="{k}"}} {int(v)}\n' for k, v in found.broken.items()).encode()
            _, verb, *what = self.path.split("/")
            if verb in ("break", "mend"):
                found.broken[what[0]] = verb == "break"
            self.answer(body, 500 if self.path == "/" and any(found.broken.values()) else 200)

    with listening(Handler, port):
        yield


def need(*programs: str) -> None:
    """Skips where a program is missing."""
    if missing := [p for p in programs if not shutil.which(p)]:
        pytest.skip(f"no {' and no '.join(missing)} here: apt-get install prometheus prometheus-alertmanager")


def ready(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:
        return answer.status == 200
    return False


def firing(found: Rig, alert: str = "") -> bool:
    """Whether the Alertmanager has that alert, or any, as one that goes on."""
    with urllib.request.urlopen(f"{found.alertmanager}/api/v2/alerts", timeout=2) as answer:
        alerts = json.load(answer)
    now = datetime.now(UTC)
    return any(alert in ("", a["labels"]["alertname"]) and datetime.fromisoformat(a["endsAt"]) > now for a in alerts)


def _scraped(found: Rig) -> bool:
    with urllib.request.urlopen(f"{found.prometheus}/api/v1/query?query=shop_broken", timeout=1) as answer:
        return bool(json.load(answer)["data"]["result"])
