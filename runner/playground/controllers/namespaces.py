"""Namespaces: each has a service account and a root certificate; one that is leaving takes its content with it."""

from __future__ import annotations

import copy

from runner.playground import conditions, kinds, resources, store


def sync(held: store.ObjectStore) -> None:
    """Equip the living, empty the leaving."""
    for namespace in held.list(kinds.NAMESPACE):
        if conditions.leaving(namespace):
            _empty(held, namespace)
        else:
            _add_defaults(held, namespace["metadata"]["name"])


def _add_defaults(held: store.ObjectStore, name: str) -> None:
    if held.get(kinds.SERVICE_ACCOUNT, name, "default") is None:
        held.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}})
    if held.get(kinds.CONFIG_MAP, name, "kube-root-ca.crt") is None:
        meta = {"name": "kube-root-ca.crt", "namespace": name}
        held.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"ca.crt": ""}})


def _empty(held: store.ObjectStore, namespace: kinds.Object) -> None:
    name, left = namespace["metadata"]["name"], False
    for kind in (k for k in kinds.KINDS if k.namespaced):
        for found in held.list(kind, name):
            if not conditions.leaving(found):
                resources.begin_deletion(held, kind, found, {})
            left = True
    if not left:
        gone = copy.deepcopy(namespace)
        gone["spec"]["finalizers"] = []
        held.update(gone)
