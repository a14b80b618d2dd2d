"""The lock inside the cluster: a coordination.k8s.io Lease with a visible holder, renewed while the run lives.

A name is `namespace/lease`. A lease whose holder has not renewed it in time is free to be taken.
"""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

from kubernetes import client
from kubernetes.client.rest import ApiException

from runner.faults.kubernetes.client import CALL_S, Cluster
from runner.rundir.start_message import StartMessage

DURATION_S = 60
"""How long a holder that has gone silent still counts."""


def acquire(name: str, start: StartMessage) -> dict[str, Any]:
    """`{held: True}`, or `{held: False, holder, since}` when another run has it; `{held: None, error}` when not allowed to look."""
    api, (namespace, lease) = _api(start), name.split("/")
    try:
        found = api.read_namespaced_lease(lease, namespace, _request_timeout=CALL_S)
    except ApiException as problem:
        if problem.status == 403:
            return {"held": None, "error": "not allowed to read leases"}
        if problem.status != 404:
            raise
        return _create(api, lease, namespace, start)
    if _alive(found) and found.spec.holder_identity != _identity(start):
        return {"held": False, "holder": found.spec.holder_identity, "since": str(found.spec.acquire_time)}
    return _take(api, found, start)


def renew(name: str, start: StartMessage) -> bool:
    """Whether we still hold it."""
    api, (namespace, lease) = _api(start), name.split("/")
    found = api.read_namespaced_lease(lease, namespace, _request_timeout=CALL_S)
    if found.spec.holder_identity != _identity(start):
        return False
    found.spec.renew_time = datetime.now(UTC)
    api.replace_namespaced_lease(lease, namespace, found, _request_timeout=CALL_S)
    return True


def release(name: str, start: StartMessage) -> bool:
    """Delete it if it is ours."""
    api, (namespace, lease) = _api(start), name.split("/")
    try:
        found = api.read_namespaced_lease(lease, namespace, _request_timeout=CALL_S)
        if found.spec.holder_identity != _identity(start):
            return False
        body = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=found.metadata.uid))
        api.delete_namespaced_lease(lease, namespace, body=body, _request_timeout=CALL_S)
    except ApiException as problem:
        if problem.status not in (404, 409):
            raise
        return False
    return True


def _create(api: Any, lease: str, namespace: str, start: StartMessage) -> dict[str, Any]:
    body = client.V1Lease(metadata=client.V1ObjectMeta(name=lease), spec=_spec(start))
    return _written(lambda: api.create_namespaced_lease(namespace, body, _request_timeout=CALL_S))


def _take(api: Any, found: Any, start: StartMessage) -> dict[str, Any]:
    found.spec = _spec(start)
    name, namespace = found.metadata.name, found.metadata.namespace
    return _written(lambda: api.replace_namespaced_lease(name, namespace, found, _request_timeout=CALL_S))


def _written(write: Any) -> dict[str, Any]:
    """The API server decides a race: whoever is second gets 409."""
    try:
        write()
    except ApiException as problem:
        if problem.status == 409:
            return {"held": False, "holder": "another run that was faster", "since": "just now"}
        if problem.status == 403:
            return {"held": None, "error": "not allowed to write leases"}
        if problem.status == 404:
            return {"held": None, "error": "there is no such namespace"}
        raise
    return {"held": True}


def _spec(start: StartMessage) -> Any:
    now = datetime.now(UTC)
    return client.V1LeaseSpec(
        holder_identity=_identity(start), lease_duration_seconds=DURATION_S, acquire_time=now, renew_time=now
    )


def _alive(found: Any) -> bool:
    renewed = found.spec.renew_time
    lasts = timedelta(seconds=found.spec.lease_duration_seconds or DURATION_S)
    return bool(found.spec.holder_identity) and renewed is not None and datetime.now(UTC) < renewed + lasts


def _identity(start: StartMessage) -> str:
    return f"{start.run} by {os.environ.get('USER') or os.environ.get('LOGNAME') or 'uid ' + str(os.getuid())}@{socket.gethostname()}"


def _api(start: StartMessage) -> Any:
    return client.CoordinationV1Api(Cluster().core.api_client)
