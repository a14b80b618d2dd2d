"""Which pods of a node a drain takes along: `kubectl drain`'s filters in its order, and never what watches the run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.faults.kubernetes.context import ACCOUNT

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

Pod = Mapping[str, Any]
"""As the API gives it."""
OBSERVER = "chaos-run/observer"
"""A label that a team puts on pods of its own monitoring: `true`, and they are never evicted by us."""
MONITORING = ("prometheus", "alertmanager", "grafana")
"""What `app.kubernetes.io/name` or `app` say of the usual observers."""
FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What the file lets a drain do, as the options of `kubectl drain` of these names."""

    ignore_daemonsets: bool = True
    delete_emptydir_data: bool = False
    force: bool = False
    """Pods that no controller makes anew go too."""


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """The pods of some nodes, by what becomes of them."""

    going: tuple[Pod, ...] = ()
    staying: tuple[str, ...] = ()
    """With the reason, a phrase each."""
    forbidden: tuple[str, ...] = ()
    """Why nothing may be evicted at all, a sentence each."""


def sort(cluster: Cluster, nodes: Iterable[str], allowed: Allowed) -> Sorted:
    """Look at every pod of these nodes. Raises what the API answers."""
    going, staying, forbidden = [], [], []
    for node in nodes:
        listed = cluster.read("/api/v1/pods", fieldSelector=f"spec.nodeName={node}") or {}
        for pod in listed.get("items") or ():
            stays, forbids = _judged(pod, allowed)
            if forbids:
                forbidden.append(f"{called(pod)} {forbids}")
            elif stays:
                staying.append(f"{called(pod)} ({stays})")
            else:
                going.append(pod)
    return Sorted(going=tuple(going), staying=tuple(staying), forbidden=tuple(forbidden))


def called(pod: Pod) -> str:
    """Its name among the targets of a run."""
    return f"pod/{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def owner(pod: Pod) -> Mapping[str, Any] | None:
    """The controller that makes it anew."""
    return next((o for o in pod["metadata"].get("ownerReferences") or () if o.get("controller")), None)


def _judged(pod: Pod, allowed: Allowed) -> tuple[str, str]:
    """Why it stays, and why it forbids the drain; neither where it goes."""
    metadata, finished = pod["metadata"], (pod.get("status") or {}).get("phase") in FINISHED
    if watches := _watches(pod):
        return watches, ""
    if metadata.get("deletionTimestamp"):
        return "it is on its way out already", ""
    if (owner(pod) or {}).get("kind") == "DaemonSet" and not finished:
        said = "belongs to a DaemonSet: ignore_daemonsets: true leaves it where it is"
        return ("its DaemonSet would start it again at once", "") if allowed.ignore_daemonsets else ("", said)
    if "kubernetes.io/config.mirror" in (metadata.get("annotations") or {}):
        return "the node starts it from a file of its own", ""
    if finished:
        return "", ""
    if _local(pod) and not allowed.delete_emptydir_data:
        return "", "keeps data in an emptyDir, which is lost with it: delete_emptydir_data: true lets it go"
    if owner(pod) is None and not allowed.force:
        return "", "has no controller that would make it anew: force: true lets it go for good"
    return "", ""


def _local(pod: Pod) -> bool:
    return any("emptyDir" in volume for volume in pod["spec"].get("volumes") or ())


def _watches(pod: Pod) -> str:
    """Why it is an observer of this run; empty where it is none."""
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {}
    if (metadata["namespace"], metadata["name"]) in set(ourselves()):
        return "it is the runner itself"
    monitoring = next((labels[k] for k in ("app.kubernetes.io/name", "app") if labels.get(k) in MONITORING), "")
    if labels.get(OBSERVER) == "true" or monitoring:
        return f"it watches the run: {monitoring or f'label {OBSERVER}'}"
    return ""


def ourselves(env: Mapping[str, str] = os.environ, account: Path = ACCOUNT) -> Iterator[tuple[str, str]]:
    """Our own pod, where we run in one: namespace and name."""
    space = account / "namespace"
    if space.is_file() and env.get("HOSTNAME"):
        yield space.read_text("utf-8").strip(), env["HOSTNAME"]
