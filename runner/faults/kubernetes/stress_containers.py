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
BEHIND_S = 5.0
"""How far a node's clock, by which a container ends, may be behind ours."""
LEAST_S = 2.0
"""Nodes write whole seconds: what fails at once may seem to have lasted one."""
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
    end: int
    """When it has ended in all pods, in seconds of the epoch: one that starts late runs for less."""


def put(cluster: Cluster, pod: Pod, name: str, stress: Stress) -> str:
    """Put it in, unless this run has one running there already: its name there. Raises what the API answers."""
    from runner.faults.kubernetes.client import CALL_S

    meta, there = pod["metadata"], _ours(pod, name)
    if there_already := [container for container, state in there.items() if "running" in state]:
        return there_already[0]
    begins = UNTIL.format(end=stress.end, seconds=stress.seconds)
    script = (begins + stress.script).replace("$$", "$$$$")  # Kubernetes makes one of two
    container = {
        "name": f"{name}-{len(there)}" if there else name,
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
        state = _ours(now, container).get(container, {})
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
    return next((state["running"] for state in _ours(pod, name).values() if "running" in state), None)


def has_run(pod: Pod, name: str) -> bool:
    """Whether one runs or has run, by the node's account: one that could not be started, or failed at once, has not."""
    return any("running" in state or _lasted_s(state) >= LEAST_S for state in _ours(pod, name).values())


def _lasted_s(state: Mapping[str, Any]) -> float:
    ended = state.get("terminated") or {}
    began, over = (datetime.fromisoformat(ended[key]).timestamp() if ended.get(key) else 0.0 for key in _TIMES)
    return over - began if began > 0 else 0.0  # a container that never started began in 1970


_TIMES = ("startedAt", "finishedAt")


def end(cluster: Cluster, pod: Pod, name: str) -> bool:
    """Whether one had to be ended. Raises EnvironmentFailure where one goes on or may yet begin, and what the API answers."""
    told, why = set[str](), ""

    def look() -> list[str]:
        """Tell what runs to end; what is not over yet, a sentence each."""
        nonlocal why
        now = running_pods.again(cluster, pod)
        states = _ours(now, name) if now else {}
        for container in [c for c, state in states.items() if "running" in state and c not in told]:
            told.add(container)
            try:
                running_pods.execute(cluster, now or {}, container, "/bin/sh", "-c", TERMINATE)
            except errors.EnvironmentFailure as problem:  # what was to tell it may have ended with it, which is well
                why = f": {problem.message}"
        return [said for container in states if (said := going_on(now or {}, container))]

    if not (going := look()):
        return bool(told)
    if told or not all(any(reason in said for reason in STUCK) for said in going):
        going = clock.poll_until(look, ENDS_S, LOOK_S, enough=lambda left: not left)
    if going:  # a container whose image is not to be had is not waited for: nobody can take it out again
        raise errors.EnvironmentFailure(f"{going[0]}{why}")
    return bool(told)


def going_on(pod: Pod, container: str) -> str:
    """What one that has not ended does, or may yet do where its node has not started it; empty once it would end at once."""
    state = _ours(pod, container).get(container, {})
    if "running" in state:
        return f"stress-ng ({container}) still runs in {called(pod)}"
    script = next((c["command"][-1] for c in pod["spec"]["ephemeralContainers"] if c["name"] == container), "")
    end = int(found[1]) if (found := _END.search(script)) else math.inf
    if "terminated" in state or time.time() >= end + BEHIND_S:
        return ""
    until = f"until {datetime.fromtimestamp(end, UTC):%H:%M:%S} UTC" if end < math.inf else "at any time"
    reason = (state.get("waiting") or {}).get("reason") or "its node says nothing"
    said = f"stress-ng ({container}) has not started in {called(pod)} ({reason}), and may still do so {until}"
    return f"{said}; only to delete the pod prevents it"


def of_run(pod: Pod, run: str) -> Iterator[str]:
    """The names of those of this run that have not ended."""
    for container, state in _states(pod).items():
        if identity.is_of(run, container) and "terminated" not in state:
            yield container


def _ours(pod: Pod, name: str) -> dict[str, Mapping[str, Any]]:
    """The states of those of this name, and of its further attempts."""
    return {c: state for c, state in _states(pod).items() if c == name or c.startswith(f"{name}-")}


def _states(pod: Pod) -> dict[str, Mapping[str, Any]]:
    """By container, as the pod's description has them; empty where its node has said nothing of it yet."""
    said = {s["name"]: s["state"] for s in (pod.get("status") or {}).get("ephemeralContainerStatuses") or ()}
    return {c["name"]: said.get(c["name"], {}) for c in pod["spec"].get("ephemeralContainers") or ()}
