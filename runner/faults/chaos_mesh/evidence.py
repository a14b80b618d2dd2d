"""Evidence: what of a fault can be seen in the pods themselves, compared with what they were before; Chaos Mesh's word alone is none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from runner.faults.chaos_mesh import answers, usage
from runner.faults.chaos_mesh.selection import Pod, leaving
from runner.faults.chaos_mesh.wanted import Wanted
from runner.faults.cluster_api import ClusterApi
from runner.faults.driver import Evidence

TOLD = "told by Chaos Mesh"
"""The kind of a fault whose effect cannot be seen in the pods from outside."""
KINDS = {"pod-kill": "pods replaced", "pod-failure": "pods paused", "container-kill": "containers restarted"}
STRESSED = "pods stressed"
ANSWERING = "answers changed"
MOST_SAID = 2
"""Pods of which a sentence says what was measured."""


def kind(wanted: Wanted) -> str:
    """By what it can be seen."""
    if wanted.kind == "StressChaos":
        return STRESSED
    return KINDS.get(wanted.action) or (ANSWERING if answers.expected(wanted) else TOLD)


def before(cluster: ClusterApi, wanted: Wanted, pods: Sequence[Pod]) -> dict[str, Any]:
    """Of each pod what the fault would change: its UID, its containers, and for a stress what it uses."""
    named = {called(pod): _before(pod, wanted) for pod in pods}
    if kind(wanted) == STRESSED:
        used = usage.of_pods(cluster, [_place(pod) for pod in pods])
        for name, entry in named.items():
            entry["usage"] = dict(used[name]) if name in used else None
    if kind(wanted) == ANSWERING:
        heard = answers.of_pods(cluster, pods)
        for name, entry in named.items():
            entry["answers"] = dict(heard[name]) if name in heard else None
            entry["asked"] = answers.expected(wanted)
    return named


def unseen(wanted: Wanted, pods: Mapping[str, Any]) -> str:
    """Why its effect cannot be seen; empty where it can."""
    if kind(wanted) == TOLD:
        return f"what a {wanted.kind} does is not to be seen in the pods"
    if kind(wanted) == STRESSED and any(entry["asked"] is None for entry in pods.values()):
        return "how much it would use is not to be told from its spec"
    if kind(wanted) == STRESSED and any(entry["usage"] is None for entry in pods.values()):
        return "neither the metrics API nor the kubelets say what the pods use"
    if kind(wanted) == ANSWERING and any(entry["answers"] is None for entry in pods.values()):
        return "not every pod answers HTTP at its first port through the API server"
    return ""


def seen(cluster: ClusterApi, of: str, pods: Mapping[str, Any], hit: Collection[str]) -> Evidence:
    """Whether every pod that Chaos Mesh says it hit has changed as the fault changes it."""
    known = [name for name in hit if name in pods]
    now = {name: _now(cluster, name) for name in known}
    if of == STRESSED:
        used = usage.of_pods(cluster, [_place(pod) for pod in now.values() if pod])
        return _stressed(known, pods, used)
    if of == ANSWERING:
        return _answering(known, pods, answers.of_pods(cluster, [pod for pod in now.values() if pod]))
    looks, what = _LOOKS[of]
    changed = [name for name in known if looks(pods[name], now[name])]
    return Evidence(
        confirmed=bool(known) and len(changed) == len(hit),
        sentence=f"{len(changed)} of {len(hit)} pods that Chaos Mesh names {what}: {_named(changed, now)}",
        targets=tuple(f"pod/{name}" for name in changed),
    )


def _named(names: Sequence[str], now: Mapping[str, Pod | None]) -> str:
    """`shop/a, shop/b (on the way out)`."""
    out = {name for name in names if (pod := now[name]) and leaving(pod)}
    return ", ".join(f"{name} (on the way out)" if name in out else name for name in names) or "none"


def called(pod: Pod) -> str:
    """`namespace/pod`."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _stressed(names: Sequence[str], pods: Mapping[str, Any], used: Mapping[str, usage.Usage]) -> Evidence:
    risen = [n for n in names if n in used and usage.risen(pods[n]["usage"], used[n], pods[n]["asked"])]
    told = [
        f"{n} uses {usage.said(used.get(n, {}), pods[n]['asked'])}, before {usage.said(pods[n]['usage'], pods[n]['asked'])}, "
        f"with the stress it would be about {usage.said(pods[n]['asked'], pods[n]['asked'])}"
        for n in names[:MOST_SAID]
    ]
    return Evidence(
        confirmed=bool(names) and len(risen) == len(names),
        sentence=_told(told, len(risen), len(names)),
        targets=tuple(f"pod/{name}" for name in risen),
    )


def _told(of: Sequence[str], changed: int, count: int) -> str:
    """`2 of 3 pods show it: shop/web-1 uses …`."""
    return f"{changed} of {count} pods that Chaos Mesh names show it: {'; '.join(of) or 'none'}"


def _answering(names: Sequence[str], pods: Mapping[str, Any], now: Mapping[str, answers.Answers]) -> Evidence:
    changed = [n for n in names if answers.changed(pods[n]["answers"], now.get(n), pods[n]["asked"])]
    told = [
        f"{n} {answers.said(now.get(n), pods[n]['asked'])} (before: {answers.said(pods[n]['answers'], pods[n]['asked'])})"
        for n in names[:MOST_SAID]
    ]
    return Evidence(
        confirmed=bool(names) and len(changed) == len(names),
        sentence=_told(told, len(changed), len(names)),
        targets=tuple(f"pod/{name}" for name in changed),
    )


def _before(pod: Pod, wanted: Wanted) -> dict[str, Any]:
    named = wanted.spec.get("containerNames") or ()
    containers = [c for c in pod["spec"]["containers"] if not named or c["name"] in named]
    found: dict[str, Any] = {
        "uid": pod["metadata"]["uid"],
        "images": {c["name"]: c.get("image") for c in containers},
        "containers": {n: i for n, i in _containers(pod).items() if not named or n in named},
    }
    if kind(wanted) == STRESSED:
        first = containers[:1] if not named else containers  # it stresses the first one where it is told none
        found["asked"] = usage.asked(wanted.spec, _limits(first))
    return found


def _limits(containers: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of these together; a resource that one of them may use without a limit has none."""
    each = [(c.get("resources") or {}).get("limits") or {} for c in containers]
    return {k: sum(usage.number(one[k]) for one in each) for k in usage.LEAST if each and all(k in one for one in each)}


def _containers(pod: Pod) -> dict[str, str]:
    """Each container's id at its runtime: another one after each start."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return {str(s["name"]): str(s.get("containerID") or "") for s in statuses}


def _now(cluster: ClusterApi, name: str) -> Pod | None:
    space, _, pod = name.partition("/")
    return cluster.get(f"/api/v1/namespaces/{space}/pods/{pod}")


def _place(pod: Pod) -> tuple[str, str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"], str(pod["spec"].get("nodeName") or "")


def _replaced(was: Mapping[str, Any], now: Pod | None) -> bool:
    return now is None or now["metadata"]["uid"] != was["uid"] or leaving(now)


def _paused(was: Mapping[str, Any], now: Pod | None) -> bool:
    """Its images are others, and so are its containers: the change of the object alone stops nobody."""
    if now is None or now["metadata"]["uid"] != was["uid"]:
        return False
    images = {c["name"]: c.get("image") for c in now["spec"]["containers"]}
    return all(images.get(n) != image for n, image in was["images"].items()) and _restarted(was, now)


def _restarted(was: Mapping[str, Any], now: Pod | None) -> bool:
    if now is None or now["metadata"]["uid"] != was["uid"]:
        return False
    ids = _containers(now)
    return bool(was["containers"]) and all(ids.get(name) != id for name, id in was["containers"].items())


_LOOKS: Mapping[str, tuple[Callable[[Mapping[str, Any], Pod | None], bool], str]] = {
    "pods replaced": (_replaced, "are gone by their UID, or on the way out"),
    "pods paused": (_paused, "have another image and other containers"),
    "containers restarted": (_restarted, "have other containers by their id"),
}
