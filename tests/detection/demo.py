"""`make demo-alerts`: a pod of the embedded shop is killed while a real Prometheus and Alertmanager watch; who noticed, and when?

The on-call is played by this script: it acknowledges two seconds after the alert has come in, as a person would with `chaos-run ack`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubernetes import client, config

from runner.experiment.source import read
from tests.detection import rig
from tests.fakes.listening import Quiet, listening

ROOT = Path(__file__).parents[2]
RULES = """
groups:
  - name: shop
    rules:
      - alert: ShopPodLost
        expr: shop_pods_lost_total - shop_pods_lost_total offset 10s > 0
        for: 1s
        labels: {service: shop, team: storefront}
      - alert: NodePodChurn
        expr: shop_pods_lost_total - shop_pods_lost_total offset 10s > 0
        labels: {team: platform}
"""


class Pods:
    """How many pods of the shop are gone since we look; asked of the playground's own API."""

    def __init__(self, kubeconfig: str) -> None:
        self._api = client.CoreV1Api(config.new_client_from_config(kubeconfig))
        self._seen: set[str] = set()

    def lost(self) -> int:
        there = {pod.metadata.uid for pod in self._api.list_namespaced_pod("shop").items}
        self._seen |= there
        return len(self._seen - there)


def main() -> int:
    """The run's own exit code."""
    ran = [sys.executable, "-m", "runner"]
    with tempfile.TemporaryDirectory(prefix="demo-alerts-") as name, _playground(ran) as found:
        folder, ports = Path(name), {n: rig.free_port() for n in ("shop", "prometheus", "alertmanager", "webhook")}
        print("starting Prometheus and Alertmanager …", flush=True)
        with _metrics(Pods(found["kubeconfig"]), ports["shop"]), rig.servers(folder, ports, RULES):
            url = {n: f"http://127.0.0.1:{port}" for n, port in ports.items()}
            rig.until(lambda: rig.ready(url["prometheus"]) and rig.ready(url["alertmanager"]), "the servers are ready")
            time.sleep(12)  # until the rule can look ten seconds back
            experiment = _experiment(folder, url, f"127.0.0.1:{ports['webhook']}")
            threading.Thread(target=_on_call, args=(ran, url["alertmanager"]), daemon=True).start()
            return subprocess.call([*ran, str(experiment), "--playground"], cwd=ROOT)


def _experiment(folder: Path, url: dict[str, str], webhook: str) -> Path:
    """The catalogue's pod-kill, with the alerts it is watched by."""
    document: dict[str, Any] = json.loads(json.dumps(read(str(ROOT / "experiments" / "pod-kill.yaml")).tree))
    document["extensions"][0] |= {
        "detection": [
            {"prometheus": url["prometheus"], "match": {"service": "shop"}},
            {"alertmanager": url["alertmanager"], "match": {"service": "shop"}},
            {"webhook": webhook, "match": {"service": "shop"}},
        ],
        "silence": [{"alertmanager": url["alertmanager"], "match": {"alertname": "NodePodChurn"}}],
        "expect": {
            "alert": "ShopPodLost",
            "labels": {"team": "storefront"},
            "recovered_within": "2m",
            "resolved_within": "30s",
            "alerts": ["missing", "other-first", "wrong-team", "already-firing"],
        },
    }
    path = folder / "pod-kill-with-alerts.json"
    path.write_text(json.dumps(document))
    return path


@contextlib.contextmanager
def _playground(ran: list[str]) -> Iterator[dict[str, Any]]:
    """The one that is up already, or one that goes down with us."""
    status = subprocess.run([*ran, "playground", "status", "--json"], cwd=ROOT, capture_output=True, text=True)
    was_up = status.returncode == 0
    up = subprocess.run([*ran, "playground", "up", "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    try:
        yield json.loads(up.stdout)
    finally:
        if not was_up:
            subprocess.run([*ran, "playground", "down"], cwd=ROOT, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def _metrics(pods: Pods, port: int) -> Iterator[None]:
    class Handler(Quiet):
        def do_GET(self) -> None:
            self.answer(f"shop_pods_lost_total {pods.lost()}\n".encode())

    with listening(Handler, port):
        yield


def _on_call(ran: list[str], alertmanager: str) -> None:
    """Wait for the page, look at it for two seconds, say so, and a little later that it is mended."""
    while True:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{alertmanager}/api/v2/alerts?silenced=false", timeout=2) as answer,
        ):
            if json.load(answer):
                break
        time.sleep(0.2)
    for seconds, command in ((2, "ack"), (3, "mitigated")):
        time.sleep(seconds)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": dict(os.environ)}
        subprocess.run([*ran, command, "last", "--by", "on-call (this demo)"], cwd=ROOT, **quiet)  # type: ignore[call-overload]


if __name__ == "__main__":
    sys.exit(main())
