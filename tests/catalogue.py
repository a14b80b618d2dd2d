"""The catalogue, run: every experiment that can run here, one after the other, and a table of what came of it. `make catalogue`.

Where: the cluster of KUBECONFIG for those that need one, else the playground. What cannot run here is in the table with what is missing.
`make catalogue ONLY=latency` runs those whose name has the word.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from runner.experiment import catalogue
from runner.experiment.catalogue import CatalogueEntry
from runner.faults import needs
from runner.faults.kubernetes import resources
from runner.playground.start import SHOP
from tests.cluster import stress_image
from tests.cluster.kube import Kube, answers_newcomers, find_kubectl, manifest, until

ROOT = Path(__file__).parents[1]
REQUESTS, LIMITS = "cpu=50m,memory=32Mi", "cpu=500m,memory=64Mi"
"""Of each pod of the shop on a cluster: an autoscaler compares with the one, memory grows up to the other."""
VISITOR = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "visitor", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "visitor"}},
        "template": {
            "metadata": {"labels": {"app": "visitor"}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "visitor",
                        "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
                        "command": [
                            "sh",
                            "-c",
                            "while true; do nslookup backend.shop.svc.cluster.local.; sleep 0.5; done",
                        ],
                    }
                ],
            },
        },
    },
}
"""Looks up the name whose lookups the experiments disturb: the shop itself looks nothing up."""
METRICS = "api:metrics.k8s.io/v1beta1"
AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "shop", "namespace": "shop"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "minReplicas": 3,
        "maxReplicas": 6,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "100m"}},
            }
        ],
    },
}
OWNERS = {
    "system": "the fault system by itself",
    "undoer": "the undoer, a process of its own",
    "nobody": "nobody",
    "stays": "nobody: it is meant to stay",
}


@dataclass(frozen=True)
class Row:
    """One experiment, and what came of it."""

    name: str
    tool: str
    where: str
    verdict: str
    proven: str = ""
    undone: str = ""
    if_we_die: str = ""

    def cells(self) -> tuple[str, ...]:
        return (self.name, self.tool, self.where, self.verdict, self.proven, self.undone, self.if_we_die)


def main(words: list[str]) -> int:
    """The exit code: 1 where an undo failed or a run ended otherwise than by a verdict."""
    entries = [e for e in catalogue.entries(ROOT / "experiments") if all(word in e.name for word in words)]
    if not entries:
        print(f"no experiment's name has {' and '.join(words)}: see chaos-run catalog")
        return 2
    rows = []
    with _shop() if any(map(_on_cluster, entries)) else contextlib.nullcontext() as kube:
        for number, entry in enumerate(entries, 1):
            print(f"{number} of {len(entries)}  {entry.name} …", flush=True)
            began = time.monotonic()
            try:
                with _ready(kube, entry):
                    rows.append(_row(entry))
            except (AssertionError, OSError) as problem:  # what the earlier ones have shown is not lost
                rows.append(Row(entry.name, entry.tool, _place(entry)[0], f"no verdict: {problem}"))
            print(f"    {rows[-1].verdict[:160]} ({rows[-1].where}, {time.monotonic() - began:.0f} s)", flush=True)
    console = Console(width=None if sys.stdout.isatty() else 190)
    console.print(_table(rows))
    return any(row.verdict.startswith(("UNDO", "ENVIRONMENT", "no verdict")) for row in rows)


@contextlib.contextmanager
def _shop() -> Iterator[Kube]:
    """A shop of our own on the cluster of KUBECONFIG, with what an experiment needs of it, taken away again."""
    kubectl = find_kubectl()
    assert kubectl, "no kubectl here"
    kube = Kube(kubectl, os.environ["KUBECONFIG"], "shop")
    if any(n["metadata"]["name"] == "shop" for n in kube.get("namespaces")):
        raise SystemExit("this cluster has a namespace shop: here one is made, broken and taken away again")
    try:
        kube.run("apply", "-f", "-", stdin=manifest(SHOP.read_text("utf-8"), "shop", keep_port=True))
        kube.run("apply", "-f", "-", stdin=json.dumps(VISITOR))
        kube.run("-n", "shop", "set", "resources", "deployment/shop", f"--requests={REQUESTS}", f"--limits={LIMITS}")
        os.environ.setdefault("SHOP_URL", f"http://127.0.0.1:{kube.node_port()}")
        yield kube
    finally:
        kube.run("delete", "namespace", "shop")


@contextlib.contextmanager
def _ready(kube: Kube | None, entry: CatalogueEntry) -> Iterator[None]:
    """What the run needs besides the shop."""
    if kube is None or not _on_cluster(entry) or _place(entry)[2]:
        yield
        return
    _spread(kube)
    with _autoscaler(kube) if METRICS in entry.needs else contextlib.nullcontext():
        yield


def _spread(kube: Kube) -> None:
    """A pod on each node again, whatever the experiment before has left empty."""
    kube.run("-n", "shop", "rollout", "restart", "deployment/shop")
    kube.run("-n", "shop", "rollout", "status", "deployment/shop", "--timeout=50s")
    nodes = len(kube.get("nodes"))
    until(lambda: len({p["spec"]["nodeName"] for p in _running(kube)}) == min(nodes, 3), 60, "a pod on each node")
    until(lambda: answers_newcomers(os.environ["SHOP_URL"]), 60, "the nodes' proxies to have learnt where the pods are")


def _running(kube: Kube) -> list[dict[str, Any]]:
    found = kube.get("pods", "-n", "shop", "-l", "app=shop", "--field-selector=status.phase=Running")
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


@contextlib.contextmanager
def _autoscaler(kube: Kube) -> Iterator[None]:
    """What an experiment waits for that keeps processors busy: the shop scales between three and six pods meanwhile."""
    try:
        kube.run("apply", "-f", "-", stdin=json.dumps(AUTOSCALER))
        until(
            lambda: resources.wishes(kube.get("hpa", "-n", "shop")), 90, "the autoscaler to have looked at its metrics"
        )
        if stress_image.COMMAND.exists() and "STRESS_IMAGE" not in os.environ:
            os.environ["STRESS_IMAGE"] = stress_image.put_on_nodes()
        yield
    finally:
        kube.run("-n", "shop", "delete", "hpa", "shop")
        kube.run("-n", "shop", "scale", "deployment", "shop", "--replicas=3")


def _on_cluster(entry: CatalogueEntry) -> bool:
    return "cluster" in entry.needs and bool(os.environ.get("KUBECONFIG"))


def _row(entry: CatalogueEntry) -> Row:
    where, options, lacking = _place(entry)
    if lacking:
        return Row(entry.name, entry.tool, where, f"did not run: {'; '.join(lacking)}")
    with tempfile.TemporaryDirectory(prefix="chaos-run-catalogue-") as folder:
        words = [sys.executable, "-m", "runner", "run", str(ROOT / "experiments" / f"{entry.name}.yaml"), "--json"]
        around = os.environ | {"XDG_STATE_HOME": folder}
        done = subprocess.run([*words, *options], capture_output=True, text=True, check=False, cwd=ROOT, env=around)
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        found = next(Path(folder).glob("chaos-run/runs/*/record.json"), None)
        if found is None or not any(event["event"] == "verdict" for event in events):
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return Row(entry.name, entry.tool, where, f"no verdict: {' '.join(said)[:300]}")
        return _told(entry, where, json.loads(found.read_text()))


def _place(entry: CatalogueEntry) -> tuple[str, list[str], list[str]]:
    """Where it runs, by which options, and what is missing for it."""
    lacking = [f"the Python package {package} is not installed" for package in entry.missing]
    rest = [need for need in entry.needs if need not in needs.PLAYGROUND]
    if _on_cluster(entry):
        return "cluster of KUBECONFIG", [], [*lacking, *needs.missing(["cluster", *rest])]
    return "playground", ["--playground"], [*lacking, *needs.missing(rest)]


def _told(entry: CatalogueEntry, where: str, record: dict[str, Any]) -> Row:
    faults, steps = record["faults"], record["undo"]
    residue = record["residue"]
    verdict = str(record["verdict"])
    if verdict != "PASS":
        verdict += f": {record['sentence']}"
    if residue:
        verdict += f"; LEFT BEHIND: {'; '.join(residue)}"
    return Row(
        entry.name,
        entry.tool,
        where,
        verdict,
        "; ".join(f"{fault['proof']}: {fault['evidence']}" for fault in faults),
        "; ".join(dict.fromkeys(_steps(steps))) or "nothing to undo",
        "; ".join(dict.fromkeys(OWNERS.get(fault["undo_owner"], fault["undo_owner"]) for fault in faults)),
    )


def _steps(steps: list[dict[str, Any]]) -> Iterator[str]:
    """What was undone, or found undone."""
    for step in steps:
        if step["step"]:
            yield f"{step['what']} ({step['state']}{', ' + step['error'] if step['error'] else ''})"


def _table(rows: list[Row]) -> Table:
    table = Table(show_lines=True)
    for name in ("experiment", "tool", "where", "verdict", "how proven", "undone how", "if we die"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row.cells())
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
