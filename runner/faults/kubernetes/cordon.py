"""Cordons of ours: a note on the node says whose it is, so that the undo frees what this run has cordoned and nothing else.

Where the API keeps account of who wrote which field, that account counts too: a node that somebody freed and cordoned again is theirs.
A stock action leaves no note, and may never have come to a node for which there is an undo record: of its cordons the account alone tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

NOTE = "chaos-run/cordoned-by"
"""An annotation, set in the very write that cordons: the id of the run."""
WRITER = "chaos-run-cordon"
"""The name under which we write, in the API's account of who wrote what."""
NO_ACCOUNT = "the API keeps no account of who cordoned it; it was free before the run"
ATTEMPTS = 5
"""A node is written by its kubelet too: whoever was faster makes us look again."""


def close(cluster: Cluster, node: str, run: str) -> bool:
    """Whether it is ours now. One that somebody else has cordoned stays theirs."""

    def change(found: Any) -> dict[str, Any] | None:
        return None if found.spec.unschedulable else {"spec": {"unschedulable": True}, "metadata": _noted(run)}

    return _changed(cluster, node, change) or run_of(cluster, node) == run


def free(cluster: Cluster, node: str, run: str) -> bool:
    """Whether there was a cordon of this run. A node that is gone, or that somebody else holds, needs nothing."""

    def change(found: Any) -> dict[str, Any] | None:
        if _note(found) != run:
            return None
        return {"metadata": _noted(None)} | ({"spec": {"unschedulable": None}} if _is_ours(found, run) else {})

    return _changed(cluster, node, change)


def free_stock(cluster: Cluster, node: str, run: str, *, anybody: bool = False) -> bool:
    """The same of a cordon by a stock action, of which nothing but the API's account says whose it is; without one it counts as ours.

    `anybody`: whoever did it counts as ours.
    """

    def change(found: Any) -> dict[str, Any] | None:
        if not found.spec.unschedulable or (not anybody and _foreign(cluster, found, run)):
            return None
        return {"spec": {"unschedulable": None}, "metadata": _noted(None) if _note(found) == run else {}}

    return _changed(cluster, node, change)


def whose(cluster: Cluster, node: str, run: str, *, noted: bool) -> tuple[bool, str]:
    """Whether it is cordoned and somebody else's, and what is to be said of that. `noted`: a cordon of ours would have its note."""
    found = _read(cluster, node)
    if not found or not found.spec.unschedulable:
        return False, ""
    if foreign := _foreign(cluster, found, run):
        return True, f"node/{node} is cordoned by {' and '.join(foreign)}, not by this run: it stays so"
    return False, "" if noted or _cordoners(found) else NO_ACCOUNT


def run_of(cluster: Cluster, node: str) -> str:
    """The run that has cordoned it; empty where none of ours has."""
    found = _read(cluster, node)
    return _note(found) if found and _is_ours(found, _note(found)) else ""


def _note(found: Any) -> str:
    return str((found.metadata.annotations or {}).get(NOTE) or "")


def _is_ours(found: Any, run: str) -> bool:
    """Whether it is cordoned, by that run."""
    writers = {e.manager for e in _cordoners(found)}
    return bool(found.spec.unschedulable) and bool(run) and _note(found) == run and writers <= {WRITER}


def _foreign(cluster: Cluster, found: Any, run: str) -> list[str]:
    """Who cordoned it, by the API's account, that is neither this run's client nor the client of the stock actions."""
    ours = {cluster.writer, *([WRITER] if _note(found) == run else [])}
    return [
        f"{e.manager} at {e.time:%H:%M:%S} UTC" if e.time else e.manager
        for e in _cordoners(found)
        if e.manager not in ours
    ]


def _cordoners(found: Any) -> list[Any]:
    """The entries of the API's account that hold the cordon."""
    return [e for e in found.metadata.managed_fields or () if _wrote_cordon(e.fields_v1)]


def _wrote_cordon(fields: Any) -> bool:
    return "f:unschedulable" in ((fields or {}).get("f:spec") or {})


def _noted(run: str | None) -> dict[str, Any]:
    return {"annotations": {NOTE: run}}


def _changed(cluster: Cluster, node: str, change: Any) -> bool:
    """Read, decide and write: only what was read is written over. Raises ApiException."""
    from kubernetes.client.rest import ApiException

    from runner.faults.kubernetes.client import CALL_S

    for attempt in range(ATTEMPTS):
        found = _read(cluster, node)
        patch = change(found) if found else None
        if patch is None:
            return False
        patch["metadata"]["resourceVersion"] = found.metadata.resource_version
        try:
            cluster.core.patch_node(node, patch, field_manager=WRITER, _request_timeout=CALL_S)
            return True
        except ApiException as problem:
            if problem.status != 409 or attempt == ATTEMPTS - 1:
                raise
    return False


def _read(cluster: Cluster, node: str) -> Any:
    from kubernetes.client.rest import ApiException

    from runner.faults.kubernetes.client import CALL_S

    try:
        return cluster.core.read_node(node, _request_timeout=CALL_S)
    except ApiException as problem:
        if problem.status == 404:
            return None
        raise
