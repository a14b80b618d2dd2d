"""The cluster through the very client that strikes: chaosk8s' own, with the same context, secrets and defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from chaosk8s import create_k8s_api_client
from kubernetes import client
from kubernetes.client.rest import ApiException
from kubernetes.config import ConfigException
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from runner import errors
from runner.faults.kubernetes import login

CALL_S = 10  # a whole number: the client ignores any other
"""Each call's timeout in seconds, once: an API server that hangs must not hold us. One that cannot be reached is tried again at once."""


TROUBLES = (ApiException, HTTPError, OSError, errors.EnvironmentFailure)
"""What looking at a cluster raises when it cannot be reached or does not let us in."""


class Unseen(Exception):
    """We may not look at what an action is about; the action itself may well be allowed."""


class Cluster:
    """Reads what faults are about: pods, nodes, workloads; and puts back what we changed."""

    def __init__(self, secrets: Mapping[str, Any] | None = None) -> None:
        """Raises EnvironmentFailure where the kubeconfig does not let us in."""
        try:
            with login.heard():
                api = create_k8s_api_client(dict(secrets or {}))
        except ConfigException as problem:
            raise errors.EnvironmentFailure(f"the kubeconfig cannot be used: {problem}") from None
        api.rest_client.pool_manager.connection_pool_kw["retries"] = Retry(total=3, read=0)
        self._api = api
        self.host: str = api.configuration.host
        self.writer: str = api.user_agent.partition("/")[0]
        """Under which name the API accounts for what this client writes without giving one, as chaosk8s does."""
        self.core = client.CoreV1Api(api)
        self.apps = client.AppsV1Api(api)

    def pods(self, namespace: str, selector: str | None = None, pattern: str | None = None) -> list[dict[str, Any]]:
        """Pods as `{name, uid, node, phase}`, in the order in which `terminate_pods` takes them."""
        options = {"label_selector": selector} if selector else {}
        found = self.core.list_namespaced_pod(namespace, _request_timeout=CALL_S, **options).items
        chosen = [p for p in found if not pattern or re.search(pattern, p.metadata.name)]
        return [
            {"name": p.metadata.name, "uid": p.metadata.uid, "node": p.spec.node_name, "phase": p.status.phase,
             "leaving": p.metadata.deletion_timestamp is not None, "owned": bool(p.metadata.owner_references),
             "containers": [c.name for c in p.spec.containers]}
            for p in chosen
        ]  # fmt: skip

    def nodes(self, name: str | None = None, selector: str | None = None) -> list[dict[str, Any]]:
        """Nodes as `{name, uid, cordoned, ready, zone, taints}`; of the taints those that keep pods away."""
        options = {"label_selector": selector} if selector else {}
        if name:
            options["field_selector"] = f"metadata.name={name}"
        found = self.core.list_node(_request_timeout=CALL_S, **options).items
        return [
            {"name": n.metadata.name, "uid": n.metadata.uid, "cordoned": bool(n.spec.unschedulable), "ready": _ready(n),
             "zone": (n.metadata.labels or {}).get("topology.kubernetes.io/zone", ""),
             "taints": [{"key": t.key, "value": t.value or "", "effect": t.effect}
                        for t in n.spec.taints or () if t.effect in ("NoSchedule", "NoExecute")]}
            for n in found
        ]  # fmt: skip

    def pods_on(self, node: str) -> list[dict[str, Any]]:
        """Pods bound to a node, without those of a DaemonSet, which a drain leaves."""
        found = self.core.list_pod_for_all_namespaces(
            field_selector=f"spec.nodeName={node}", _request_timeout=CALL_S
        ).items
        return [
            {"name": p.metadata.name, "namespace": p.metadata.namespace, "uid": p.metadata.uid,
             "mirror": "kubernetes.io/config.mirror" in (p.metadata.annotations or {}),
             "local": any(v.empty_dir is not None for v in p.spec.volumes or ()),
             "leaving": p.metadata.deletion_timestamp is not None}
            for p in found
            if all(o.kind != "DaemonSet" for o in p.metadata.owner_references or ())
        ]  # fmt: skip

    def scale(self, resource: str, name: str, namespace: str) -> dict[str, Any] | None:
        """Of a `deployment` or `stateful_set` `{replicas, uid, version}`, as wanted; None when there is no such workload."""
        read = getattr(self.apps, f"read_namespaced_{resource}_scale")
        found = _found(lambda: read(name, namespace, _request_timeout=CALL_S))
        if found is None:
            return None
        kept = found.metadata
        return {"replicas": int(found.spec.replicas or 0), "uid": kept.uid, "version": kept.resource_version}

    def rescale(self, resource: str, name: str, namespace: str, replicas: int, version: str) -> bool:
        """Whether it is there. Raises ApiException with 409 where it is not as it was at that version any more."""
        patch = getattr(self.apps, f"patch_namespaced_{resource}_scale")
        wanted = {"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}}
        return _found(lambda: patch(name, namespace, wanted, _request_timeout=CALL_S)) is not None

    def workloads(self, namespace: str) -> dict[str, int]:
        """Every deployment and stateful set of a namespace with its wanted replicas: part of the residue scan."""
        deployments = self.apps.list_namespaced_deployment(namespace, _request_timeout=CALL_S).items
        sets = self.apps.list_namespaced_stateful_set(namespace, _request_timeout=CALL_S).items
        named = [("deployment", d) for d in deployments] + [("stateful_set", s) for s in sets]
        return {f"{kind}/{namespace}/{w.metadata.name}": int(w.spec.replicas or 0) for kind, w in named}

    def template(self, name: str, namespace: str) -> dict[str, str] | None:
        """The annotations of a deployment's pod template, which a rollout restart changes; None without the deployment."""
        found = _found(lambda: self.apps.read_namespaced_deployment(name, namespace, _request_timeout=CALL_S))
        return None if found is None else dict(found.spec.template.metadata.annotations or {})

    def read(self, path: str, **query: str) -> dict[str, Any] | None:
        """Any object or list as the API gives it, by its path there; None when there is no such thing. Raises Unseen."""
        try:
            found = _found(lambda: self._get(path, query))
        except ApiException as problem:
            if problem.status == 403:
                raise Unseen(f"not allowed to look at {path.rsplit('/v', 1)[-1].partition('/')[2]}") from None
            raise
        return found if isinstance(found, dict) else None

    def _get(self, path: str, query: Mapping[str, str]) -> Any:
        return self._api.call_api(
            path,
            "GET",
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
            response_type="object",
            _return_http_data_only=True,
            _request_timeout=CALL_S,
        )


def _found(call: Callable[[], Any]) -> Any:
    """Its answer, or None when what it asks for is not there."""
    try:
        return call()
    except ApiException as problem:
        if problem.status == 404:
            return None
        raise


def _ready(node: Any) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in node.status.conditions or ())
