"""How often a printed error covers the truth: runs against a service in its own process whose switch times are known.

    .venv/bin/python benchmarks/rig.py [--runs 15] [--seed 1] [--only NAME]

The service is an aiohttp server that turns bad and good again at moments of the monotonic clock, which is one for all processes
of a machine; it writes them down. Each run is the command line on a file of its own, with a state folder of its own. Printed
are the marks `effective` and `recovered`, TTD and TTR with their errors, beside what really was, and how many cover it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Plan:
    """One kind of fault: spans of seconds after the injection, how many requests it hits, and what it does to them."""

    spans: tuple[tuple[float, float], ...]
    ratio: float = 1.0
    how: str = "500"
    """500, reset, slow (900 ms)."""
    rate: int = 100
    target: str = "99%"
    abort: tuple[Json, ...] = ()
    lasts: float = 5.0
    """Seconds of the method."""
    stable: str = "3s"


TWICE = ((0.0, 1.5), (6.0, 9.0))
GUARD = {"evidence": {"objective": "availability"}}
RATIO = {"error_ratio": {"indicator": "front", "above": "20%", "over": "2s"}}
PLANS = {
    "total": Plan(((0.3, 3.3),)),
    "third at 50/s": Plan(((0.3, 4.3),), ratio=0.3, rate=50),
    "tenth at 50/s": Plan(((0.3, 5.3),), ratio=0.1, rate=50, lasts=6),
    "slow": Plan(((0.3, 3.3),), how="slow"),
    "reset at 20/s": Plan(((0.3, 3.3),), how="reset", rate=20),
    "twice": Plan(TWICE, lasts=10),
    "twice, half allowed": Plan(TWICE, target="50%", lasts=10),
    "twice, long stable": Plan(TWICE, lasts=10, stable="10s"),
    "evidence guard": Plan(((0.3, 60.0),), abort=(GUARD,), lasts=20),
    "ratio guard": Plan(((0.3, 60.0),), ratio=0.5, abort=(RATIO,), lasts=20),
}


def serve(port: int, log: Path) -> None:
    """The service: `/break?plan=JSON` begins a plan, `/mend` ends it, everything else is a user."""
    from aiohttp import web

    state: Json = {"spans": [], "ratio": 1.0, "how": "500"}
    random_ = random.Random(port)

    async def user(request: web.Request) -> web.StreamResponse:
        now = time.monotonic()
        if not any(a <= now < b for a, b in state["spans"]) or random_.random() >= state["ratio"]:
            return web.Response(text="ok")
        if state["how"] == "slow":
            await asyncio.sleep(0.9)
            return web.Response(text="late")
        if state["how"] == "reset" and request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    async def break_(request: web.Request) -> web.StreamResponse:
        now, asked = time.monotonic(), json.loads(request.query["plan"])
        state.update(asked, spans=[(now + a, now + b) for a, b in asked["spans"]])
        return web.Response(text="broken")

    async def mend(_: web.Request) -> web.StreamResponse:
        now = time.monotonic()
        state["spans"] = [(a, min(b, now)) for a, b in state["spans"] if a < now]
        log.write_text(json.dumps(state["spans"]))
        return web.Response(text="mended")

    app = web.Application()
    app.add_routes([web.get("/break", break_), web.get("/mend", mend), web.get("/", user)])
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


def experiment(plan: Plan, port: int, offset: float) -> Json:
    """`offset` moves the switches off any grid."""
    spans = [[round(a + offset, 4), round(b + offset, 4)] for a, b in plan.spans]
    wire = urllib.request.quote(json.dumps({"spans": spans, "ratio": plan.ratio, "how": plan.how}))  # type: ignore[attr-defined]

    def http(name: str, path: str, **extra: Any) -> Json:
        provider = {"type": "http", "url": f"http://127.0.0.1:{port}{path}", "timeout": 2}
        return {"type": "action", "name": name, "provider": provider, **extra}

    traffic = {"name": "front", "url": f"http://127.0.0.1:{port}/", "rate": plan.rate, "timeout": "2s"}
    objectives = [{"name": "availability", "indicator": "front", "target": plan.target}]
    if plan.how == "slow":
        objectives = [{"name": "latency", "indicator": "front", "target": plan.target, "threshold": "300ms"}]
    ours = {
        "name": "chaos-run",
        "service": f"rig-{port}",
        "traffic": [traffic],
        "objectives": objectives,
        "windows": {"baseline": "6s", "recovery": "30s", "stable": plan.stable},
        "detection": [{"burn_rate": 14.4, "over": "5s"}],
        "abort": [*plan.abort, {"duration": "60s"}],
    }
    return {
        "title": "rig",
        "description": "a service whose switch times are known",
        "method": [http("break", f"/break?plan={wire}", pauses={"after": plan.lasts})],
        "rollbacks": [http("mend", "/mend")],
        "extensions": [ours],
    }


def play(plan: Plan, port: int, offset: float, folder: Path) -> tuple[Json, list[tuple[float, float]]]:
    """One run: its record, and when the service was really bad, in seconds of the monotonic clock."""
    log, file = folder / "truth.json", folder / "rig.json"
    file.write_text(json.dumps(experiment(plan, port, offset)))
    service = subprocess.Popen([sys.executable, __file__, "--serve", str(port), "--log", str(log)], cwd=ROOT)
    try:
        _await(port)
        env = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder), "KUBECONFIG": "/dev/null"}
        command = [sys.executable, "-m", "runner", "run", str(file), "--json"]
        run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        found = list((folder / "state" / "chaos-run" / "runs").glob("*/record.json"))
        if not found:
            raise SystemExit(f"no record: {run.stderr}\n{run.stdout[-2000:]}")
        return json.loads(found[0].read_text()), [(a, b) for a, b in json.loads(log.read_text())]
    finally:
        service.kill()
        service.wait()


def _await(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the service did not start")


@dataclass(frozen=True)
class Check:
    """What was printed, how far it is from the truth, and the error that was printed with it; seconds."""

    what: str
    off: float
    error: float

    @property
    def covered(self) -> bool:
        return abs(self.off) <= self.error


def checks(record: Json, truth: list[tuple[float, float]]) -> list[Check]:
    """Everything of a run that carries an error. What is censored must be a lower bound."""
    began, ended = truth[0][0], truth[-1][1]
    marks = {m["name"]: m for m in reversed(record["marks"])}
    at = {name: m["mono_ns"] / 1e9 for name, m in marks.items()}
    found = [
        Check(n, at[n] - t, marks[n]["error_s"]) for n, t in (("effective", began), ("recovered", ended)) if n in at
    ]
    if record["ttd_s"] is not None and not record["ttd_censored"]:
        found.append(Check("TTD", record["ttd_s"] - (at["detected"] - began), record["ttd_error_s"]))
    if record["ttr_s"] is not None and not record["ttr_censored"]:
        found.append(Check("TTR", record["ttr_s"] - (ended - began), record["ttr_error_s"]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=PLANS)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        return serve(asked.serve, asked.log)
    random_, total = random.Random(asked.seed), defaultdict(list)
    names = [asked.only] if asked.only else list(PLANS)
    for number in range(asked.runs):
        name, offset = names[number % len(names)], random_.random()
        with tempfile.TemporaryDirectory() as folder:
            record, truth = play(PLANS[name], 28800 + number % 50, offset, Path(folder))
        found = checks(record, truth)
        for one in found:
            total[one.what].append(one)
        told = "  ".join(f"{c.what} {c.off:+.3f} ±{c.error:.3f}{'' if c.covered else ' MISSED'}" for c in found)
        print(f"{name:<22} {record['verdict']:<13} {told}", flush=True)
    for what, each in total.items():
        print(f"{what}: {sum(c.covered for c in each)} of {len(each)} printed errors cover the truth")
    return None


if __name__ == "__main__":
    main()
