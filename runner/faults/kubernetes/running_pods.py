"""Which running pods a stress is for, for how long, and what is run inside of them."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner import errors, units
from runner.faults.driver import FaultTarget, UndoStep
from runner.faults.kubernetes.node_pods import Pod, called
from runner.faults.kubernetes.signatures import Arguments

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

LONGEST_S = 3600
EXEC_S = 15.0


def chosen(cluster: Cluster, arguments: Arguments, most: int = 0) -> list[dict[str, Any]]:
    """Those that match, by name, `qty` of them (else `most`; 0: all). None without a label selector."""
    found = [p for p in _matching(cluster, arguments) if _runs(p)]
    return found[: int(arguments.get("qty") or most or len(found))]


def pending(cluster: Cluster, arguments: Arguments) -> list[dict[str, Any]]:
    """Those that match and do not run yet, by name."""
    return [p for p in _matching(cluster, arguments) if p["status"].get("phase") == "Pending"]


def _matching(cluster: Cluster, arguments: Arguments) -> list[dict[str, Any]]:
    if not arguments.get("label_selector"):
        return []
    listed = cluster.read(f"/api/v1/namespaces/{space(arguments)}/pods", labelSelector=str(arguments["label_selector"]))
    return sorted((listed or {}).get("items") or (), key=lambda p: str(p["metadata"]["name"]))


def some(cluster: Cluster, arguments: Arguments, most: int = 0) -> list[dict[str, Any]]:
    """The same. Raises EnvironmentFailure where there is none."""
    if found := chosen(cluster, arguments, most):
        return found
    where, which = space(arguments), arguments.get("label_selector")
    raise errors.EnvironmentFailure(f"no running pod in {where} matches {which!r}: nothing was stressed")


def _runs(pod: Pod) -> bool:
    return pod["status"].get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")


def space(arguments: Arguments) -> str:
    """The namespace."""
    return str(arguments.get("ns") or "default")


def seconds(arguments: Arguments) -> int:
    """How long it lasts at the most. Raises EnvironmentFailure for what is no such time."""
    given = arguments.get("duration") or "2m"
    try:
        found = float(given) if isinstance(given, int | float) else units.parse_duration(str(given))
    except ValueError as problem:
        raise errors.EnvironmentFailure(f"duration: {problem}") from None
    if not 1 <= found <= LONGEST_S:
        raise errors.EnvironmentFailure(f"duration: {given} is not between 1s and {units.format_duration(LONGEST_S)}")
    return math.ceil(found)


def target(
    action: str, kind: str, pods: Sequence[Pod], arguments: Arguments, undo: str, before: Mapping[str, Any]
) -> FaultTarget:
    """Of something that runs in pods and ends itself; `undo`: the kind of the records that end it sooner."""
    where, lasts_s = space(arguments), seconds(arguments)
    uids = {p["metadata"]["name"]: p["metadata"]["uid"] for p in pods}
    steps = [
        UndoStep(
            kind=undo,
            what=f"end the stress in pod {where}/{name}",
            args={"resource": "pod", "namespace": where, "name": name, "uid": uid},
        )
        for name, uid in uids.items()
    ]
    note = (
        f"in {len(uids)} pods, for {units.format_duration(lasts_s)} at the most" if uids else "no running pod matches"
    )
    return FaultTarget(
        action=action,
        kind=kind,
        targets=tuple(map(called, pods)),
        note=note,
        scopes=(where,),
        owner="system",
        ttl_s=float(lasts_s),
        undo=tuple(steps),
        before={"namespace": where, "uids": uids, **before},
    )


def again(cluster: Cluster, pod: Pod) -> dict[str, Any] | None:
    """The same pod as it is now; None where it is gone, or its name is another's."""
    meta = pod["metadata"]
    now = cluster.read(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}")
    return now if now is not None and now["metadata"]["uid"] == meta["uid"] else None


def named(args: Mapping[str, Any]) -> Pod:
    """The pod that an undo record names, to be looked up again."""
    return {"metadata": {"namespace": args["namespace"], "name": args["name"], "uid": args["uid"]}}


def execute(cluster: Cluster, pod: Pod, container: str, *command: str) -> str:
    """What a command inside of a pod prints. Raises EnvironmentFailure where it cannot be run, or fails."""
    from kubernetes import client, stream
    from kubernetes.client.rest import ApiException
    from kubernetes.stream.ws_client import ERROR_CHANNEL
    from websocket import WebSocketException

    meta = pod["metadata"]
    api = client.CoreV1Api(client.ApiClient(cluster.core.api_client.configuration))  # stream() changes what it is given
    options = {"stderr": True, "stdout": True, "stdin": False, "tty": False, "_preload_content": False}
    try:
        answer = stream.stream(
            api.connect_get_namespaced_pod_exec,
            meta["name"],
            meta["namespace"],
            container=container,
            command=list(command),
            _request_timeout=EXEC_S,
            **options,
        )
        with contextlib.closing(answer), contextlib.closing(_Socket(answer.sock)):
            answer.run_forever(timeout=EXEC_S)
            late, printed, complained = answer.is_open(), answer.read_stdout(0), answer.read_stderr(0)
            status = json.loads(answer.read_channel(ERROR_CHANNEL, 0) or "{}")
    except (ApiException, WebSocketException, OSError, ValueError) as problem:
        raise errors.EnvironmentFailure(f"nothing can be run in {called(pod)}: {_reason(problem)}") from None
    if late or status.get("status") != "Success":
        why = f"no end after {EXEC_S:g} s" if late else f"{status.get('message', 'no status')} {complained}"
        raise errors.EnvironmentFailure(f"{command[0]} in {called(pod)}: {why.strip()}")
    return str(printed)


@dataclass(frozen=True)
class _Socket:
    """Of an answer: its own close() leaves it open where the server has hung up first."""

    sock: Any

    def close(self) -> None:
        self.sock.shutdown()


def _reason(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300]
