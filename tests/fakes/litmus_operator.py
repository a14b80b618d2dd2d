"""A stand-in for Litmus' operator and its experiment pods: it writes into the API what those write, and strikes the pods it is told to.

Litmus itself is not to be had here. What it does: shared reference drivers, 1.2 to 1.5 (states, marks, stop, what pod-delete never says),
ground (Litmus: finalizer, `initialized` with `experiments: null` where the ChaosExperiment is missing, stopped and without a finalizer
after the patch), and litmuschaos/chaos-operator controllers/chaosengine_controller.go (Reconcile, reconcileForDelete, updateChaosResult).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runner.faults.cluster_api import ClusterApi, Object, troubles

FINALIZER = "chaosengine.litmuschaos.io/finalizer"
LITMUS = "/apis/litmuschaos.io/v1alpha1/namespaces"
EVERY_S = 0.05


@dataclass
class Operator:
    """Of one namespace."""

    api: ClusterApi
    ns: str
    helper_is_killed: bool = False
    """The helper ends before it could put back its change: the mark stays `injected` (litmus issue 2359)."""
    began: dict[str, float] = field(default_factory=dict)
    """By the UID of an engine."""

    def look(self) -> None:
        """At every engine, once."""
        for engine in self.api.items(self._path("chaosengines")):
            self._reconcile(engine)

    def _reconcile(self, engine: Object) -> None:
        state, status = engine["spec"].get("engineState"), (engine.get("status") or {}).get("engineStatus")
        if "deletionTimestamp" in engine["metadata"]:
            self._end(engine, "Stopped", "stopped")
        elif state == "active" and not status:
            begun = {"engineStatus": "initialized", "experiments": None}
            self._write(engine, {"metadata": {"finalizers": [FINALIZER]}, "status": begun})
        elif state == "active" and status == "initialized":
            self._run(engine)
        elif state == "stop" and status == "initialized":
            self._end(engine, "Stopped", "stopped")

    def _run(self, engine: Object) -> None:
        uid, (experiment,) = engine["metadata"]["uid"], engine["spec"]["experiments"]
        if uid not in self.began and self.api.get(self._path("chaosexperiments", experiment["name"])):
            self.began[uid] = time.monotonic()
            self._begin(engine, experiment["name"])
        elif time.monotonic() - self.began.get(uid, time.monotonic()) > float(
            self._env(engine)["TOTAL_CHAOS_DURATION"]
        ):
            self._end(engine, "Pass", "completed")

    def _begin(self, engine: Object, fault: str) -> None:
        name, uid = engine["metadata"]["name"], engine["metadata"]["uid"]
        for pod in (f"{name}-runner", f"{name}-{fault}-x7f3a"):
            self._pod(pod, {"app": name, "chaosUID": uid})
        marks = self._strike(engine, fault)
        labels = {"chaosUID": uid, "name": f"{name}-{fault}"}
        result = {"name": f"{name}-{fault}", "labels": labels, "annotations": marks}
        status = {"experimentStatus": {"phase": "Running", "verdict": "Awaited", "probeSuccessPercentage": "Awaited"}}
        kind = {"apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosResult"}
        self.api.create(self._path("chaosresults"), {**kind, "metadata": result, "spec": {}, "status": status})
        running = {"name": fault, "runner": f"{name}-runner", "experimentPod": f"{name}-{fault}-x7f3a"}
        self._write(engine, {"status": {"experiments": [{**running, "status": "Running", "verdict": "Awaited"}]}})

    def _strike(self, engine: Object, fault: str) -> dict[str, str]:
        """One pod; what is marked of it."""
        about = engine["spec"]["appinfo"]
        name, _, value = about["applabel"].partition("=")
        pod, *_ = self.api.items(self._pods(), labelSelector=about["applabel"])
        if fault != "pod-delete":
            return {f"pod/{pod['metadata']['name']}": "injected"}
        self.api.delete(f"{self._pods()}/{pod['metadata']['name']}")
        self._pod(f"{value}-{time.monotonic_ns():x}", {name: value})  # as its ReplicaSet does
        return {f"{about['appkind']}/{value}": "targeted"}

    def _end(self, engine: Object, verdict: str, status: str) -> None:
        uid, retained = engine["metadata"]["uid"], status == "completed"
        for pod in self.api.items(self._pods(), labelSelector=f"chaosUID={uid}"):
            path = f"{self._pods()}/{pod['metadata']['name']}"
            if retained:
                self.api.merge(f"{path}/status", {"status": {"phase": "Succeeded"}})
            else:
                self.api.delete(path)
        for result in self.api.items(self._path("chaosresults"), labelSelector=f"chaosUID={uid}"):
            self._close(result, verdict)
        told = [{**e, "status": "Completed" if retained else "Forcefully Aborted", "verdict": verdict}
                for e in (engine.get("status") or {}).get("experiments") or ()]  # fmt: skip
        finalizers = {} if retained else {"metadata": {"finalizers": None}}
        ended = {"status": {"engineStatus": status, "experiments": told}}
        self._write(engine, {**ended, **finalizers, "spec": {"engineState": "stop"}})

    def _close(self, result: Object, verdict: str) -> None:
        marks = result["metadata"].get("annotations") or {}
        targets = [
            {
                "kind": kind,
                "name": name,
                "chaosStatus": word if self.helper_is_killed or word == "targeted" else "reverted",
            }
            for mark, word in marks.items()
            for kind, _, name in [mark.partition("/")]
        ]
        phase = "Completed" if verdict == "Pass" else "Stopped"
        said: dict[str, Any] = {
            "experimentStatus": {"phase": phase, "verdict": verdict},
            "history": {"targets": targets},
        }
        path = self._path("chaosresults", result["metadata"]["name"])
        self.api.merge(path, {"metadata": {"annotations": dict.fromkeys(marks)}, "status": said if targets else {}})

    def _pod(self, name: str, labels: dict[str, str]) -> None:
        spec = {"containers": [{"name": "main", "image": "none"}]}
        metadata = {"name": name, "namespace": self.ns, "labels": labels}
        self.api.create(self._pods(), {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def _write(self, engine: Object, change: Object) -> None:
        self.api.merge(self._path("chaosengines", engine["metadata"]["name"]), change)

    def _env(self, engine: Object) -> dict[str, str]:
        (experiment,) = engine["spec"]["experiments"]
        return {e["name"]: e["value"] for e in experiment["spec"]["components"]["env"]}

    def _path(self, plural: str, name: str = "") -> str:
        return f"{LITMUS}/{self.ns}/{plural}" + (f"/{name}" if name else "")

    def _pods(self) -> str:
        return f"/api/v1/namespaces/{self.ns}/pods"


@contextlib.contextmanager
def running(operator: Operator) -> Iterator[None]:
    """In a thread, for as long as the block."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(EVERY_S):
            with contextlib.suppress(*troubles()):
                operator.look()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
