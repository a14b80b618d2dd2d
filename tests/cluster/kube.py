"""Kube: the cluster as an independent witness sees it, through kubectl and not through our own client."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALL_S = 60
OBJECTS = (
    "deployments.apps", "services", "configmaps", "secrets", "networkpolicies.networking.k8s.io",
    "poddisruptionbudgets.policy", "jobs.batch", "daemonsets.apps", "leases.coordination.k8s.io",
)  # fmt: skip
"""What a run must leave as it found it, where the server serves it: a playground knows no jobs."""


NOT_HEARD = ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")


def find_kubectl() -> str | None:
    """KUBECTL, then PATH, then the environment's own, then the shared cluster's."""
    beside = Path(sys.executable).parent / "kubectl"
    candidates = (
        os.environ.get("KUBECTL"),
        shutil.which("kubectl"),
        str(beside),
        "/var/lib/chaos-run-cluster/bin/kubectl",
    )
    return next((c for c in candidates if c and Path(c).is_file()), None)


@dataclass(frozen=True)
class Kube:
    """One kubeconfig's current context, and the namespace the shop lives in."""

    kubectl: str
    kubeconfig: str
    namespace: str

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints. Raises AssertionError with its complaint."""
        env = {**os.environ, "KUBECONFIG": self.kubeconfig}
        command = [self.kubectl, *arguments]
        done = subprocess.run(
            command, input=stdin, env=env, text=True, capture_output=True, timeout=CALL_S, check=False
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
        return done.stdout

    def get(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """The items of a list, as JSON values."""
        items: list[dict[str, Any]] = json.loads(self.run("get", kind, *arguments, "-o", "json"))["items"]
        return items

    def pods(self) -> list[dict[str, Any]]:
        """The shop's pods that are not on their way out."""
        found = self.get("pods", "-n", self.namespace, "-l", "app=shop")
        return [p for p in found if "deletionTimestamp" not in p["metadata"]]

    def uids(self) -> dict[str, str]:
        """The shop's pods, UID to name."""
        return {p["metadata"]["uid"]: p["metadata"]["name"] for p in self.pods()}

    def cordons(self) -> dict[str, Any]:
        """Every node with whether it is cordoned and its taints, without those of a node that is not heard in time."""
        return {
            n["metadata"]["name"]: (
                n["spec"].get("unschedulable", False),
                sorted(t["key"] for t in n["spec"].get("taints", ()) if t["key"] not in NOT_HEARD),
            )
            for n in self.get("nodes")
        }

    def leases(self, namespace: str) -> dict[str, str]:
        """The leases of a namespace with their holders."""
        return {o["metadata"]["name"]: o["spec"].get("holderIdentity", "") for o in self.get("leases", "-n", namespace)}

    def snapshot(self) -> dict[str, Any]:
        """What a run must leave as it found it: nodes, the workload's wants, objects in the namespace, leases."""
        kinds = {*OBJECTS} & {*self.run("api-resources", "--namespaced", "-o", "name").split()}
        found = self.get(",".join(sorted(kinds)), "-n", self.namespace)
        return {
            "cordons": self.cordons(),
            "replicas": self.replicas(),
            "objects": sorted(f"{o['kind']}/{o['metadata']['name']}" for o in found),
            "node leases": [o["metadata"]["name"] for o in self.get("leases", "-n", "default")],
        }

    def replicas(self) -> int:
        """What the shop's deployment wants."""
        return int(self.run("get", "deployment", "shop", "-n", self.namespace, "-o", "jsonpath={.spec.replicas}"))

    def scale(self, replicas: int) -> None:
        """Scale the shop and wait until it is whole."""
        self.run("scale", "deployment/shop", "-n", self.namespace, f"--replicas={replicas}")
        self.wait_whole()

    def is_whole(self, replicas: int) -> bool:
        """Whether exactly so many pods are wanted, there and ready, in one look."""
        found = self.get("deployments,pods", "-n", self.namespace, "-l", "app=shop")
        shop = next(o for o in found if o["kind"] == "Deployment")
        counts = (shop["spec"]["replicas"], shop["status"].get("readyReplicas", 0), len(found) - 1)
        return counts == (replicas,) * 3

    def wait_whole(self) -> None:
        """Until the shop has exactly the pods that it wants, all ready."""
        self.run("rollout", "status", "deployment/shop", "-n", self.namespace, "--timeout=50s")
        until(lambda: len(self.pods()) == self.replicas(), 30, "the shop to have as many pods as it wants")

    def inhabited_zone(self) -> str:
        """The zone with the fewest pods of the shop, at least one: the shop's disruption budget lets go of one at a time."""
        homes = Counter(p["spec"]["nodeName"] for p in self.pods())
        home = min(homes, key=homes.__getitem__)
        node = next(n for n in self.get("nodes") if n["metadata"]["name"] == home)
        return str(node["metadata"]["labels"]["topology.kubernetes.io/zone"])

    def node_port(self) -> int:
        """The shop's port on every node."""
        return int(self.run("get", "service", "shop", "-n", self.namespace, "-o", "jsonpath={.spec.ports[0].nodePort}"))


def until(true: Callable[[], bool], seconds: float, what: str, every: float = 0.05) -> float:
    """Wait until it is true and return how long that took. Raises AssertionError after `seconds`."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"waited {seconds:g} s for {what}"
        time.sleep(every)
    return time.monotonic() - began


def answers_newcomers(url: str, asks: int = 20) -> bool:
    """Whether so many requests in half a second, each on a connection of its own, are all answered."""
    for _ in range(asks):
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            return False
        time.sleep(0.5 / asks)
    return True


def manifest(text: str, namespace: str, keep_port: bool) -> str:
    """The shop's manifest for another namespace; its port is then the cluster's choice."""
    if namespace != "shop":
        text = text.replace("namespace: shop", f"namespace: {namespace}").replace(
            "kind: Namespace\nmetadata:\n  name: shop", f"kind: Namespace\nmetadata:\n  name: {namespace}"
        )
    return text if keep_port else text.replace(", nodePort: 30080", "")
