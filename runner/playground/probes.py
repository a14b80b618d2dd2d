"""Readiness and liveness: an HTTP or TCP check again and again, with the thresholds of the probe's spec."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

EAGER_S = 0.05
"""Between tries before the first success: a process that has just been started is ready a moment later."""


async def watch(
    probe: dict[str, Any], address: str, container: dict[str, Any], told: Callable[[bool, str], None]
) -> None:
    """Call `told(good, words)` whenever the verdict is passed; runs until cancelled."""
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    good = bad = 0
    loop, eager = asyncio.get_running_loop(), True
    born = loop.time()
    while True:
        said = await check(probe, address, container)
        good, bad = (good + 1, 0) if said is None else (0, bad + 1)
        if good >= probe["successThreshold"]:
            told(True, "")
            eager = False
        elif not eager and bad >= probe["failureThreshold"]:
            told(False, said or "")
        eager = eager and loop.time() - born < probe["periodSeconds"]
        await asyncio.sleep(EAGER_S if eager else probe["periodSeconds"])


async def check(probe: dict[str, Any], address: str, container: dict[str, Any]) -> str | None:
    """None when it is well, else why not."""
    asked = probe.get("httpGet") or probe.get("tcpSocket")
    if asked is None:
        return None  # exec and gRPC probes pass: there is no such container
    port = _port(asked["port"], container)
    try:
        async with asyncio.timeout(probe["timeoutSeconds"]):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                if "httpGet" not in probe:
                    return None
                head = f"GET {asked['path']} HTTP/1.1\r\nHost: {address}:{port}\r\nUser-Agent: kube-probe/1.34"
                writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode())
                status = int((await reader.readline()).split()[1])
            finally:
                writer.close()
    except TimeoutError:
        return f'Get "http://{address}:{port}{asked.get("path", "")}": context deadline exceeded'
    except (OSError, IndexError, ValueError) as problem:
        return f'Get "http://{address}:{port}{asked.get("path", "")}": dial tcp {address}:{port}: {problem}'
    return None if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


def _port(wanted: int | str, container: dict[str, Any]) -> int:
    if isinstance(wanted, int):
        return wanted
    return int(next(p["containerPort"] for p in container.get("ports") or () if p.get("name") == wanted))
