"""Network scenarios of krkn: shaped traffic of pods as Chaos Mesh's NetworkChaos, an application's outage as a network policy."""

from __future__ import annotations

import re
from typing import Any

from runner.conversion import chaos_mesh
from runner.conversion.draft import Activity, Draft, action
from runner.conversion.fields import Field

OWN_POD = "krkn makes a pod of its own for it; Chaos Mesh has its daemon on every node"
POLICY = "chaos-run-outage"
MODULE = "chaosk8s.networking.actions"
_LABEL = re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", re.ASCII)
_VALUE = re.compile(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", re.ASCII)


def convert(root: Field) -> Draft:
    """A list of scenarios that shape the traffic of pods, each one fault of Chaos Mesh."""
    method = chaos_mesh.distinct(tuple(_shaped(one) for one in root.items()))
    return Draft(
        name=str(method[0]["name"]),
        title=str(method[0]["name"]),
        description="Converted from a network scenario of krkn; the fault is made by Chaos Mesh, which has to be in the cluster.",
        tags=("network",),
        method=method,
        rollbacks=tuple(
            chaos_mesh.end(ns) for ns in dict.fromkeys(one["provider"]["arguments"]["ns"] for one in method)
        ),
        block=chaos_mesh.service(method),
        hints=("Chaos Mesh has to be installed in the cluster: krkn did without.",),
    )


def _shaped(one: Field) -> Activity:
    selector = _selector(one)
    ns = one["namespace"].text() or one["namespace"].assume("default", "krkn does nothing without it: check it")
    for key in ("image", "service_account", "taints", "force"):
        one[key].lose(OWN_POD)
    one["wait_duration"].lose("a scenario that follows begins as soon as this one is over")
    one["execution"].lose("Chaos Mesh strikes all its targets at once")
    one["network_shaping_execution"].lose("latency, loss and bandwidth hold at once")
    one["ingress"].lose("what the pods receive is not shaped: Chaos Mesh needs to know from whom it comes")
    if one["egress"].value is False:
        one["egress"].refuse(
            "only what pods send can be shaped", "egress: true; or a NetworkChaos with direction: from and a target"
        )
    one["egress"].take()
    if one["interfaces"]:
        one["interfaces"].lose("Chaos Mesh shapes the pod's own interface (eth0 unless device: says another)")
    lasts_s = one["test_duration"].number_or(120, "krkn's own default; without it the fault has no end")
    spec = {
        **_dose(one),
        "direction": "to",
        **_mode(one),
        "selector": {"namespaces": [ns], **selector},
    }
    arguments = {"kind": "NetworkChaos", "ns": ns, "duration": f"{lasts_s:g}s", "spec": spec}
    name = "-".join((str(one["id"].value).replace("_", "-"), *map(str, selector.get("labelSelectors", {}).values())))
    return action(name, chaos_mesh.MODULE, chaos_mesh.FUNC, arguments, lasts_s=lasts_s)


def _mode(one: Field) -> dict[str, str]:
    """How many of the pods: zero is no limit for one kind of scenario, and nobody for the other."""
    count = one["instance_count"].number_or(1, "krkn's own default")
    if not count and one["id"].value != "pod_network_chaos":
        one["instance_count"].refuse("this scenario strikes no pod", "instance_count says how many")
    return {"mode": "fixed", "value": f"{count:g}"} if count else {"mode": "all"}


def _dose(one: Field) -> dict[str, Any]:
    """Latency, loss and bandwidth; several of them are one netem."""
    found: dict[str, Any] = {}
    if (latency := one["latency"].text()) and not re.match(r"0+\D*$", latency):
        found["delay"] = {"latency": latency}
    if (loss := one["loss"].text()) and float(_number(one["loss"], loss)):
        found["loss"] = {"loss": _number(one["loss"], loss)}
    if bandwidth := one["bandwidth"].text():
        found["rate"] = {"rate": _bytes(one["bandwidth"], bandwidth)}
    if not found:
        one.refuse("this scenario shapes nothing", "latency, loss or bandwidth says what")
    if len(found) == 1 and "rate" not in found:
        return {"action": next(iter(found)), **found}
    return {"action": "netem", **found}


def _number(field: Field, text: str) -> str:
    """A percentage as Chaos Mesh takes it. Raises BrokenExperiment."""
    found = re.fullmatch(r"(\d+(\.\d+)?)%?", text)
    if found is None:
        field.refuse(f"{text!r} is not a percentage", "write for example 10")
    return found[1]


def _bytes(field: Field, text: str) -> str:
    """krkn counts in bits a second and Chaos Mesh in bytes, kilobytes and so on."""
    found = re.fullmatch(r"(\d+)([kmgt]?)bit", text)
    if found is None:
        field.refuse(f"{text!r} is not a rate", "write for example 100mbit")
    bits = int(found[1]) * 1000 ** "kmgt".find(found[2] or "-") * 1000 if found[2] else int(found[1])
    field.change("bits a second are written as bytes a second")
    return f"{max(1, bits // 8)}bps"


def _selector(one: Field) -> dict[str, Any]:
    labels, target = one["label_selector"].text(), one["target"].text()
    if labels:
        parts = [part.partition("=") for part in labels.split(",")]
        if not all(sign for _, sign, _ in parts) or "!" in labels:
            one["label_selector"].refuse(f"only labels by KEY=VALUE can be converted, not {labels!r}")
        if target:
            one["target"].lose("the labels say whom")
        return {"labelSelectors": {key.strip(): value.strip(" =") for key, _, value in parts}}
    if not target or target.startswith("<"):
        one.refuse("this scenario names no pods", "label_selector or target says which")
    ns = str(one["namespace"].value or "default")
    return {"pods": {ns: [name.strip() for name in target.split(",")]}}


def outage(root: Field) -> Draft:
    """An application that nobody reaches, by a network policy for as long as the scenario says."""
    one = root["application_outage"]
    labels, ns, kinds = one["pod_selector"].take(), one["namespace"].text(), one["block"].take()
    if kinds is None:
        kinds = one["block"].assume(["Ingress", "Egress"], "krkn's own default")
    if not isinstance(labels, dict) or not labels or not ns:
        one.refuse("this outage does not say of whom", "namespace: and at least one label under pod_selector:")
    if not isinstance(kinds, list) or not set(kinds) <= {"Ingress", "Egress"}:
        one["block"].refuse("block: is a list of Ingress and Egress", "block: [Ingress, Egress]")
    lasts_s = one["duration"].number() or one["duration"].assume(
        60, "krkn's own default; without it the fault has no end"
    )
    chosen: dict[str, Any] = {"matchLabels": labels}
    if excluded := _excluded(one["exclude_label"]):
        chosen["matchExpressions"] = excluded
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": POLICY},
        "spec": {"podSelector": chosen, "policyTypes": kinds},
    }
    undo = action("end-the-outage", MODULE, "remove_network_policy", {"name": POLICY, "ns": ns})
    service = next((str(labels[key]) for key in chaos_mesh.LABELS if key in labels), "")
    name = f"outage-{service or ns}"
    return Draft(
        name=name,
        title=name,
        description="Converted from an application outage of krkn; the cluster's network has to obey network policies.",
        tags=("network",),
        method=(action(name, MODULE, "create_network_policy", {"ns": ns, "spec": policy}, lasts_s=lasts_s),),
        rollbacks=(undo,),
        block={"service": service} if service else {},
    )


def _excluded(given: Field) -> list[dict[str, Any]]:
    """Pods that the policy passes over: krkn takes a mapping, `KEY=VALUE|VALUE,KEY=VALUE`, or a list of such parts."""
    if isinstance(given.value, dict):
        parts = [(str(f.key), f.value if isinstance(f.value, list) else [f.value]) for f in given.fields()]
    else:
        written = given.value if isinstance(given.value, list) else str(given.value or "").split(",")
        pairs = [str(part).partition("=") for part in written]
        parts = [(key, value.split("|")) for key, _, value in pairs]
    found = [
        (key.strip(), [str(v).strip() for v in values if v is not None and str(v).strip()]) for key, values in parts
    ]
    if given and not all(
        _LABEL.fullmatch(key) and values and all(map(_VALUE.fullmatch, values)) for key, values in found
    ):
        hint = "KEY=VALUE, KEY=VALUE|VALUE, several of them with commas between"
        given.refuse(f"{given.value!r} does not say which pods are left out: the outage would hit more", hint)
    given.take()
    return [{"key": key, "operator": "NotIn", "values": values} for key, values in found if values]
