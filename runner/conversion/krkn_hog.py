"""Hogs of krkn: stress-ng on chosen nodes, by a workload of Kubernetes that is made and taken away again; stress-ng ends by itself."""

from __future__ import annotations

import re
from typing import Any

from runner.conversion import probes
from runner.conversion.draft import Activity, Draft, action
from runner.conversion.fields import Field

NAME, LABEL = "chaos-run-hog", "app.kubernetes.io/name"
STARTS_S = 10.0
"""How long its pods may take to run."""
GROUP = {"group": "apps", "version": "v1"}
CREATE, DELETE = "create_custom_object", "delete_custom_object"
MODULE = "chaosk8s.crd.actions"
HOST = "kubernetes.io/hostname"
_KEY = re.compile(r"[\w./-]+", re.ASCII)


def convert(root: Field) -> Draft:
    """One hog. Raises BrokenExperiment for one that fills disks."""
    kind = root["hog-type"].text()
    if kind not in ("cpu", "memory"):
        root["hog-type"].refuse(
            f"a hog of type {kind!r} is not converted", "cpu and memory are; for disks: Litmus' node-io-stress"
        )
    lasts_s = root["duration"].number() or root["duration"].assume(
        30, "krkn's own default; without it the fault has no end"
    )
    ns = root["namespace"].text() or root["namespace"].assume("default", "krkn's own default")
    chosen, number = _where(root)
    command = f"stress-ng {_stress(root, kind)} --timeout {lasts_s:g}s; exec sleep infinity"
    image = root["image"].text() or root["image"].assume("quay.io/krkn-chaos/krkn-hog", "krkn's own default")
    root["image"].change("our command is started in it: sh and stress-ng have to be there")
    pod: dict[str, Any] = {"containers": [{"name": "hog", "image": image, "command": ["sh", "-c", command]}]}
    pod["terminationGracePeriodSeconds"] = 0
    if chosen:
        pod["nodeSelector"] = chosen
    if tolerations := _tolerations(root["taints"]):
        pod["tolerations"] = tolerations
    plural, workload = _workload(pod, number)
    where = {**GROUP, "plural": plural, "ns": ns}
    name, runs = f"{kind}-hog", f"the-{kind}-hog-runs"
    return Draft(
        name=name,
        title=name,
        description=f"Converted from a {kind} hog of krkn: stress-ng in a pod on each chosen node.",
        tags=("node",),
        method=(action(name, MODULE, CREATE, {**where, "resource": workload}), _runs(runs, ns, lasts_s + STARTS_S)),
        rollbacks=(action(f"end-the-{name}", MODULE, DELETE, {**where, "name": NAME}),),
        block={"proof": [{"action": name, "probe": runs}]},
        hints=(f"The pressure begins when the pods run: {STARTS_S:g} s of the last pause are for that.",),
    )


def _runs(name: str, ns: str, lasts_s: float) -> Activity:
    """What proves it: a pod of the workload runs. A workload that is there presses nothing by itself."""
    provider = {"type": "python", "module": "chaosk8s.pod.probes", "func": "count_pods"}
    arguments = {"label_selector": f"{LABEL}={NAME}", "phase": "Running", "ns": ns}
    found = probes.probe(name, provider | {"arguments": arguments}, {"type": "range", "range": [1, int(probes.MOST)]})
    return {**found, "pauses": {"after": int(lasts_s) if lasts_s.is_integer() else lasts_s}}


def _stress(root: Field, kind: str) -> str:
    """The options of stress-ng."""
    workers = root["workers"].number()
    if kind == "cpu":
        load, how = root["cpu-load-percentage"].number(), root["cpu-method"].text()
        load = load or root["cpu-load-percentage"].assume(80, "krkn's own default")
        return f"--cpu {workers or 0} --cpu-load {load:g}{f' --cpu-method {how}' if how else ''}"
    size = root["memory-vm-bytes"].text() or root["memory-vm-bytes"].assume("10%", "krkn's own default")
    workers = workers or root["workers"].assume(1, "krkn takes as many as the node has processors: say how many")
    return f"--vm {workers:g} --vm-bytes {size} --vm-keep"


def _where(root: Field) -> tuple[dict[str, str], float | None]:
    """Labels of the nodes, and how many of them; None for all. A node by its name goes before."""
    if node := root["node-name"].text():
        for key in ("node-selector", "number-of-nodes"):
            root[key].lose("node-name says which node")
        return {HOST: node}, None
    chosen, number = _nodes(root["node-selector"]), root["number-of-nodes"].number() or None
    if number is None and not chosen:
        number = root["number-of-nodes"].assume(1, "without a node-selector some versions of krkn take one, others all")
    return chosen, number


def _nodes(field: Field) -> dict[str, str]:
    """Labels of the nodes: krkn takes a mapping, or KEY=VALUE."""
    if isinstance(field.value, dict):
        return {str(key): str(value) for key, value in field.take().items()}
    pairs = [part.partition("=") for part in field.text().split(",") if part.strip()]
    if not all(_KEY.fullmatch(key.strip()) and sign for key, sign, _ in pairs):
        field.refuse(f"{field.value!r} is not a label", "KEY=VALUE, or KEY= for one without a value")
    return {key.strip(): value.strip(" =") for key, _, value in pairs}


def _tolerations(taints: Field) -> list[dict[str, str]]:
    """`KEY=VALUE:EFFECT` or `KEY:EFFECT` each."""
    found = []
    for one in taints.items():
        taint, _, effect = one.text().rpartition(":")
        key, sign, value = taint.partition("=")
        if not key or not effect:
            one.refuse(
                f"{one.value!r} is not a taint", "write for example node-role.kubernetes.io/control-plane:NoSchedule"
            )
        operator = {"operator": "Equal", "value": value} if sign else {"operator": "Exists"}
        found.append({"key": key, **operator, "effect": effect})
    return found


def _workload(pod: dict[str, Any], number: float | None) -> tuple[str, dict[str, Any]]:
    """One pod on each chosen node; or on so many of them, none twice."""
    labels = {LABEL: NAME}
    spec: dict[str, Any] = {"selector": {"matchLabels": labels}}
    if number is not None:
        apart = {"labelSelector": {"matchLabels": labels}, "topologyKey": HOST}
        pod = {**pod, "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}}
        spec["replicas"] = int(number)
    kind = "DaemonSet" if number is None else "Deployment"
    spec["template"] = {"metadata": {"labels": labels}, "spec": pod}
    return f"{kind.lower()}s", {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": NAME}, "spec": spec}
