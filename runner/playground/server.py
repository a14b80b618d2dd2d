"""The playground process: API, controllers, nodes and balancer in one, until told to end or left alone.

`python -m runner.playground.server FOLDER [--lifeline FD] [MANIFEST…]`. When it is ready it writes FOLDER/playground.json.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import yaml

from runner import files
from runner.playground import child, cluster, controllers, kinds, kubeconfig, kubelet, ports, proxy, resources, store

if TYPE_CHECKING:
    from aiohttp import web

FIRST_BOOT_S = 0.5
BOOT_S = 1.5
"""From a pod's binding to its process, for the first pods, which somebody waits for, and for all that come later: those take what
sandbox and start take on a real node (there a killed single replica was away for 1.3 to 2 s)."""

READY_S = 5.0
DATABASE = Path(__file__).with_name("database.py")
DATABASE_PORT = 5432
DATABASE_CONNECTIONS = 20
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Server:
    """Everything of one playground."""

    def __init__(self, folder: Path, lifeline: int | None) -> None:
        self.folder, self.lifeline = folder, lifeline
        if lifeline is not None:
            os.set_inheritable(lifeline, False)
        self.store, self.token = store.ObjectStore(), secrets.token_urlsafe(24)
        self.addresses = cluster.Addresses()
        self.ports = ports.Ports(self.store, self.addresses.services)
        where: dict[str, Any] = {
            "name": "database",
            "upstream": f"{self.addresses.database}:{DATABASE_PORT}",
            "listen": [self.addresses.to_database, DATABASE_PORT],
            "backends": [[self.addresses.database, DATABASE_PORT]],
        }
        self.proxy = proxy.ServiceProxy(self.store, [where])
        self.kubelet = kubelet.Kubelet(
            self.store, self.addresses.nodes, FIRST_BOOT_S, f"{self.addresses.to_database}:{DATABASE_PORT}"
        )
        self.database = self._database()
        self.over = asyncio.Event()

    async def run(self, manifests: Sequence[Path]) -> None:
        """Serve until the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.over.set)
        if self.lifeline is not None:
            loop.add_reader(self.lifeline, self._heard)
        cluster.create_base_objects(self.store, self.addresses)
        for manifest in manifests:
            apply(resources.Verbs(self.store, self.ports), manifest)
        controllers.run_controllers(self.store)
        work = loop.create_task(controllers.run(self.store))
        work.add_done_callback(self._controllers_ended)
        await asyncio.sleep(0)  # the pods are booting
        runner, url, links_url = await self._serve()
        kubeconfig.write(self.folder / "kubeconfig", url, self.token)
        await self._ready()
        self.kubelet.boot = BOOT_S
        self._announce(url, links_url)
        await self.over.wait()
        work.cancel()
        self.kubelet.kill_all()
        self.proxy.stop()
        self.database.signal(signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await runner.cleanup()

    async def _serve(self) -> tuple[web.AppRunner, str, str]:
        """The API and that of the links, on free ports; their library is imported here, while the first pods boot."""
        from aiohttp import web

        from runner.playground import api

        served = api.Api(self.store, self.kubelet, self.ports, self.token).application()
        runner, url = await _listen(web, served)
        process = psutil.Process()
        links = self.proxy.links.application({"pid": process.pid, "created": process.create_time()})
        _, links_url = await _listen(web, links)
        return runner, url, links_url

    def _database(self) -> child.PlaygroundChild:
        """Outside of the cluster, as a managed one is; started again when somebody ends it."""

        def ended(code: int) -> None:
            if not self.over.is_set():
                logging.getLogger(__name__).warning("the database ended with %s", code)
                self.database = self._database()

        arguments = [self.addresses.database, str(DATABASE_PORT), str(DATABASE_CONNECTIONS)]
        return child.PlaygroundChild(DATABASE, arguments, lambda line: None, ended)

    def _heard(self) -> None:
        """The lifeline is never written to: readable means that everybody who held it has gone."""
        assert self.lifeline is not None
        if not os.read(self.lifeline, 64):
            self.over.set()

    def _controllers_ended(self, work: asyncio.Task[None]) -> None:
        if not work.cancelled() and (problem := work.exception()) is not None:
            logging.getLogger(__name__).error("a controller failed", exc_info=problem)
            self.over.set()

    async def _ready(self) -> None:
        """Until every deployment of the manifests is there, or 5 s."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                while not all(_complete(d) for d in self.store.list(kinds.DEPLOYMENT)):
                    await asyncio.sleep(0.01)
                await self.proxy.settled()

    def _announce(self, url: str, links_url: str) -> None:
        found = {
            service["metadata"]["name"]: f"http://127.0.0.1:{port['nodePort']}"
            for service in self.store.list(kinds.SERVICE)
            for port in service["spec"].get("ports") or ()
            if port.get("nodePort")
        } | {"toxiproxy": links_url}
        process = psutil.Process()
        state = {
            "pid": process.pid,
            "created": process.create_time(),
            "server": url,
            "kubeconfig": str(self.folder / "kubeconfig"),
            "context": "playground",
            "urls": found,
        }
        files.write_atomically(self.folder / "playground.json", state, mode=0o600)


async def _listen(web: Any, application: web.Application) -> tuple[web.AppRunner, str]:
    """Serve on a free port; where."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    await web.SockSite(runner, listener).start()
    return runner, f"http://127.0.0.1:{listener.getsockname()[1]}"


def _complete(deployment: kinds.Object) -> bool:
    return bool(deployment["status"].get("readyReplicas", 0) == deployment["spec"]["replicas"])


def apply(verbs: resources.Verbs, manifest: Path) -> None:
    """Create every object of a file, in its order, with the annotation that `kubectl apply` leaves and looks for."""
    for body in yaml.safe_load_all(manifest.read_text(encoding="utf-8")):
        if body:
            kind = kinds.BY_NAME[body["apiVersion"], body["kind"]]
            applied = _as_applied(body)
            body["metadata"].setdefault("annotations", {})[APPLIED] = applied
            verbs.create(kind, body["metadata"].get("namespace", "default") if kind.namespaced else "", body)


def _as_applied(body: kinds.Object) -> str:
    meta = {"annotations": {}} | body["metadata"]
    return json.dumps(body | {"metadata": meta}, sort_keys=True, separators=(",", ":")) + "\n"


def main() -> None:
    """The command line of the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lifeline", type=int)
    parser.add_argument("manifests", nargs="*", type=Path)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(_serve(asked.folder, asked.lifeline, asked.manifests))
    os._exit(0)


async def _serve(folder: Path, lifeline: int | None, manifests: Sequence[Path]) -> None:
    await Server(folder, lifeline).run(manifests)


if __name__ == "__main__":
    main()
