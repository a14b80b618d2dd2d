"""The parts of an object with a path of their own: scale, eviction, binding, log."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from runner.playground import conditions, kinds, kubelet, patch, refusal, resources, selection, store
from runner.playground.controllers import disruption, scheduler


def scale(found: kinds.Object) -> kinds.Object:
    """A workload as a Scale."""
    meta, spec = found["metadata"], found["spec"]
    kept = {key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    status = {"replicas": found["status"].get("replicas", 0), "selector": selection.as_text(spec.get("selector"))}
    asked = {"replicas": spec["replicas"]} if spec["replicas"] else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": kept, "spec": asked, "status": status}


def rescale(
    verbs: resources.Verbs, kind: kinds.ResourceKind, namespace: str, name: str, media: str, body: Any
) -> kinds.Object:
    """Set `spec.replicas`; `media` is empty for a PUT. Raises the 409 and the 422."""
    found = verbs.store.read(kind, namespace, name)
    new = patch.apply(media, scale(found), body, "Scale") if media else body
    replicas = (new.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        cause = refusal.invalid_value("spec.replicas", str(replicas), "must be greater than or equal to 0")
        raise refusal.invalid(kinds.ResourceKind("Scale", "scales", "autoscaling"), name, [cause])
    changed = copy.deepcopy(found)
    changed["spec"]["replicas"] = replicas
    if version := (new.get("metadata") or {}).get("resourceVersion"):
        changed["metadata"]["resourceVersion"] = version
    return scale(verbs.store.update(changed, dry=verbs.dry))


def bind(verbs: resources.Verbs, namespace: str, name: str, body: Mapping[str, Any]) -> kinds.Object:
    """Give a pod its node by hand."""
    pod = verbs.store.read(kinds.POD, namespace, name)
    if pod["spec"].get("nodeName"):
        raise refusal.conflict(kinds.POD, name, f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"')
    scheduler.bind(verbs.store, pod, str(body["target"]["name"]))
    return success(201)


def evict(verbs: resources.Verbs, namespace: str, name: str, body: Mapping[str, Any]) -> kinds.Object:
    """Delete a pod if the disruption budgets let it go now; raises the 429 (and the 500 for two budgets on one pod)."""
    held, pod = verbs.store, verbs.store.read(kinds.POD, namespace, name)
    options = dict(body.get("deleteOptions") or {})
    dry = verbs.dry or options.get("dryRun") == ["All"]
    pending = conditions.is_finished(pod) or conditions.leaving(pod) or pod["status"].get("phase") == "Pending"
    budgets = [] if pending else [b for b in held.list(kinds.BUDGET, namespace) if _budget_covers(b, pod)]
    if len(budgets) > 1:
        said = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise refusal.Refusal(500, "InternalError", said, {})
    if budgets and (budgets[0]["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow" or conditions.ready(pod)):
        _take(held, budgets[0], pod, dry=dry)
    verbs.dry = dry
    verbs.delete(kinds.POD, namespace, name, options)
    return success(201)


def _budget_covers(budget: kinds.Object, pod: kinds.Object) -> bool:
    return selection.selects(budget["spec"].get("selector"), pod["metadata"].get("labels"))


def _take(held: store.ObjectStore, budget: kinds.Object, pod: kinds.Object, *, dry: bool) -> None:
    """Spend one disruption, written down before the pod is deleted. An unready pod costs none while the budget is met."""
    meta, state = budget["metadata"], disruption.state(held, budget)
    if not conditions.ready(pod) and state["currentHealthy"] >= state["desiredHealthy"] > 0:
        return
    if state["disruptionsAllowed"] < 1:
        need, have = state["desiredHealthy"], state["currentHealthy"]
        cause = {
            "reason": "DisruptionBudget",
            "message": f"The disruption budget {meta['name']} needs {need} healthy pods and has {have} currently",
        }
        said = "Cannot evict pod as it would violate the pod's disruption budget."
        raise refusal.Refusal(429, "TooManyRequests", said, {"causes": [cause]})
    spent = copy.deepcopy(budget)
    spent["status"] = state
    spent["status"].setdefault("disruptedPods", {})[pod["metadata"]["name"]] = store.now()
    spent["status"]["disruptionsAllowed"] -= 1
    held.update(spent, dry=dry)


def success(code: int) -> kinds.Object:
    """The Status that says only that it went well; `code` is also the HTTP status."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}


def log(held: store.ObjectStore, nodes: kubelet.Kubelet, namespace: str, name: str, asked: Mapping[str, str]) -> str:
    """The log of a container as text; raises the 400 of a container that is not there or has not started."""
    pod = held.read(kinds.POD, namespace, name)
    names = [c["name"] for c in pod["spec"]["containers"]]
    chosen = asked.get("container") or names[0]
    if len(names) > 1 and "container" not in asked:
        raise refusal.bad_request(
            f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
        )
    if chosen not in names:
        raise refusal.bad_request(f"container {chosen} is not valid for pod {name}")
    before = asked.get("previous") == "true"
    lines = nodes.lines(pod, chosen, previous=before)
    states = [c for c in pod["status"].get("containerStatuses") or () if c["name"] == chosen]
    if before and not (states and states[0]["lastState"]):
        raise refusal.bad_request(f'previous terminated container "{chosen}" in pod "{name}" not found')
    reason = states[0]["state"].get("waiting", {}).get("reason") if states else "ContainerCreating"
    if lines is None or reason in ("ContainerCreating", "ImagePullBackOff"):
        raise refusal.bad_request(f'container "{chosen}" in pod "{name}" is waiting to start: {reason}')
    return _text(lines, asked)


def _text(lines: list[tuple[str, str]], asked: Mapping[str, str]) -> str:
    if tail := asked.get("tailLines"):
        lines = lines[-int(tail) :] if int(tail) else []
    if recent := asked.get("sinceSeconds"):
        lines = [line for line in lines if conditions.age_s(line[0]) <= int(recent)]
    stamped = asked.get("timestamps") == "true"
    return "".join(f"{at} {text}\n" if stamped else f"{text}\n" for at, text in lines)
