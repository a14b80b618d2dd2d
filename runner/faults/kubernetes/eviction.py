"""Eviction: pods go by the eviction API, all at once, asked again while a disruption budget says no, and for a stated time only."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubernetes import client
from kubernetes.client.rest import ApiException
from urllib3.exceptions import HTTPError

from runner import error_text
from runner.faults.kubernetes.client import CALL_S
from runner.faults.kubernetes.node_pods import Pod, called

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

RETRY_S = 5.0
"""Between two evictions of a pod that may not go yet, as `kubectl drain` has it."""
GONE_S = 0.5
"""Between two looks at whether it is gone."""
AT_ONCE = 50
ENDING = "it takes longer to end than the time that the drain was given"
SEVERAL = "more than one PodDisruptionBudget"
"""What the API says of a pod that several budgets speak of: it will never be evicted."""
CONFIRMED_S = 1
"""The shortest grace whose end the node itself confirms: of a StatefulSet there are never two pods of one name."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """What became of one pod."""

    pod: str
    gone: bool
    why: str = ""
    """Of one that is not gone: the API's own words."""


Send = Callable[["Cluster", Pod], object]


def evict(cluster: Cluster, pods: Sequence[Pod], within_s: float) -> list[Left]:
    """Each pod by the eviction API, with its own grace: disruption budgets are respected."""
    return _all(cluster, pods, within_s, _evict)


def cut_off(cluster: Cluster, pods: Sequence[Pod], within_s: float) -> list[Left]:
    """Each pod deleted with next to no grace, whatever disruption budgets say: as a zone that is gone takes it along."""
    return _all(cluster, pods, within_s, _delete)


def _all(cluster: Cluster, pods: Sequence[Pod], within_s: float, send: Send) -> list[Left]:
    until, stop = time.monotonic() + within_s, threading.Event()
    pool = ThreadPoolExecutor(min(AT_ONCE, max(1, len(pods))))
    try:
        return list(pool.map(lambda pod: _one(cluster, pod, send, until, stop), pods))
    finally:  # an interrupted run evicts nobody any more
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _one(cluster: Cluster, pod: Pod, send: Send, until: float, stop: threading.Event) -> Left:
    sent, why = False, "there was no time to ask"
    while not stop.is_set() and time.monotonic() < until:
        try:
            if _is_gone(cluster, pod):
                return Left(pod=called(pod), gone=True)
            if not sent:
                send(cluster, pod)
                sent, why = True, ENDING
        except ApiException as problem:
            why = error_text.sentence(problem)
            if is_final(problem):
                break
        except (HTTPError, OSError) as problem:
            why = error_text.sentence(problem)
        stop.wait(min(GONE_S if sent else RETRY_S, max(0.0, until - time.monotonic())))
    return Left(pod=called(pod), gone=False, why=why)


def _evict(cluster: Cluster, pod: Pod) -> object:
    meta = pod["metadata"]
    body = client.V1Eviction(
        metadata=client.V1ObjectMeta(name=meta["name"], namespace=meta["namespace"]),
        delete_options=client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=meta["uid"])),
    )
    return cluster.core.create_namespaced_pod_eviction(meta["name"], meta["namespace"], body, _request_timeout=CALL_S)


def _delete(cluster: Cluster, pod: Pod) -> object:
    meta = pod["metadata"]
    same = client.V1Preconditions(uid=meta["uid"])
    body = client.V1DeleteOptions(grace_period_seconds=CONFIRMED_S, preconditions=same)
    return cluster.core.delete_namespaced_pod(meta["name"], meta["namespace"], body=body, _request_timeout=CALL_S)


def is_final(problem: ApiException) -> bool:
    """Whether it will be answered so however often one asks: not what a budget (429) or a namespace on its way out holds back."""
    terminating = "NamespaceTerminating" in {str(cause.get("reason")) for cause in _causes(problem)}
    several = problem.status == 500 and SEVERAL in str(problem.body)
    return several or (problem.status in (400, 401, 403, 422) and not terminating)


def _causes(problem: ApiException) -> list[Mapping[str, Any]]:
    try:
        return list((json.loads(problem.body or "{}").get("details") or {}).get("causes") or ())
    except (ValueError, AttributeError):
        return []


def _is_gone(cluster: Cluster, pod: Pod) -> bool:
    """By its UID: of a StatefulSet the new one has the old name."""
    meta = pod["metadata"]
    now = cluster.read(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}")
    return now is None or now["metadata"]["uid"] != meta["uid"]
