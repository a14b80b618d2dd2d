"""The lock inside the cluster: a coordination.k8s.io Lease with a visible holder, renewed while the run lives.

A name is `namespace/lease`. A lease whose holder has not renewed it in time is free to be taken.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from kubernetes import client
from kubernetes.client.rest import ApiException

from runner.faults.driver import LockAnswer
from runner.faults.kubernetes.client import CALL_S, Cluster

DURATION_S = 60
"""How long a holder that has gone silent still counts."""


def names(namespaces: Collection[str], nodes: bool) -> list[str]:
    """The Leases that stand for a blast radius: one a namespace, one for the nodes. In a fixed order, against deadlocks."""
    return sorted([f"{n}/chaos-run" for n in namespaces] + (["default/chaos-run-nodes"] if nodes else []))


def acquire(name: str, run: str) -> LockAnswer:
    """Held, or by whom else; None when we are not allowed to look."""
    api, (namespace, lease) = _api(run), name.split("/")
    try:
        found = api.read_namespaced_lease(lease, namespace, _request_timeout=CALL_S)
    except ApiException as problem:
        if problem.status == 403:
            return LockAnswer(held=None, error="not allowed to read leases")
        if problem.status != 404:
            raise
        return _create(api, lease, namespace, run)
    if _alive(found) and found.spec.holder_identity != _identity(run):
        return LockAnswer(held=False, holder=found.spec.holder_identity, since=str(found.spec.acquire_time))
    return _take(api, found, run)


def renew(name: str, run: str) -> bool:
    """Whether we still hold it."""
    api, (namespace, lease) = _api(run), name.split("/")
    found = api.read_namespaced_lease(lease, namespace, _request_timeout=CALL_S)
    if found.spec.holder_identity != _identity(run):
        return False
    found.spec.renew_time = datetime.now(UTC)
    api.replace_namespaced_lease(lease, namespace, found, _request_timeout=CALL_S)
    return True


def release(name: str, run: str) -> bool:
    """Delete it if it is ours."""
    api, (namespace, lease) = _api(run), name.split("/")
    try:
        found = api.read_namespaced_lease(lease, namespace, _request_timeout=CALL_S)
        if found.spec.holder_identity != _identity(run):
            return False
        body = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=found.metadata.uid))
        api.delete_namespaced_lease(lease, namespace, body=body, _request_timeout=CALL_S)
    except ApiException as problem:
        if problem.status not in (404, 409):
            raise
        return False
    return True


def _create(api: Any, lease: str, namespace: str, run: str) -> LockAnswer:
    body = client.V1Lease(metadata=client.V1ObjectMeta(name=lease), spec=_spec(run))
    return _written(lambda: api.create_namespaced_lease(namespace, body, _request_timeout=CALL_S))


def _take(api: Any, found: Any, run: str) -> LockAnswer:
    found.spec = _spec(run)
    name, namespace = found.metadata.name, found.metadata.namespace
    return _written(lambda: api.replace_namespaced_lease(name, namespace, found, _request_timeout=CALL_S))


def _written(write: Any) -> LockAnswer:
    """The API server decides a race: whoever is second gets 409."""
    try:
        write()
    except ApiException as problem:
        if problem.status == 409:
            return LockAnswer(held=False, holder="another run that was faster", since="just now")
        if problem.status == 403:
            return LockAnswer(held=None, error="not allowed to write leases")
        if problem.status == 404:
            return LockAnswer(held=None, error="there is no such namespace")
        raise
    return LockAnswer(held=True)


def _spec(run: str) -> Any:
    now = datetime.now(UTC)
    return client.V1LeaseSpec(
        holder_identity=_identity(run), lease_duration_seconds=DURATION_S, acquire_time=now, renew_time=now
    )


def _alive(found: Any) -> bool:
    renewed = found.spec.renew_time
    lasts = timedelta(seconds=found.spec.lease_duration_seconds or DURATION_S)
    return bool(found.spec.holder_identity) and renewed is not None and datetime.now(UTC) < renewed + lasts


def _identity(run: str) -> str:
    return f"{run} by {os.environ.get('USER') or os.environ.get('LOGNAME') or 'uid ' + str(os.getuid())}@{socket.gethostname()}"


def _api(run: str) -> Any:
    return client.CoordinationV1Api(Cluster().core.api_client)
