"""Engines: ChaosEngines made, followed and ended through the API server, until nothing of them is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from runner import clock, errors
from runner.faults.cluster_api import ClusterApi, Object, told
from runner.faults.litmus import account, chaos_engine
from runner.faults.litmus.account import Account
from runner.faults.litmus.chaos_engine import Wanted

ENDS_S = 50.0
"""How long the operator may take to end a fault and let go of its engine: a step of the undo is given up after a minute."""
HURRIED_S = 3.0
EVERY_S = 0.3


@dataclass(frozen=True, kw_only=True)
class Engine:
    """By which one engine is found."""

    ns: str
    name: str
    fault: str
    uids: Mapping[str, str] = field(default_factory=dict)
    """Of the pods that it may strike, by their names, from before it began."""

    @property
    def said(self) -> str:
        return f"ChaosEngine {self.ns}/{self.name}"

    @property
    def result(self) -> str:
        """The name of its ChaosResult."""
        return f"{self.name}-{self.fault}"


class Engines:
    """Those of one cluster."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    def check(self) -> None:
        """That Litmus' objects are served. Raises EnvironmentFailure."""
        with told("Litmus' part of the API cannot be read"):
            if self._api.get(chaos_engine.BASE) is None:
                raise errors.EnvironmentFailure("Litmus is not installed: the cluster does not serve litmuschaos.io")

    def require_experiment(self, wanted: Wanted) -> None:
        """An engine without its ChaosExperiment waits for ever. Raises EnvironmentFailure."""
        with told(f"the ChaosExperiment {wanted.fault} cannot be read"):
            there = self._api.get(chaos_engine.path("chaosexperiments", wanted.ns, wanted.fault))
        if there is None:
            raise errors.EnvironmentFailure(
                f"there is no ChaosExperiment {wanted.fault} in the namespace {wanted.ns}",
                hint=f"kubectl apply -n {wanted.ns} -f faults/kubernetes/{wanted.fault}/fault.yaml of litmuschaos/chaos-charts",
            )

    def pods(self, wanted: Wanted) -> dict[str, str]:
        """The pods that it may strike, by name their UID."""
        with told(f"the pods {wanted.app_label} cannot be listed"):
            found = self._api.items(f"/api/v1/namespaces/{wanted.ns}/pods", labelSelector=wanted.app_label)
        return {p["metadata"]["name"]: p["metadata"]["uid"] for p in found if "deletionTimestamp" not in p["metadata"]}

    def uids(self, ns: str, names: Iterable[str]) -> dict[str, str]:
        """Of those of these pods that are there and not on their way out."""
        with told(f"the pods of {ns} cannot be read"):
            found = [p for name in names if (p := self._api.get(f"/api/v1/namespaces/{ns}/pods/{name}"))]
        return {p["metadata"]["name"]: p["metadata"]["uid"] for p in found if "deletionTimestamp" not in p["metadata"]}

    def account(self, engine: Engine) -> Account:
        """What Litmus says of it. Raises EnvironmentFailure."""
        with told(f"the {engine.said} cannot be read"):
            return Account(
                engine=self._api.get(chaos_engine.path("chaosengines", engine.ns, engine.name)),
                result=self._api.get(chaos_engine.path("chaosresults", engine.ns, engine.result)),
            )

    def start(self, wanted: Wanted, run: str) -> Account:
        """Make the engine and wait until its experiment runs. Raises EnvironmentFailure where Litmus does not come to that."""
        engine = Engine(ns=wanted.ns, name=wanted.engine(run), fault=wanted.fault)
        with told(f"the {engine.said} was not made"):
            self._api.create(chaos_engine.path("chaosengines", wanted.ns), wanted.body(run))
        found = clock.poll_until(
            lambda: self.account(engine),
            wanted.taken_within_s,
            EVERY_S,
            enough=lambda a: a.began or a.trouble or a.engine is None,
        )
        if not found.began:
            state = found.trouble or found.experiment or found.status or "no operator has looked at it"
            raise errors.EnvironmentFailure(
                f"Litmus does not run {wanted.fault} within {wanted.taken_within_s:g} s: the {engine.said} says: {state}"
                f"{self._warned(engine)}"
            )
        return found

    def of_run(self, ns: str, label: str) -> list[Engine]:
        """Those that carry this label."""
        with told(f"the ChaosEngines of {ns} cannot be listed"):
            found = self._api.items(chaos_engine.path("chaosengines", ns), labelSelector=label)
        return [Engine(ns=ns, name=o["metadata"]["name"], fault=o["spec"]["experiments"][0]["name"]) for o in found]

    def end(self, engine: Engine, within_s: float = ENDS_S) -> bool:
        """Whether there was anything of it. Stops it, sees that its pods are gone, and takes engine and result away.

        Raises EnvironmentFailure with what is left: the operator does not run, or a helper ended before it could put back its change.
        """
        found, until = self.account(engine), time.monotonic() + within_s
        if found.engine is None and found.result is None:
            return False
        if found.engine is not None and not found.ended:
            with told(f"the {engine.said} could not be stopped"):
                self._api.merge(
                    chaos_engine.path("chaosengines", engine.ns, engine.name), {"spec": {"engineState": "stop"}}
                )
            self._wait(lambda: self._running(engine), until, f"the operator has not stopped the {engine.said}")
        if unreverted := self._unreverted(engine):
            raise errors.EnvironmentFailure(
                f"Litmus never put back its change in {', '.join(unreverted)}: its helper ended before it could; "
                f"{_by_hand(engine, unreverted)}"
            )
        with told(f"the {engine.said} could not be deleted"):
            self._api.delete(chaos_engine.path("chaosengines", engine.ns, engine.name))
            self._wait(lambda: self._left(engine, found.uid), until, f"of the {engine.said} there is still")
            self._api.delete(chaos_engine.path("chaosresults", engine.ns, engine.result))
        return True

    def acting(self, engine: Engine) -> list[str]:
        """What of it may still act, a sentence each."""
        found = self.account(engine)
        running = [] if found.engine is None or found.ended else [f"the {engine.said} is {found.status}"]
        return [*running, *(f"Litmus says that its change is still in {name}" for name in self._unreverted(engine))]

    def _running(self, engine: Engine) -> list[str]:
        found = self.account(engine)
        state = [] if found.engine is None or found.ended else [f"it is {found.status}"]
        return state + list(self._pods(engine, found.uid, live=True))

    def _left(self, engine: Engine, uid: str) -> list[str]:
        there = self._api.get(chaos_engine.path("chaosengines", engine.ns, engine.name))
        held = ", ".join((there or {}).get("metadata", {}).get("finalizers") or ())
        said = [f"itself, held by the finalizer {held}" if held else "itself"] if there else []
        return said + list(self._pods(engine, uid, live=False))

    def _pods(self, engine: Engine, uid: str, *, live: bool) -> Iterator[str]:
        if not uid:
            return
        for pod in self._api.items(f"/api/v1/namespaces/{engine.ns}/pods", labelSelector=f"{account.UID}={uid}"):
            if not live or (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
                yield f"the pod {pod['metadata']['name']}"

    def _unreverted(self, engine: Engine) -> list[str]:
        """Targets that still have what an ended engine calls injected: what is in a pod goes with it."""
        found = self.account(engine)
        if found.result is None or not (found.engine is None or found.ended):
            return []
        began = str(found.result["metadata"].get("creationTimestamp") or "")
        with told(f"whether the change of the {engine.said} is still there cannot be seen"):
            return [
                f"{engine.ns} {target}" if target.startswith("pod/") else target
                for target in found.marked("injected")
                if self._has_it(engine, target, began)
            ]

    def _has_it(self, engine: Engine, target: str, began: str) -> bool:
        """Another pod of the name has it not, unless it was there when the engine began: then it may be the one that was struck."""
        kind, _, name = target.partition("/")
        path = f"/api/v1/namespaces/{engine.ns}/pods/{name}" if kind == "pod" else f"/api/v1/nodes/{name}"
        found = self._api.get(path)
        if found is None:
            return False
        if kind != "pod":
            return engine.fault not in chaos_engine.CORDONS or bool((found.get("spec") or {}).get("unschedulable"))
        is_new = str(found["metadata"].get("creationTimestamp") or "") > began
        return not (is_new and engine.uids.get(name, found["metadata"]["uid"]) != found["metadata"]["uid"])

    def _wait(self, left: Callable[[], list[str]], until: float, what: str) -> None:
        if found := clock.poll_until(left, until - time.monotonic(), EVERY_S, enough=lambda found: not found):
            raise errors.EnvironmentFailure(f"{what}: {', '.join(found)}")

    def _warned(self, engine: Engine) -> str:
        """The last warning about it."""
        events = self._api.items(
            f"/api/v1/namespaces/{engine.ns}/events", fieldSelector=f"involvedObject.name={engine.name}"
        )
        warnings: list[Object] = [e for e in events if e.get("type") == "Warning"]
        return f"; {warnings[-1].get('message')}" if warnings else ""


def _by_hand(engine: Engine, unreverted: Sequence[str]) -> str:
    """What a person has to do about these targets."""
    nodes = [name.removeprefix("node/") for name in unreverted if name.startswith("node/")]
    result = f"kubectl delete chaosresult {engine.result} -n {engine.ns}"
    if not nodes:
        return f"delete the pod, then chaos-run recover; or take its rules away by hand (tc, iptables), then {result} and chaos-run recover"
    if engine.fault in chaos_engine.CORDONS:
        return f"what stays there is a cordon: kubectl uncordon {' '.join(nodes)}, then chaos-run recover"
    return f"put back by hand what {engine.fault} changes in a node, then {result} and chaos-run recover"
