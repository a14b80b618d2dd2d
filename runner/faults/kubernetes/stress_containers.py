"""Stress containers: an ephemeral container in a pod that is there already, which ends itself at a stated moment, whoever has died.

It cannot be taken out of the pod again, only ended: what stays in its description is a container that has finished.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runner import clock, errors
from runner.faults import identity
from runner.faults.kubernetes import running_pods
from runner.faults.kubernetes.node_pods import Pod, called

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

STARTS_S = 60.0
"""How long its image may take to be there."""
ENDS_S = 15.0
"""How long it may take to end once it is told to."""
LOOK_S = 0.5
GONE, ENDED = "the pod is gone", "it ended"
STUCK = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError")
TERMINATE = "kill -TERM $(cat /tmp/chaos-run.pid)"
"""Its own process, by the number that it wrote down: in a pod that shares its processes number 1 is somebody else's."""
UNTIL = """\
cd /tmp && echo $$ > chaos-run.pid
left=$(( {end} - $(date +%s) ))
[ "$left" -gt {seconds} ] && left={seconds}
[ "$left" -gt 0 ] || exit 0
"""
"""The beginning of each script: a container that starts late, after its run is over, ends at once."""
_END = re.compile(r"left=\$\(\( (\d+) - ")


@dataclass(frozen=True, kw_only=True)
class Stress:
    """What is to run in a pod."""

    image: str
    script: str
    """After `UNTIL`; `$left` is for how many seconds."""
    security: Mapping[str, Any]
    seconds: int


def put(cluster: Cluster, pod: Pod, name: str, stress: Stress) -> str:
    """Put it in, unless this run has one running there already: its name there. Raises what the API answers."""
    from runner.faults.kubernetes.client import CALL_S

    meta, there = pod["metadata"], pod["spec"].get("ephemeralContainers") or ()
    if there_already := [str(s["name"]) for s in _statuses(pod, name) if "running" in s["state"]]:
        return there_already[0]
    number = sum(str(c["name"]).startswith(name) for c in there)
    begins = UNTIL.format(end=int(time.time()) + stress.seconds, seconds=stress.seconds)
    script = (begins + stress.script).replace("$$", "$$$$")  # Kubernetes makes one of two
    container = {
        "name": f"{name}-{number}" if number else name,
        "image": stress.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", script],
        "securityContext": dict(stress.security),
    }
    cluster.core.patch_namespaced_pod_ephemeralcontainers(
        meta["name"], meta["namespace"], {"spec": {"ephemeralContainers": [container]}}, _request_timeout=CALL_S
    )
    return str(container["name"])


def started(cluster: Cluster, pod: Pod, container: str) -> None:
    """Wait until the container of that name runs. Raises EnvironmentFailure with the node's words where it does not."""

    def look() -> tuple[bool, str]:
        now = running_pods.again(cluster, pod)
        if now is None:
            return False, GONE
        state: Mapping[str, Any] = next((s["state"] for s in _statuses(now, container) if s["name"] == container), {})
        return "running" in state, _trouble(cluster, now, container, state)

    runs, why = clock.poll_until(look, STARTS_S, LOOK_S, enough=lambda seen: seen[0] or _hopeless(seen[1]))
    if not runs:
        raise errors.EnvironmentFailure(f"stress-ng does not run in {called(pod)}: {why or 'its node says nothing'}")


def _trouble(cluster: Cluster, pod: Pod, container: str, state: Mapping[str, Any]) -> str:
    """Why it does not run, by its node and by itself; empty where nothing is known."""
    from runner.faults.kubernetes.client import CALL_S

    if waiting := state.get("waiting"):
        return f"{waiting.get('reason')}: {waiting.get('message') or ''}"
    if ended := state.get("terminated"):
        meta = pod["metadata"]
        said = cluster.core.read_namespaced_pod_log(
            meta["name"], meta["namespace"], container=container, tail_lines=3, _request_timeout=CALL_S
        )
        return f"{ENDED} with exit code {ended.get('exitCode')}: {' | '.join(str(said).splitlines())}"
    return ""


def _hopeless(why: str) -> bool:
    return why == GONE or why.startswith((ENDED, *STUCK))


def running(pod: Pod, name: str) -> Mapping[str, Any] | None:
    """The state of the one that runs, where one does."""
    return next((s["state"]["running"] for s in _statuses(pod, name) if "running" in s["state"]), None)


def end(cluster: Cluster, pod: Pod, name: str) -> bool:
    """Whether one had to be ended. Raises EnvironmentFailure where it goes on or may yet begin, and what the API answers."""
    now = running_pods.again(cluster, pod)
    live = [s for s in _statuses(now, name) if "terminated" not in s["state"]] if now else []
    if now is None or not live:
        return False
    if all(map(_is_stuck, live)):  # nobody can take it out again, so there is nothing to wait for
        if said := [told for s in live if (told := going_on(now, str(s["name"])))]:
            raise errors.EnvironmentFailure(said[0])
        return False
    why = ""
    for status in _statuses(now, name):
        try:
            if "running" in status["state"]:
                running_pods.execute(cluster, now, str(status["name"]), "/bin/sh", "-c", TERMINATE)
        except errors.EnvironmentFailure as problem:  # what was to tell it may have ended with it, which is well
            why = f": {problem.message}"

    def ended() -> bool:
        left = running_pods.again(cluster, pod)
        return left is None or all("terminated" in s["state"] for s in _statuses(left, name))

    if not clock.poll_until(ended, ENDS_S, LOOK_S):
        raise errors.EnvironmentFailure(
            f"stress-ng in {called(pod)} has not ended {ENDS_S:g} s after it was told to{why}"
        )
    return True


def going_on(pod: Pod, container: str) -> str:
    """What one that has not ended does, or may yet do where its node cannot start it; empty once it would end at once."""
    state: Mapping[str, Any] = next((s["state"] for s in _statuses(pod, container) if s["name"] == container), {})
    if "running" in state:
        return f"stress-ng ({container}) still runs in {called(pod)}"
    script = next((c["command"][-1] for c in pod["spec"]["ephemeralContainers"] if c["name"] == container), "")
    end = int(found[1]) if (found := _END.search(script)) else math.inf
    if time.time() >= end:
        return ""
    until = f"until {datetime.fromtimestamp(end, UTC):%H:%M:%S} UTC" if end < math.inf else "at any time"
    reason = (state.get("waiting") or {}).get("reason") or "its node says nothing"
    said = f"stress-ng ({container}) has not started in {called(pod)} ({reason}), and may still do so {until}"
    return f"{said}; only to delete the pod prevents it"


def _is_stuck(status: Mapping[str, Any]) -> bool:
    return str((status["state"].get("waiting") or {}).get("reason")) in STUCK


def of_run(pod: Pod, run: str) -> Iterator[str]:
    """The names of those of this run that have not ended."""
    for status in (pod.get("status") or {}).get("ephemeralContainerStatuses") or ():
        if identity.is_of(run, status["name"]) and "terminated" not in status["state"]:
            yield str(status["name"])


def _statuses(pod: Pod, name: str) -> list[Mapping[str, Any]]:
    """Of those of this name, also of its further attempts; those that have not ended last."""
    found = (pod.get("status") or {}).get("ephemeralContainerStatuses") or ()
    ours = [s for s in found if s["name"] == name or str(s["name"]).startswith(f"{name}-")]
    return sorted(ours, key=lambda status: "terminated" not in status["state"])
