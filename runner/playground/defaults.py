"""What the API server fills in: the defaults of each kind, as the real one sets them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from runner.playground import kinds

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of generated names: no vowels, so no words."""

TOLERATIONS = [
    {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for name in ("not-ready", "unreachable")
]


def suffix(length: int = 5) -> str:
    """The random end of a generated name."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def fill(kind: kinds.ResourceKind, found: kinds.Object, *, new: bool) -> None:
    """Set in place what is not set; `new` also gives the status a new object starts with."""
    spec = found.setdefault("spec", {}) if kind.name not in _BARE else {}
    _SPECS.get(kind.name, _no_defaults)(found, spec)
    if new and kind is kinds.POD and spec.get("automountServiceAccountToken") is not False:
        _mount_account(spec)
    if new and kind.name in _STATUS:
        found["status"] = _STATUS[kind.name](found)


_BARE = ("Endpoints", "Event", "ConfigMap", "Secret", "ServiceAccount", "EndpointSlice")


def _no_defaults(found: kinds.Object, spec: dict[str, Any]) -> None:
    pass


def _set(target: dict[str, Any], **values: Any) -> None:
    for key, value in values.items():
        if target.get(key) is None:
            target[key] = value


def _pod_spec(spec: dict[str, Any]) -> None:
    _set(spec, restartPolicy="Always", terminationGracePeriodSeconds=30, dnsPolicy="ClusterFirst", securityContext={})
    _set(spec, schedulerName="default-scheduler")
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        _container(container)


def _container(container: dict[str, Any]) -> None:
    tag = container.get("image", "").rpartition("/")[2].partition(":")[2]
    _set(
        container,
        imagePullPolicy="Always" if tag in ("", "latest") and "@" not in container.get("image", "") else "IfNotPresent",
    )
    _set(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File", resources={})
    for port in container.get("ports") or ():
        _set(port, protocol="TCP")
    for name in ("readinessProbe", "livenessProbe", "startupProbe"):
        if probe := container.get(name):
            _set(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if "httpGet" in probe:
                _set(probe["httpGet"], path="/", scheme="HTTP")


def _pod(found: kinds.Object, spec: dict[str, Any]) -> None:
    _pod_spec(spec)
    _set(spec, serviceAccountName="default", serviceAccount="default", enableServiceLinks=True, priority=0)
    _set(spec, preemptionPolicy="PreemptLowerPriority", tolerations=[])
    present = {(t.get("key"), t.get("effect")) for t in spec["tolerations"]}
    spec["tolerations"] += [dict(t) for t in TOLERATIONS if (t["key"], t["effect"]) not in present]


def _mount_account(spec: dict[str, Any]) -> None:
    """The volume every pod of a real cluster has; nothing is behind it here."""
    if any(v["name"].startswith("kube-api-access-") for v in spec.get("volumes") or ()):
        return
    name = f"kube-api-access-{suffix()}"
    sources: list[dict[str, Any]] = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
        {
            "downwardAPI": {
                "items": [{"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}]
            }
        },
    ]
    spec["volumes"] = [
        *(spec.get("volumes") or ()),
        {"name": name, "projected": {"defaultMode": 420, "sources": sources}},
    ]
    for container in spec.get("containers") or ():
        mount = {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": name, "readOnly": True}
        container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]


def _template(found: kinds.Object, spec: dict[str, Any]) -> None:
    template = spec.get("template")
    if isinstance(template, dict):
        _pod_spec(template.setdefault("spec", {}))
        template.setdefault("metadata", {})


def _deployment(found: kinds.Object, spec: dict[str, Any]) -> None:
    _template(found, spec)
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    _set(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        _set(spec["strategy"], rollingUpdate={})
        _set(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")


def _replica_set(found: kinds.Object, spec: dict[str, Any]) -> None:
    _template(found, spec)
    _set(spec, replicas=1)


def _stateful_set(found: kinds.Object, spec: dict[str, Any]) -> None:
    _template(found, spec)
    _set(spec, replicas=1, podManagementPolicy="OrderedReady", revisionHistoryLimit=10, serviceName="")
    _set(spec, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
    _set(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})


def _daemon_set(found: kinds.Object, spec: dict[str, Any]) -> None:
    _template(found, spec)
    _set(spec, revisionHistoryLimit=10)
    _set(spec, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}})


def _service(found: kinds.Object, spec: dict[str, Any]) -> None:
    _set(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster", ipFamilies=["IPv4"])
    _set(spec, ipFamilyPolicy="SingleStack")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _set(spec, externalTrafficPolicy="Cluster")
    for port in spec.get("ports") or ():
        _set(port, protocol="TCP", targetPort=port.get("port"))


def _namespace(found: kinds.Object, spec: dict[str, Any]) -> None:
    _set(spec, finalizers=["kubernetes"])
    labels = found["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = found["metadata"].get("name", "")


def _node(found: kinds.Object, spec: dict[str, Any]) -> None:
    if spec.get("unschedulable") is False:
        del spec["unschedulable"]


def _secret(found: kinds.Object, spec: dict[str, Any]) -> None:
    import base64

    _set(found, type="Opaque")
    for key, text in (found.pop("stringData", None) or {}).items():
        found.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _policy(found: kinds.Object, spec: dict[str, Any]) -> None:
    kinds_of = ["Ingress"] + (["Egress"] if spec.get("egress") else [])
    _set(spec, podSelector={}, policyTypes=kinds_of)


_SPECS: dict[str, Callable[[kinds.Object, dict[str, Any]], None]] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Service": _service,
    "Namespace": _namespace,
    "Node": _node,
    "Secret": _secret,
    "NetworkPolicy": _policy,
}

_STATUS: dict[str, Callable[[kinds.Object], dict[str, Any]]] = {
    "Pod": lambda found: {"phase": "Pending", "qosClass": qos_class(found["spec"])},
    "Deployment": lambda found: {},
    "ReplicaSet": lambda found: {"replicas": 0},
    "StatefulSet": lambda found: {"replicas": 0, "availableReplicas": 0},
    "DaemonSet": lambda found: {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    },
    "Service": lambda found: {"loadBalancer": {}},
    "Namespace": lambda found: {"phase": "Active"},
    "PodDisruptionBudget": lambda found: {
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "disruptionsAllowed": 0,
        "expectedPods": 0,
    },
    "Node": lambda found: found.get("status") or {},
}


def qos_class(spec: dict[str, Any]) -> str:
    """The quality-of-service class of a pod."""
    asked = [c.get("resources") or {} for c in spec.get("containers") or ()]
    if not any(a.get("requests") or a.get("limits") for a in asked):
        return "BestEffort"
    full = all(
        {"cpu", "memory"} <= set(a.get("limits") or ()) and a.get("requests", a["limits"]) == a["limits"] for a in asked
    )
    return "Guaranteed" if full else "Burstable"
