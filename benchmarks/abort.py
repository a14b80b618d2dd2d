"""From the decision to abort to the first undo step, beside plain `chaos run --fail-fast` on the same method.

    .venv/bin/python benchmarks/abort.py [--repeat 10] [--kinds python pause process background]

A local service turns bad as soon as the method has begun; the method would go on for twenty seconds. Ours are read from the
`--json` events: `abort` and the first `undo_step` that started. Plain Chaos Toolkit has no such decision: there the time runs from
the moment the service turned bad, and ours is given from that moment too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
LONG_S = 20
LIMITS = {"python": 0.060, "pause": 0.060, "process": 0.060, "background": 1.0}
"""Decision to first undo step, p99, in seconds."""
SLOW = "import time\n\n\ndef slow(seconds: float) -> str:\n    time.sleep(seconds)\n    return 'done'\n"


@dataclass
class Service:
    """Answers 200 until it is told to turn bad, then 503."""

    url: str
    bad_since: float | None = None

    def turn_bad(self) -> None:
        self.bad_since = self.bad_since or time.time()


@dataclass(frozen=True)
class Latency:
    """Seconds to the first undo step: from the decision, and from when the service turned bad."""

    decided: float
    bad: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--kinds", nargs="+", choices=LIMITS, default=list(LIMITS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "slow.py").write_text(SLOW, encoding="utf-8")
        for kind in given.kinds:
            report(kind, [ours(kind, folder) for _ in range(given.repeat)])
        with ThreadPoolExecutor() as pool:  # they only wait, and each has a service of its own
            for kind, seconds in zip(given.kinds, pool.map(lambda k: plain(k, folder), given.kinds), strict=True):
                print(f"{kind:11} plain chaos run --fail-fast: {seconds:.2f} s from bad to the rollback")


def report(kind: str, latencies: list[Latency]) -> None:
    decided, bad = sorted(r.decided for r in latencies), [r.bad for r in latencies]
    p50, p99 = statistics.median(decided), decided[math.ceil(0.99 * len(decided)) - 1]
    word = "ok  " if p99 <= LIMITS[kind] else "OVER"
    print(
        f"{kind:11} {word} decision to undo p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms (n={len(decided)}, "
        f"at most {LIMITS[kind] * 1000:.0f}); from bad to undo p50 {statistics.median(bad):.2f} s",
        flush=True,
    )


def ours(kind: str, folder: Path) -> Latency:
    with service() as target:
        file = write(folder / f"ours-{kind}.json", kind, target.url)
        command = [str(BIN / "chaos-run"), "run", str(file), "--json"]
        env = environment(folder)
        with subprocess.Popen(
            command, env=env, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as run:
            assert run.stdout is not None
            assert run.stderr is not None
            events = list(watched(run.stdout, target))
            complaint = run.stderr.read()
    abort = next((e for e in events if e["event"] == "abort"), None)
    step = next((e for e in events if e["event"] == "undo_step" and e["state"] == "started"), None)
    if abort is None or step is None or target.bad_since is None:
        sys.exit(
            f"{kind}: no abort or no undo step; exit {run.returncode}\n{complaint}\n{events[-1] if events else ''}"
        )
    at = datetime.fromisoformat(step["at"]).timestamp()
    return Latency(decided=step["t"] - abort["t"], bad=at - target.bad_since)


def watched(lines: Iterator[str], target: Service) -> Iterator[dict[str, Any]]:
    """The events; the service turns bad when the action has begun."""
    for line in lines:
        event = json.loads(line)
        if event["event"] == "activity" and event["kind"] == "action" and event["state"] == "started":
            target.turn_bad()
        yield event


def plain(kind: str, folder: Path) -> float:
    """Seconds from bad to the start of the rollback."""
    with service() as target:
        file, journal = write(folder / f"plain-{kind}.json", kind, target.url), folder / f"journal-{kind}.json"
        threading.Timer(2.0, target.turn_bad).start()
        command = [str(BIN / "chaos"), "--no-version-check", "--no-log-file", "run", "--journal-path", str(journal)]
        command += ["--rollback-strategy", "always", "--hypothesis-strategy", "continuously"]
        command += ["--hypothesis-frequency", "0.1", "--fail-fast", str(file)]
        env = environment(folder)
        subprocess.run(command, env=env, cwd=folder, capture_output=True, timeout=120, check=False)
    began = json.loads(journal.read_text("utf-8"))["rollbacks"][0]["start"]
    moment = datetime.fromisoformat(began if began.endswith("+00:00") else began + "+00:00").timestamp()
    return moment - (target.bad_since or math.inf)


def write(file: Path, kind: str, url: str) -> Path:
    slow = {"type": "python", "module": "slow", "func": "slow", "arguments": {"seconds": LONG_S}}
    brief = slow | {"arguments": {"seconds": 0.01}}
    action: dict[str, Any] = {"type": "action", "name": "long", "provider": slow}
    if kind == "pause":
        action |= {"provider": brief, "pauses": {"after": LONG_S}}
    elif kind == "process":
        action |= {"provider": {"type": "process", "path": "sleep", "arguments": str(LONG_S), "timeout": 2 * LONG_S}}
    elif kind == "background":
        action |= {"background": True}
    answers = {
        "type": "probe",
        "name": "answers",
        "tolerance": 200,
        "provider": {"type": "http", "url": url, "timeout": 1},
    }
    block = {
        "name": "chaos-run",
        "traffic": [{"name": "users", "url": url, "rate": "100/s", "timeout": "1s"}],
        "objectives": [{"name": "availability", "indicator": "users", "target": "90%"}],
        "windows": {"baseline": "1s", "recovery": "1s", "stable": "1s"},
        "hypothesis": {"during": False},
        "abort": [{"error_ratio": {"indicator": "users", "above": "50%", "over": "1s"}}],
    }
    document = {
        "title": f"A long {kind}",
        "description": "It would go on for twenty seconds.",
        "steady-state-hypothesis": {"title": "It answers", "probes": [answers]},
        "method": [action],
        "rollbacks": [{"type": "action", "name": "back", "provider": brief}],
        "extensions": [block],
    }
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder), "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)}


@contextmanager
def service() -> Iterator[Service]:
    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(503 if state.bad_since else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    state = Service(url=f"http://127.0.0.1:{server.server_port}/")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
