"""What a team writes itself: actions on a cluster by the kubernetes client, of which nobody else knows what they do."""

from __future__ import annotations

import contextlib
from typing import Any

from kubernetes import client, config
from kubernetes.client.rest import ApiException

IMAGE = "registry.k8s.io/pause:3.9"


def _core() -> client.CoreV1Api:
    config.load_kube_config()
    return client.CoreV1Api()


def make_pod(name: str, ns: str, labels: dict[str, str] | None = None) -> str:
    """A pod that nothing owns."""
    spec = {"containers": [{"name": "c", "image": IMAGE}], "terminationGracePeriodSeconds": 0}
    body: dict[str, Any] = {"metadata": {"name": name, "labels": labels or {}}, "spec": spec}
    _core().create_namespaced_pod(ns, body)
    return name


def delete_pod(name: str, ns: str) -> bool:
    with contextlib.suppress(ApiException):
        _core().delete_namespaced_pod(name, ns, grace_period_seconds=0)
    return True


def set_config(name: str, ns: str, value: str) -> str:
    """Make a config map, or change it."""
    body = {"metadata": {"name": name}, "data": {"key": value}}
    try:
        _core().create_namespaced_config_map(ns, body)
    except ApiException:
        _core().patch_namespaced_config_map(name, ns, body)
    return name


def delete_config(name: str, ns: str) -> bool:
    with contextlib.suppress(ApiException):
        _core().delete_namespaced_config_map(name, ns)
    return True


def restart(name: str, ns: str) -> str:
    """A rollout of a deployment."""
    config.load_kube_config()
    mark = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    client.AppsV1Api().patch_namespaced_deployment(name, ns, mark)
    return name


def nothing() -> str:
    return "something"
