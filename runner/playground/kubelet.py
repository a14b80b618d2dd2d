"""The kubelet of all nodes: pods that are bound become processes, and their statuses say what the processes do."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

from runner.playground import conditions, containers, kinds, store


class Kubelet:
    """Listens to the store; one `containers.Pod` for each pod that has a node. `addresses` maps node names to their prefix."""

    def __init__(self, held: store.ObjectStore, addresses: dict[str, str], boot: float, database: str = "") -> None:
        """`database`: where pods find theirs, `HOST:PORT`."""
        self.store, self.addresses, self.boot, self.database = held, addresses, boot, database
        self.pods: dict[str, containers.Pod] = {}
        self._numbers = {node: itertools.cycle(range(2, 255)) for node in addresses}
        held.listeners.add(self._heard)

    def _heard(self, change: store.WatchChange) -> None:
        """Called inside a store write: the work itself is done afterwards."""
        if change.kind is kinds.POD:
            asyncio.get_running_loop().call_soon(self._look, change.object, change.type == "DELETED")

    def _look(self, pod: kinds.Object, gone: bool) -> None:
        uid, node = pod["metadata"]["uid"], pod["spec"].get("nodeName")
        running = self.pods.get(uid)
        if gone:
            if running is not None:
                running.kill()
        elif running is None and node in self.addresses and not conditions.is_finished(pod):
            self.pods[uid] = containers.Pod(
                self.store, pod, (self._address(node), self.database), self.boot, self._forgetter(uid)
            )
        elif running is not None and conditions.leaving(pod):
            running.stop(pod["metadata"].get("deletionGracePeriodSeconds", 0))

    def _forgetter(self, uid: str) -> Callable[[], None]:
        def forget() -> None:
            self.pods.pop(uid, None)

        return forget

    def _address(self, node: str) -> str:
        taken = {pod.address for pod in self.pods.values()}
        return next(a for n in self._numbers[node] if (a := f"{self.addresses[node]}.{n}") not in taken)

    def lines(self, pod: kinds.Object, container: str, *, previous: bool = False) -> list[tuple[str, str]] | None:
        """The log of a container as (time, line), or None when it has not started."""
        running = self.pods.get(pod["metadata"]["uid"])
        return running.lines(container, previous) if running else None

    async def follow(self, namespace: str, name: str, container: str) -> AsyncIterator[str]:
        """Lines as they come, until the pod has gone."""
        pod = self.store.read(kinds.POD, namespace, name)
        chosen = container or pod["spec"]["containers"][0]["name"]
        running = self.pods.get(pod["metadata"]["uid"])
        seen = len(running.lines(chosen, False)) if running else 0
        while running is not None and pod["metadata"]["uid"] in self.pods:
            lines = running.lines(chosen, False)
            for _, text in lines[seen:]:
                yield text
            seen = len(lines)
            await asyncio.sleep(0.1)

    def kill_all(self) -> None:
        """The end of the playground."""
        for pod in tuple(self.pods.values()):
            pod.kill()
