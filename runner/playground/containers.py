"""One pod as processes: boots, probes, restarts with growing delay, stops with grace, and writes its status all the while."""

from __future__ import annotations

import asyncio
import copy
import itertools
import signal
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runner.playground import child, conditions, events, kinds, probes, refusal, store

SCRIPT = Path(__file__).with_name("pod.py")
IMAGE = "agnhost"
"""The image we can stand in for; pods of others wait for an image that never comes, as on a machine without a network."""

BACK_OFF_S = 10.0
LONGEST_BACK_OFF_S = 300.0
KEPT_LINES = 10_000


class Container:
    """One container: the process of the moment, its past and its log."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec, self.name = spec, str(spec["name"])
        self.child: child.PlaygroundChild | None = None
        self.state: dict[str, Any] = {"waiting": {"reason": "ContainerCreating"}}
        self.last: dict[str, Any] = {}
        self.restarts, self.ready, self.started = 0, False, False
        self.log: deque[tuple[str, str]] = deque(maxlen=KEPT_LINES)
        self.previous: deque[tuple[str, str]] = deque()
        self.checks: list[asyncio.Task[None]] = []

    def status(self) -> dict[str, Any]:
        """The entry of `containerStatuses`."""
        identity = f"playground://{self.child.pid}" if self.child else ""
        return {
            "name": self.name,
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "restartCount": self.restarts,
            "image": self.spec["image"],
            "imageID": self.spec["image"] if self.child else "",
            "started": self.started,
            "resources": self.spec.get("resources", {}),
            "volumeMounts": [m | {"recursiveReadOnly": "Disabled"} for m in self.spec.get("volumeMounts") or ()],
        } | ({"containerID": identity} if identity else {})

    def port(self) -> int:
        """The port netexec listens on; 0 for a container that only waits."""
        words = [*(self.spec.get("command") or ()), *(self.spec.get("args") or ())]
        if "netexec" not in words:
            return 0
        given = [w.partition("=")[2] for w in words if w.startswith("--http-port=")]
        given += [after for w, after in itertools.pairwise(words) if w == "--http-port"]
        return int(given[0]) if given else 8080


class Pod:
    """The processes of one pod; `forget` is called when it is all over."""

    def __init__(
        self,
        held: store.ObjectStore,
        pod: kinds.Object,
        addresses: tuple[str, str],
        boot: float,
        forget: Callable[[], None],
    ) -> None:
        """`addresses`: its own, and its database's."""
        self.store, self.pod, self.forget = held, pod, forget
        self.address, self.database = addresses
        self.containers = [Container(spec) for spec in pod["spec"]["containers"]]
        self.start_time = store.now()
        self.stopping = False
        self._timers: list[asyncio.TimerHandle] = []
        self._later(boot, self._boot)
        self._write()

    def lines(self, container: str, previous: bool) -> list[tuple[str, str]]:
        """The log of a container."""
        chosen = next(c for c in self.containers if c.name == container)
        return list(chosen.previous if previous else chosen.log)

    def stop(self, grace: int) -> None:
        """SIGTERM, and SIGKILL after the grace; a second call can only make it sooner."""
        running = [c for c in self.containers if c.child is not None]
        if not self.stopping:
            self.stopping = True
            self._cancel()
            for container in running:
                self._say("Killing", f"Stopping container {container.name}", container)
        for container in running:
            assert container.child is not None
            container.child.signal(signal.SIGTERM if grace else signal.SIGKILL)
        self._timers.append(asyncio.get_running_loop().call_later(grace, self._kill_processes))
        if not running:
            self._gone()

    def kill(self) -> None:
        """At once: the pod was deleted by force, or the playground ends."""
        if not self.stopping:
            self._cancel()
        self.stopping = True
        self._kill_processes()
        if not any(c.child for c in self.containers):
            self._gone()

    def _kill_processes(self) -> None:
        for container in self.containers:
            if container.child is not None:
                container.child.signal(signal.SIGKILL)

    def _boot(self) -> None:
        for container in self.containers:
            if IMAGE in container.spec["image"]:
                self._say(
                    "Pulled", f'Container image "{container.spec["image"]}" already present on machine', container
                )
                self._say("Created", f"Created container: {container.name}", container)
                self._run(container)
            else:
                self._no_image(container)
        self._write()

    def _no_image(self, container: Container) -> None:
        image = container.spec["image"]
        said = f'Failed to pull image "{image}": the playground has no images but {IMAGE}'
        self._say("Failed", said, container, "Warning")
        container.state = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}}

    def _run(self, container: Container) -> None:
        arguments = [self.address, str(container.port()), self.pod["metadata"]["name"], self.database]
        container.child = child.PlaygroundChild(
            SCRIPT,
            arguments,
            lambda line: container.log.append((store.now_micro(), line)),
            lambda code: self._ended(container, code),
        )
        container.state, container.started = {"running": {"startedAt": store.now()}}, True
        container.ready = "readinessProbe" not in container.spec
        self._say("Started", f"Started container {container.name}", container)
        self._probe(container)

    def _probe(self, container: Container) -> None:
        """Watch readiness and liveness for as long as this process runs."""
        loop, spec = asyncio.get_running_loop(), container.spec
        for name, told in (("readinessProbe", self._readiness), ("livenessProbe", self._liveness)):
            if name in spec:
                work = probes.watch(spec[name], self.address, spec, lambda good, said, t=told: t(container, good, said))  # type: ignore[misc]
                container.checks.append(loop.create_task(work))

    def _readiness(self, container: Container, good: bool, said: str) -> None:
        if container.ready != good:
            container.ready = good
            self._write()
        if not good:
            self._say("Unhealthy", f"Readiness probe failed: {said}", container, "Warning")

    def _liveness(self, container: Container, good: bool, said: str) -> None:
        if not good and container.child is not None:
            self._say("Unhealthy", f"Liveness probe failed: {said}", container, "Warning")
            self._say("Killing", f"Container {container.name} failed liveness probe, will be restarted", container)
            container.child.signal(signal.SIGTERM)

    def _ended(self, container: Container, code: int) -> None:
        """A process is gone: by our hand, by its own, or by a stranger's."""
        started = container.state.get("running", {}).get("startedAt", store.now())
        identity = f"playground://{container.child.pid}" if container.child else ""
        container.child, container.ready, container.started = None, False, False
        _cancel_all(container.checks)
        exit_code = 128 - code if code < 0 else code
        ended = {"exitCode": exit_code, "reason": "Completed" if exit_code == 0 else "Error", "startedAt": started}
        container.state = {"terminated": ended | {"finishedAt": store.now(), "containerID": identity}}
        if self.stopping:
            if not any(c.child for c in self.containers):
                self._write()
                self._gone()
            return
        policy = self.pod["spec"]["restartPolicy"]
        if policy == "Always" or (policy == "OnFailure" and exit_code):
            self._restart_later(container, conditions.age_s(started))
        self._write()

    def _restart_later(self, container: Container, lived: float) -> None:
        """The first restart is at once, the next ones wait longer each time; ten minutes of life forgive everything."""
        container.last = container.state
        container.previous, container.log = container.log, deque(maxlen=KEPT_LINES)
        crashes = container.restarts if lived < 600 else 0
        delay = min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2 ** (crashes - 1)) if crashes else 0.0
        if delay:
            name = f"{self.pod['metadata']['name']}_{self.pod['metadata']['namespace']}({self.pod['metadata']['uid']})"
            said = f"back-off {delay:.0f}s restarting failed container={container.name} pod={name}"
            container.state = {"waiting": {"reason": "CrashLoopBackOff", "message": said}}
            self._say(
                "BackOff", f"Back-off restarting failed container {container.name} in pod {name}", container, "Warning"
            )
        self._later(max(delay, 0.3), lambda: self._restart(container))

    def _restart(self, container: Container) -> None:
        container.restarts += 1
        self._run(container)
        self._write()

    def _gone(self) -> None:
        """The last process has ended: the API may forget the pod."""
        self._cancel()
        self.forget()
        meta = self.pod["metadata"]
        present = self.store.get(kinds.POD, meta["namespace"], meta["name"])
        if present is None or present["metadata"]["uid"] != meta["uid"]:
            return
        if present["metadata"].get("finalizers"):
            done = copy.deepcopy(present)
            done["metadata"]["deletionGracePeriodSeconds"] = 0
            self.store.update(done)
        elif conditions.leaving(present):
            self.store.remove(present)

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, work))

    def _cancel(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for container in self.containers:
            _cancel_all(container.checks)

    def _say(self, reason: str, message: str, container: Container, type: str = "Normal") -> None:
        field = f"spec.containers{{{container.name}}}"
        host = self.pod["spec"]["nodeName"]
        events.record(self.store, self.pod, reason, message, "kubelet", type=type, host=host, field=field)

    def _write(self) -> None:
        """Put the status into the store, if the pod is still there."""
        meta = self.pod["metadata"]
        present = self.store.get(kinds.POD, meta["namespace"], meta["name"])
        if present is None or present["metadata"]["uid"] != meta["uid"]:
            return
        fresh = copy.deepcopy(present)
        self._fill(fresh["status"], fresh["metadata"]["generation"])
        try:
            self.pod = self.store.update(fresh)
        except refusal.Refusal:  # a listener of this very write deleted it
            return

    def _fill(self, status: dict[str, Any], generation: int) -> None:
        node = self.store.get(kinds.NODE, "", self.pod["spec"]["nodeName"])
        host = (
            next((a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"), "") if node else ""
        )
        status |= {"phase": self._phase(), "hostIP": host, "hostIPs": [{"ip": host}], "startTime": self.start_time}
        status |= {
            "observedGeneration": generation,
            "containerStatuses": copy.deepcopy([c.status() for c in self.containers]),
        }
        begun = any(c.started or c.restarts for c in self.containers)
        if begun:
            status |= {"podIP": self.address, "podIPs": [{"ip": self.address}]}
        up = all(c.ready for c in self.containers)
        names = " ".join(c.name for c in self.containers if not c.ready)
        unready = (
            {} if up else {"reason": "ContainersNotReady", "message": f"containers with unready status: [{names}]"}
        )
        more: dict[str, Any] = {"lastProbeTime": None, "observedGeneration": generation}
        conditions.put(status, "PodReadyToStartContainers", str(begun), **more)
        conditions.put(status, "Initialized", "True", **more)
        conditions.put(status, "Ready", str(up), **more, **unready)
        conditions.put(status, "ContainersReady", str(up), **more, **unready)

    def _phase(self) -> str:
        if any("waiting" in c.state and not c.restarts and not c.last for c in self.containers):
            return "Pending"
        if all("terminated" in c.state for c in self.containers) and self.pod["spec"]["restartPolicy"] != "Always":
            return "Failed" if any(c.state["terminated"]["exitCode"] for c in self.containers) else "Succeeded"
        return "Running"


def _cancel_all(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    tasks.clear()
