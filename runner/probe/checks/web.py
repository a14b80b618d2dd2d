"""Web: sends requests by the prober, in a process of its own as in a run, and measures what users would feel."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner import codec, errors, units
from runner.checks.asks import Felt, Web
from runner.checks.check import Asked, Measured, NoData
from runner.experiment.model import status_ranges
from runner.probe import messages, proxies, tape
from runner.slo.objective import FAILED
from runner.slo.sample import Flag, Sample

UNMEASURED = 0.01
"""Of the requests so many may be sent late or never by this machine itself."""


class Reader:
    """Any URL: each check names its own."""

    def read(self, asks: Web, asked: Asked) -> Measured:
        """Raises NoData."""
        count, timeout_s = math.ceil(asked.values["requests"]), float(asked.values["timeout"])
        timeout = units.format_duration(timeout_s)
        if asks.felt is Felt.ERRORS and count * asked.limit < 1:
            raise NoData(
                f"{count} requests do not tell {units.format_ratio(asked.limit)}: send {math.ceil(1 / asked.limit):,} or more"
            )
        if asks.felt is Felt.P95 and timeout_s <= asked.limit:
            raise NoData(
                f"with a timeout of {timeout} nothing is ever seen to take {units.format_duration(asked.limit)}"
            )
        samples = _sent(asked, count)
        measured = [s for s in samples if not s.flags & Flag.SHED and not FAILED.unmeasured(s, timeout_s)]
        if len(samples) - len(measured) > UNMEASURED * count or len(samples) < count:
            raise NoData(f"this machine sent only {len(measured):,} of {count:,} requests in time")
        bad = sum(s.bad for s in measured)
        if asks.felt is Felt.ERRORS:
            return Measured(bad / len(measured), f"{bad:,} of {len(measured):,}")
        took = sorted(timeout_s if s.bad else s.latency_us / 1e6 for s in measured)
        failed = f", {bad:,} failed and count as {timeout}" if bad else ""
        return Measured(took[math.ceil(0.95 * len(took)) - 1], f"of {len(took):,} requests{failed}")


def _sent(asked: Asked, count: int) -> list[Sample]:
    with tempfile.TemporaryDirectory(prefix="chaos-run-check-") as folder, _prober() as prober:
        try:
            start = _start(asked, count, folder)
        except (ValueError, errors.EnvironmentFailure) as problem:
            raise NoData(str(problem)) from None
        _tell(prober, codec.encode(start))
        ready = _hear(prober, "ready")
        _tell(prober, {"do": "start"})
        _hear(prober, "limit")
        _tell(prober, {"do": "stop"})
        _hear(prober, "stopped")
        return tape.read_all(Path(ready["tapes"]["web"]))[:count]


def _start(asked: Asked, count: int, folder: str) -> messages.Start:
    values = asked.values
    stream = messages.Indicator(
        name="web",
        url=values["url"],
        rate=values["rate"],
        timeout_s=values["timeout"],
        status=status_ranges(values["status"]),
        new_every=2,
        proxy=proxies.for_traffic("web", values["url"], os.environ),
    )
    return messages.Start(
        run="check", folder=folder, seed=1, limit_s=(count + 1) / values["rate"], indicators=(stream,)
    )


@contextmanager
def _prober() -> Iterator[subprocess.Popen[bytes]]:
    """It ends with the block, whatever happens in it."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-P", "-m", "runner.probe.prober"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def _tell(prober: subprocess.Popen[bytes], order: object) -> None:
    assert prober.stdin is not None
    prober.stdin.write(json.dumps(order).encode() + b"\n")
    prober.stdin.flush()


def _hear(prober: subprocess.Popen[bytes], word: str) -> dict[str, dict[str, str]]:
    """What it says next with that word. Raises NoData where it ends before."""
    assert prober.stdout is not None
    while line := prober.stdout.readline():
        said = json.loads(line)
        if said["say"] == "error":
            raise NoData(str(said["message"]))
        if said["say"] == word:
            return dict(said)
    raise NoData("the prober has died")
