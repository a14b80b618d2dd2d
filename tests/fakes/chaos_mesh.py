"""An API server with Chaos Mesh in it, as far as its driver can tell.

What it answers are facts of the real one (the driver facts, section 2; "Chaos Mesh facts seen live" of the ground facts); the tests on
the real controller, tests/cluster/test_chaos_mesh.py, hold it to them. Pods are values. Each object is brought up to date when somebody
asks: how it goes is the server's `way`.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.listening import Quiet, listening

API = "/apis/chaos-mesh.org/v1alpha1"
FINALIZER = "chaos-mesh/records"
FORCED = "chaos-mesh.chaos-mesh.org/cleanFinalizer"
NETEM = "failed to apply: exit status 2: Error: Specified qdisc kind is unknown."
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ChaosMesh:
    """One cluster: three pods of a shop and two of a till, and the objects of Chaos Mesh."""

    def __init__(self) -> None:
        self.url = ""
        self.way = "injects"
        """`injects`, `fails` (as netem does here), `lies` (says Injected and does nothing, as memory stress does here), `partial`, `deaf`
        (no controller runs), `late` (injects after a second)."""
        self.trouble = ""
        """`429`, `500`, or `no answer`: connections are closed without one."""
        self.forbidden: tuple[str, ...] = ()
        """Words of paths that are answered with 403."""
        self.served = True
        self.metrics = True
        self.kubelet = True
        self.loses = False
        """Whether it does what it is asked to make, and closes the connection without a word."""
        self.stays = False
        """Whether an object waits for its finalizer for ever once it is deleted."""
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.pods: dict[tuple[str, str], dict[str, Any]] = {}
        self.calls: list[str] = []
        self.lock = threading.RLock()
        for app, count in (("shop", 3), ("till", 2)):
            for number in range(count):
                self.add_pod(f"{app}-{number}", app)

    def add_pod(self, name: str, app: str, namespace: str = "shop") -> None:
        metadata = {"name": name, "namespace": namespace, "uid": str(uuid.uuid4()), "labels": {"app": app}}
        metadata |= {"ownerReferences": [{"kind": "ReplicaSet", "name": app}]}
        limits = {"limits": {"cpu": "500m", "memory": "128Mi"}}
        container = {"name": app, "image": "agnhost", "resources": limits, "ports": [{"containerPort": 8080}]}
        state = {"name": app, "containerID": f"containerd://{uuid.uuid4().hex}", "restartCount": 0, "ready": True}
        self.pods[namespace, name] = {
            "metadata": metadata,
            "spec": {"nodeName": "worker1", "containers": [container]},
            "status": {"phase": "Running", "containerStatuses": [state]},
            "usage": {"cpu": 0.01, "memory": 20 * 1024**2},
            "late_s": 0.0,
            "offset_s": 0.0,
        }

    def rules(self, namespace: str, pod: str, source: str) -> None:
        """What a forced clean-up leaves in a pod: the README of the real systems: "The pod then stays poisoned"."""
        spec = {"tcs": [{"type": "netem", "source": source}], "iptables": [], "ipsets": []}
        metadata = {"name": pod, "namespace": namespace, "uid": str(uuid.uuid4())}
        self.objects["podnetworkchaos", namespace, pod] = {"metadata": metadata, "spec": spec}

    def make(self, plural: str, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        """Somebody creates an object."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        metadata = {"creationTimestamp": now, "uid": str(uuid.uuid4()), **body["metadata"]}
        found = {**body, "metadata": metadata, "made": time.monotonic(), "done": False}
        self.objects[plural, namespace, metadata["name"]] = found
        return found

    def mine(self) -> list[dict[str, Any]]:
        """The chaos objects, without the rules of pods."""
        return [found for (plural, _, _), found in self.objects.items() if plural != "podnetworkchaos"]

    def selected(self, found: dict[str, Any], selector: dict[str, Any]) -> list[str]:
        """`namespace/pod` of those that match."""
        spaces = selector.get("namespaces") or [found["metadata"]["namespace"]]
        labels = selector.get("labelSelectors") or {}
        fits = [
            f"{space}/{name}"
            for (space, name), pod in sorted(self.pods.items())
            if space in spaces and labels.items() <= pod["metadata"]["labels"].items()
        ]
        mode, value = found["spec"].get("mode"), found["spec"].get("value")
        return fits[: {"one": 1, "fixed": int(value or 0)}.get(mode, len(fits))]

    def advance(self) -> None:
        """Every object as its controller would have it by now."""
        for key, found in [*self.objects.items()]:
            if key[0] != "podnetworkchaos" and self.way != "deaf":
                self._advance(key, found)
            elif "deletionTimestamp" in found["metadata"]:
                del self.objects[key]

    def _advance(self, key: tuple[str, str, str], found: dict[str, Any]) -> None:
        age = time.monotonic() - found["made"]
        if self.way == "late" and age < 1:
            return
        if "status" not in found:
            self._begin(found)
        once = found["spec"].get("action") in ("pod-kill", "container-kill")
        over = not once and "duration" in found["spec"] and age > _seconds(found["spec"]["duration"])
        leaving = "deletionTimestamp" in found["metadata"]
        if (over or leaving) and not self.stays:
            self._recover(found)
        if leaving and (FORCED in (found["metadata"].get("annotations") or {}) or not self._waits(found)):
            del self.objects[key]

    def _waits(self, found: dict[str, Any]) -> bool:
        """For a daemon that can never put it back."""
        return self.stays or any(
            r["phase"] == "Not Injected/Wait" for r in found["status"]["experiment"]["containerRecords"]
        )

    def _begin(self, found: dict[str, Any]) -> None:
        found["metadata"]["finalizers"] = [FINALIZER]
        spec = found["spec"]
        chosen = [(name, ".") for name in self.selected(found, spec["selector"])]
        if "target" in spec:
            chosen += [(name, ".Target") for name in self.selected(found, spec["target"]["selector"])]
        records = [self._record(found, name, side, number) for number, (name, side) in enumerate(chosen)]
        injected = bool(records) and all(r["phase"] == "Injected" for r in records)
        found["status"] = {
            "conditions": [
                {"type": "Selected", "status": str(bool(records))},
                {"type": "AllInjected", "status": str(injected)},
                {"type": "AllRecovered", "status": str(not injected)},
            ],
            "experiment": {"desiredPhase": "Run", **({"containerRecords": records} if records else {})},
        }

    def _record(self, found: dict[str, Any], name: str, side: str, number: int) -> dict[str, Any]:
        fails = self.way == "fails" or (self.way == "partial" and number)
        if fails:
            space, _, pod = name.partition("/")
            self.rules(space, pod, f"{space}/{found['metadata']['name']}")
        elif self.way != "lies":
            self._strike(found, name)
        event = {"operation": "Apply", "type": "Failed" if fails else "Succeeded", "message": NETEM if fails else ""}
        event["timestamp"] = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        phase, count = ("Not Injected/Wait", 0) if fails else ("Injected", 1)
        events = [event, event, event] if fails else [event]  # it is tried again and again
        record = {"id": name, "selectorKey": side, "phase": phase, "injectedCount": count, "recoveredCount": 0}
        return record | {"events": events}

    def _recover(self, found: dict[str, Any]) -> None:
        experiment = found["status"]["experiment"]
        experiment["desiredPhase"] = "Stop"
        for record in experiment.get("containerRecords") or ():
            if record["phase"] == "Injected":
                record |= {"phase": "Not Injected", "recoveredCount": record["injectedCount"]}
                record["events"] = [*record["events"], {"operation": "Recover", "type": "Succeeded", "timestamp": "x"}]
                self._heal(record["id"])
        experiment.setdefault("containerRecords", [])

    def _strike(self, found: dict[str, Any], name: str) -> None:
        space, _, pod = name.partition("/")
        there, spec = self.pods[space, pod], found["spec"]
        if spec.get("action") == "pod-kill":
            app = there["metadata"]["labels"]["app"]
            del self.pods[space, pod]
            self.add_pod(f"{app}-{uuid.uuid4().hex[:5]}", app, space)
        elif spec.get("action") in ("pod-failure", "container-kill"):
            there["status"]["containerStatuses"][0]["containerID"] = f"containerd://{uuid.uuid4().hex}"
        if spec.get("action") == "pod-failure":
            there["spec"]["containers"][0]["image"] = "pause"
        if spec.get("action") == "delay":
            there["late_s"] = _seconds(spec["delay"]["latency"])
        if found["kind"] == "TimeChaos":
            there["offset_s"] = -_seconds(spec["timeOffset"])
        if found["kind"] == "StressChaos":
            there["usage"] = {"cpu": 0.45, "memory": 120 * 1024**2}

    def _heal(self, name: str) -> None:
        space, _, pod = name.partition("/")
        if there := self.pods.get((space, pod)):
            there["spec"]["containers"][0]["image"] = "agnhost"
            there |= {"usage": {"cpu": 0.01, "memory": 20 * 1024**2}, "late_s": 0.0, "offset_s": 0.0}


@contextlib.contextmanager
def chaos_mesh() -> Iterator[ChaosMesh]:
    """It answers until the end of the block."""
    mesh = ChaosMesh()

    class Handler(_Handler):
        server_of = mesh

    with listening(Handler) as url:
        mesh.url = url
        yield mesh


class _Handler(Quiet):
    server_of: ChaosMesh
    protocol_version = "HTTP/1.1"  # connections are used again, as an API server has it

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        mesh, asked = self.server_of, urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        with mesh.lock:
            mesh.calls.append(f"{method} {asked.path}")
            if mesh.trouble == "no answer":
                self.close_connection = True
                return
            status, found = self._found(mesh, method, asked.path, parse_qs(asked.query), body)
            if mesh.loses and method == "POST":
                self.close_connection = True
                return
            text = json.dumps(found, default=str).encode()
            pod = self._proxied(mesh, asked.path)
        if pod and status == 200:
            time.sleep(pod["late_s"])
            self.offset_s = pod["offset_s"]
        self.answer(text, status, **{"Content-Type": "application/json"})

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() + getattr(self, "offset_s", 0.0))

    def _proxied(self, mesh: ChaosMesh, path: str) -> dict[str, Any] | None:
        named = re.fullmatch(r"/api/v1/namespaces/([^/]+)/pods/([^/:]+):8080/proxy/", path)
        return mesh.pods.get((named[1], named[2])) if named else None

    def _found(
        self, mesh: ChaosMesh, method: str, path: str, query: dict[str, list[str]], body: Any
    ) -> tuple[int, Any]:
        if mesh.trouble:
            return int(mesh.trouble), _status(int(mesh.trouble), "the server is in trouble")
        if any(word in path for word in mesh.forbidden):
            return 403, _status(403, f"User cannot look at {path}")
        mesh.advance()
        if self._proxied(mesh, path):
            return 200, {"page": "welcome"}
        if path == "/apis":
            return 200, {"groups": [{"name": "chaos-mesh.org", "preferredVersion": {"version": "v1alpha1"}}]}
        if path == API and mesh.served:
            kinds = ("podchaos", "networkchaos", "stresschaos", "podnetworkchaos")
            return 200, {"resources": [{"name": name, "namespaced": True, "verbs": ["list"]} for name in kinds]}
        if path.startswith(API) and mesh.served:
            return _chaos(mesh, method, path.removeprefix(API), query, body)
        return _pods(mesh, path, query)


def _chaos(mesh: ChaosMesh, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
    _, _, space, plural, *names = path.split("/")
    if method == "POST":
        if (plural, space, body["metadata"]["name"]) in mesh.objects:
            return 409, _status(409, "already exists")
        return 201, mesh.make(plural, space, body)
    if not names:
        label, _, value = query.get("labelSelector", [""])[0].partition("=")
        items = [o for (p, s, _), o in mesh.objects.items() if (p, s) == (plural, space)]
        return 200, {
            "items": [o for o in items if not label or (o["metadata"].get("labels") or {}).get(label) == value]
        }
    key = (plural, space, names[0])
    if key not in mesh.objects:
        return 404, _status(404, f"{plural} {names[0]!r} not found")
    found = mesh.objects[key]
    if method == "DELETE":
        if body.get("preconditions", {}).get("uid", found["metadata"]["uid"]) != found["metadata"]["uid"]:
            return 409, _status(409, "the UID in the precondition does not match")
        found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return 200, copy.deepcopy(found)


def _pods(mesh: ChaosMesh, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
    if mesh.kubelet and path.endswith("/proxy/stats/summary"):
        return 200, {"pods": [_summary(pod) for pod in mesh.pods.values()]}
    measured = re.fullmatch(r"/apis/metrics.k8s.io/v1beta1/namespaces/([^/]+)/pods/([^/]+)", path)
    if measured and mesh.metrics and (pod := mesh.pods.get((measured[1], measured[2]))):
        used = {"cpu": f"{pod['usage']['cpu'] * 1e9:.0f}n", "memory": f"{pod['usage']['memory'] // 1024}Ki"}
        return 200, {"containers": [{"name": "shop", "usage": used}]}
    named = re.fullmatch(r"/api/v1/namespaces/([^/]+)/pods(?:/([^/]+))?", path)
    if not named and path.endswith("s") and path.count("/") < 6:  # a list of something that there is none of
        return 200, {"items": []}
    if not named:
        return 404, _status(404, "the server could not find the requested resource")
    if named[2]:
        pod = mesh.pods.get((named[1], named[2]))
        return (200, pod) if pod else (404, _status(404, f"pods {named[2]!r} not found"))
    label, _, value = query.get("labelSelector", [""])[0].partition("=")
    inside = [pod for (space, _), pod in mesh.pods.items() if space == named[1]]
    return 200, {"items": [p for p in inside if not label or p["metadata"]["labels"].get(label) == value]}


def _summary(pod: dict[str, Any]) -> dict[str, Any]:
    used = pod["usage"]
    container = {"cpu": {"usageNanoCores": int(used["cpu"] * 1e9)}, "memory": {"workingSetBytes": used["memory"]}}
    return {"podRef": {k: pod["metadata"][k] for k in ("name", "namespace")}, "containers": [container]}


def _status(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def _seconds(text: str) -> float:
    return sum(float(n) * _SECONDS[u] for n, u in re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text))
