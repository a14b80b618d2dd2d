"""How true the prober is: lateness and added latency on loopback, its ceiling, and what it says of a stall, beside `hey`.

    .venv/bin/python benchmarks/prober.py [--seconds 5] [--new]

`--new` measures what `new_connections: mixed` costs, the default of an experiment: every second request opens a connection, at most
100 a second. Without it all are kept alive.

The service is Debian's nginx where it is installed, else a small asyncio one in a process of its own. `hey` is Debian's package.
Both are optional. The reference figures are those of docs/measurement.md 4, taken on a quiet machine with nginx.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from runner.engine.observe.traffic import MIXED_NEW_AT_MOST
from runner.probe import messages, tape
from runner.probe.health import health
from runner.slo.sample import Flag, Sample

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NGINX = """
daemon off; master_process off; pid {0}/pid; error_log stderr crit; events {{ worker_connections 8192; }}
http {{ access_log off; server {{ listen 127.0.0.1:{1}; keepalive_requests 1000000; location / {{ return 200 ok; }} }} }}
"""
CEILINGS = (4000, 6000, 8000)
TIMES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--new", action="store_true")
    given = parser.parse_args()
    seconds, probe = given.seconds, partial(measured, new=given.new)
    print(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors, Python {sys.version.split()[0]}")
    with service() as (kind, process, url):
        print(f"service: {kind}; times in ms, p50 and p99 from the intended start\n")
        print(f"{'rate/s':>7} {'late p50':>9} {'late p99':>9} {'p50':>8} {'p99':>8}")
        for rate in (100, 1000, 2000):
            row(rate, probe(url, rate, seconds))
        print("  reference p99 at 1000/s: aiohttp 0.64, own protocol 0.31, wrk2 1.86, httpx collapses\n")
        thousand = [probe(url, 1000, seconds) for _ in range(TIMES)]
        judge("lateness p99 at 1000/s", [quantile(lates(s), 0.99) for s in thousand], 0.3, "ms")
        judge("corrected p99 at 1000/s", [quantile(latencies(s), 0.99) for s in thousand], 0.7, "ms")
        reached = max((rate for rate in CEILINGS if holds(probe(url, rate, 3.0))), default=0)
        print(f"ceiling: {reached}/s kept (asked: 6000/s; reference: aiohttp 8000/s)\n")
        stall(url, process, probe)


def stall(url: str, process: subprocess.Popen[bytes], probe: Callable[[str, float, float], list[Sample]]) -> None:
    """A second of standstill in ten at 500/s: one slot in ten waits, so the true p99 is 0.90 s."""
    found = quantile(latencies(frozen(process, lambda: probe(url, 500, 10.0))), 0.99) / 1000
    print(f"stall of 1 s in 10 s at 500/s: p99 {found:.3f} s, {abs(found / 0.9 - 1):.1%} off 0.90 s (asked: 5 %)")
    if shutil.which("hey") is None:
        print("hey is not installed: no comparison (apt-get install hey)")
        return
    command = ["hey", "-z", "10s", "-c", "10", "-q", "50", url]
    output = frozen(process, lambda: subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    match = re.search(r"99% in ([\d.]+) secs", output)
    print(f"  hey -c 10 -q 50 says of the same: p99 {match[1] if match else '?'} s (reference: 0.0012 s)")


def frozen(process, measure):  # type: ignore[no-untyped-def]
    """Measure while the service stands still from second 4 to 5."""

    def freeze() -> None:
        time.sleep(4)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        process.send_signal(signal.SIGCONT)

    other = threading.Thread(target=freeze)
    other.start()
    result = measure()
    other.join()
    return result


def measured(url: str, rate: float, seconds: float, *, new: bool) -> list[Sample]:
    """The samples of a real prober process."""
    with tempfile.TemporaryDirectory() as folder:
        every = max(2, math.ceil(rate / MIXED_NEW_AT_MOST)) if new else 0
        indicator = messages.Indicator(name="loopback", url=url, rate=rate, timeout_s=2.0, new_every=every)
        start = messages.Start(run="benchmark", folder=folder, seed=1, limit_s=seconds, indicators=(indicator,))
        lines = [start.message(), {"do": "start"}]
        with subprocess.Popen(
            [sys.executable, "-m", "runner.probe.prober"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as prober:
            assert prober.stdin is not None
            assert prober.stdout is not None
            prober.stdin.write("".join(json.dumps(line) + "\n" for line in lines).encode())
            prober.stdin.flush()
            while json.loads(prober.stdout.readline())["say"] != "limit":
                pass
            prober.stdin.write(b'{"do": "stop"}\n')
            prober.stdin.flush()
            prober.stdout.read()
        return tape.read_all(next(Path(folder).glob("*.tape")))


def holds(samples: list[Sample]) -> bool:
    """docs/measurement.md 4.3: at least 98 % achieved, no error, corrected p99 within 50 ms."""
    sent = sum(not s.flags & Flag.SHED for s in samples)
    return sent >= 0.98 * len(samples) and not any(s.bad for s in samples) and quantile(latencies(samples), 0.99) <= 50


def row(rate: int, samples: list[Sample]) -> None:
    late, took = lates(samples), latencies(samples)
    cells = [quantile(late, 0.5), quantile(late, 0.99), quantile(took, 0.5), quantile(took, 0.99)]
    print(f"{rate:7} {cells[0]:9.3f} {cells[1]:9.3f} {cells[2]:8.3f} {cells[3]:8.3f}   {health(samples, 0.1).sentence}")


def judge(what: str, found: list[float], limit: float, unit: str) -> None:
    """By the median; the best is what the instrument can do, the worst what the machine did to it."""
    median = statistics.median(found)
    spread = f"{min(found):.3f} to {max(found):.3f} in {len(found)} runs"
    print(f"{what}: {median:.3f} {unit}, {spread} (asked: {limit} {unit}) {'met' if median <= limit else 'NOT MET'}")


def lates(samples: list[Sample]) -> list[float]:
    return [s.late_us / 1000 for s in samples]


def latencies(samples: list[Sample]) -> list[float]:
    return [s.latency_us / 1000 for s in samples]


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


@contextmanager
def service() -> Iterator[tuple[str, subprocess.Popen[bytes], str]]:
    """Its kind, its one process and its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "nginx.conf")
        config.write_text(NGINX.format(folder, port), encoding="utf-8")
        command = (
            [nginx, "-c", str(config), "-p", folder] if nginx else [sys.executable, __file__, "--serve", str(port)]
        )
        with subprocess.Popen(command) as process:
            _wait(port)
            yield ("nginx" if nginx else "asyncio", process, f"http://127.0.0.1:{port}/")
            process.terminate()


def _wait(port: int) -> None:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)


class _Service(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Service, "127.0.0.1", port, backlog=2000)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(int(sys.argv[2])))
    else:
        main()
