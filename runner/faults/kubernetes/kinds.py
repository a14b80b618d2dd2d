"""Kinds: which objects of a cluster are looked at for what a run left, where they are listed, and what of them is noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of objects."""

    said: str
    """Before the slash of an object's name."""
    base: str
    """`/api/v1`, `/apis/apps/v1`."""
    plural: str
    namespaced: bool = True
    light: bool = False
    """Only metadata is read: its content is secret, large or filled in by the cluster."""

    def path(self, namespace: str | None) -> str:
        """Of the list of all, or of those in a namespace."""
        inside = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{self.base}{inside}/{self.plural}"


_CORE, _APPS, _RBAC = "/api/v1", "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1"
_HOOKS = "/apis/admissionregistration.k8s.io/v1"
BUILT_IN = (
    Kind("pod", _CORE, "pods", light=True),
    Kind("service", _CORE, "services"),
    Kind("configmap", _CORE, "configmaps"),
    Kind("secret", _CORE, "secrets", light=True),
    Kind("serviceaccount", _CORE, "serviceaccounts", light=True),
    Kind("persistentvolumeclaim", _CORE, "persistentvolumeclaims", light=True),
    Kind("resourcequota", _CORE, "resourcequotas"),
    Kind("limitrange", _CORE, "limitranges"),
    Kind("deployment", _APPS, "deployments"),
    Kind("stateful_set", _APPS, "statefulsets"),
    Kind("daemon_set", _APPS, "daemonsets"),
    Kind("replica_set", _APPS, "replicasets", light=True),
    Kind("job", "/apis/batch/v1", "jobs", light=True),
    Kind("cronjob", "/apis/batch/v1", "cronjobs"),
    Kind("ingress", "/apis/networking.k8s.io/v1", "ingresses"),
    Kind("networkpolicy", "/apis/networking.k8s.io/v1", "networkpolicies"),
    Kind("poddisruptionbudget", "/apis/policy/v1", "poddisruptionbudgets"),
    Kind("horizontalpodautoscaler", "/apis/autoscaling/v2", "horizontalpodautoscalers"),
    Kind("role", _RBAC, "roles"),
    Kind("rolebinding", _RBAC, "rolebindings"),
)
OF_CLUSTER = (
    Kind("namespace", _CORE, "namespaces", namespaced=False, light=True),
    Kind("node", _CORE, "nodes", namespaced=False),
    Kind("clusterrole", _RBAC, "clusterroles", namespaced=False),
    Kind("clusterrolebinding", _RBAC, "clusterrolebindings", namespaced=False),
    Kind("mutatingwebhookconfiguration", _HOOKS, "mutatingwebhookconfigurations", namespaced=False),
    Kind("validatingwebhookconfiguration", _HOOKS, "validatingwebhookconfigurations", namespaced=False),
    Kind(
        "customresourcedefinition",
        "/apis/apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        namespaced=False,
        light=True,
    ),
)
MOST_CUSTOM = 40
"""Kinds of custom objects that are looked at; of more only the first ones."""
_OF_KUBERNETES = ("", "apps", "batch", "policy", "autoscaling", "extensions")
_NOISE = ("kube-root-ca.crt", "openshift-service-ca.crt")
_GENERATED = "sh.helm.release.v1."
_BOOKKEEPING = frozenset(
    (
        *("kubectl.kubernetes.io", "deployment.kubernetes.io", "control-plane.alpha.kubernetes.io"),
        *("autoscaling.alpha.kubernetes.io", "batch.kubernetes.io", "deprecated.daemonset.template.generation"),
    )
)
"""Annotations, by what stands before their slash, that clients and controllers keep their own notes in."""


def custom(groups: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(group, version) of what is no part of Kubernetes itself, from the answer of `/apis`."""
    found = [(str(g.get("name")), (g.get("preferredVersion") or {}).get("version")) for g in groups.get("groups") or ()]
    return [(n, str(v)) for n, v in found if v and n not in _OF_KUBERNETES and not n.endswith(".k8s.io")]


def of_group(group: str, version: str, resources: Mapping[str, Any]) -> Iterator[Kind]:
    """The kinds of a group that can be listed, from the answer of its discovery."""
    for one in resources.get("resources") or ():
        name = str(one.get("name"))
        if "/" not in name and "list" in (one.get("verbs") or ()):
            yield Kind(name, f"/apis/{group}/{version}", name, namespaced=bool(one.get("namespaced")))


def is_noise(metadata: Mapping[str, Any]) -> bool:
    """Owned objects come and go with their owner; others are made by the cluster in every namespace."""
    name, annotations = str(metadata.get("name")), metadata.get("annotations") or {}
    return bool(
        metadata.get("ownerReferences")
        or name in _NOISE
        or name.startswith(_GENERATED)
        or "control-plane.alpha.kubernetes.io/leader" in annotations
    )


def wanted(kind: Kind, found: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody wants of an object: without its status, its replicas, and the notes of clients and controllers."""
    metadata = found["metadata"]
    if kind.said == "secret":  # its content is not read: any write of it counts
        return {"version": metadata.get("resourceVersion")}
    if kind.said == "node":
        labels = metadata.get("labels") or {}
        return {"labels": {k: v for k, v in labels.items() if "kubernetes.io/" not in k or "topology" in k}}
    if kind.light:
        return {"labels": metadata.get("labels") or {}}
    content = {k: v for k, v in found.items() if k not in ("apiVersion", "kind", "metadata", "status")}
    notes = {"labels": metadata.get("labels") or {}, "annotations": metadata.get("annotations") or {}}
    return {**_without_notes(content), **_without_notes(notes)}


_FILLED_IN = frozenset(("clusterIP", "clusterIPs", "caBundle", "healthCheckNodePort", "creationTimestamp"))


def _without_notes(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        kept = {k: v for k, v in value.items() if k not in _FILLED_IN}
        if key == "annotations":
            kept = {k: v for k, v in kept.items() if k.partition("/")[0] not in _BOOKKEEPING}
        inner = {k: _without_notes(v, k) for k, v in kept.items() if k != "replicas"}
        # None at all is the same as an empty one; in a spec it may be the opposite (a policy's `ingress: [{}]`).
        return {k: v for k, v in inner.items() if v or k not in ("annotations", "labels", "metadata")}
    if isinstance(value, list):
        return [_without_notes(v) for v in value]
    return value
