"""Stress containers: an ephemeral container in a pod that is there already, which ends itself at a stated moment, whoever has died.

It cannot be taken out of the pod again, only ended: what stays in its description is a container that has finished.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner import clock, errors
from runner.faults import identity
from runner.faults.kubernetes.node_pods import Pod, called

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

STARTS_S = 60.0
"""How long its image may take to be there."""
ENDS_S = 15.0
"""How long it may take to end once it is told to."""
LOOK_S = 0.5
STUCK = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError")
UNTIL = """\
echo $$ > /tmp/chaos-run.pid
left=$(( {end} - $(date +%s) ))
[ "$left" -gt {seconds} ] && left={seconds}
[ "$left" -gt 0 ] || exit 0
"""
"""The beginning of each script: a container that starts late, after its run is over, ends at once."""


@dataclass(frozen=True, kw_only=True)
class Stress:
    """What is to run in a pod."""

    image: str
    script: str
    """After `UNTIL`; `$left` is for how many seconds."""
    security: Mapping[str, Any]
    seconds: int


def put(cluster: Cluster, pod: Pod, name: str, stress: Stress) -> None:
    """Put it in, unless this run has one running there already. Raises what the API answers."""
    from runner.faults.kubernetes.client import CALL_S

    meta, there = pod["metadata"], pod["spec"].get("ephemeralContainers") or ()
    if running(pod, name):
        return
    number = sum(str(c["name"]).startswith(name) for c in there)
    begins = UNTIL.format(end=int(time.time()) + stress.seconds, seconds=stress.seconds)
    container = {
        "name": f"{name}-{number}" if number else name,
        "image": stress.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", begins + stress.script],
        "securityContext": dict(stress.security),
    }
    cluster.core.patch_namespaced_pod_ephemeralcontainers(
        meta["name"], meta["namespace"], {"spec": {"ephemeralContainers": [container]}}, _request_timeout=CALL_S
    )


def started(cluster: Cluster, pod: Pod, name: str) -> None:
    """Wait until it runs. Raises EnvironmentFailure with the node's words where it does not."""

    def look() -> tuple[bool, str]:
        now = again(cluster, pod)
        if now is None or running(now, name):
            return now is not None, "the pod is gone"
        waiting = [s["state"].get("waiting") or {} for s in _statuses(now, name)]
        return False, f"{waiting[-1].get('reason')}: {waiting[-1].get('message') or ''}" if waiting else ""

    runs, why = clock.poll_until(look, STARTS_S, LOOK_S, enough=lambda seen: seen[0] or _hopeless(seen[1]))
    if not runs:
        raise errors.EnvironmentFailure(f"stress-ng does not start in {called(pod)}: {why or 'its node says nothing'}")


def _hopeless(why: str) -> bool:
    return why == "the pod is gone" or any(reason in why for reason in STUCK)


def running(pod: Pod, name: str) -> Mapping[str, Any] | None:
    """The state of the one that runs, where one does."""
    return next((s["state"]["running"] for s in _statuses(pod, name) if "running" in s["state"]), None)


def end(cluster: Cluster, pod: Pod, name: str) -> bool:
    """Whether one had to be ended. Raises EnvironmentFailure where it goes on, and what the API answers."""
    now = again(cluster, pod)
    if now is None or not any("terminated" not in s["state"] for s in _statuses(now, name)):
        return False
    for status in _statuses(now, name):
        if "running" in status["state"]:
            _tell(cluster, now, str(status["name"]))

    def ended() -> bool:
        left = again(cluster, pod)
        return left is None or all("terminated" in s["state"] for s in _statuses(left, name))

    if not clock.poll_until(ended, ENDS_S, LOOK_S):
        raise errors.EnvironmentFailure(f"stress-ng in {called(pod)} has not ended {ENDS_S:g} s after it was told to")
    return True


def again(cluster: Cluster, pod: Pod) -> dict[str, Any] | None:
    """The same pod as it is now; None where it is gone, or its name is another's."""
    meta = pod["metadata"]
    now = cluster.read(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}")
    return now if now is not None and now["metadata"]["uid"] == meta["uid"] else None


def of_run(pod: Pod, run: str) -> Iterator[str]:
    """The names of those of this run that have not ended."""
    for status in (pod.get("status") or {}).get("ephemeralContainerStatuses") or ():
        if identity.is_of(run, status["name"]) and "terminated" not in status["state"]:
            yield str(status["name"])


def _tell(cluster: Cluster, pod: Pod, container: str) -> None:
    """SIGTERM to its own process, by the number that it wrote down: in a pod that shares its processes number 1 is somebody else's."""
    from kubernetes import client, stream

    meta = pod["metadata"]
    api = client.CoreV1Api(
        client.ApiClient(cluster.core.api_client.configuration)
    )  # stream() changes the client it is given
    stream.stream(
        api.connect_get_namespaced_pod_exec,
        meta["name"],
        meta["namespace"],
        container=container,
        command=["/bin/sh", "-c", "kill -TERM $(cat /tmp/chaos-run.pid)"],
        stderr=True,
        stdout=True,
        stdin=False,
        tty=False,
        _request_timeout=ENDS_S,
    )


def _statuses(pod: Pod, name: str) -> list[Mapping[str, Any]]:
    """Of those of this name, also of its further attempts."""
    found = (pod.get("status") or {}).get("ephemeralContainerStatuses") or ()
    return [s for s in found if s["name"] == name or str(s["name"]).startswith(f"{name}-")]
