"""What chaos-run costs before it does anything: --help, validate, and a no-op run, side by side with plain Chaos Toolkit.

    .venv/bin/python benchmarks/startup.py [--repeat 7]

Medians of wall time in seconds. The commands take turns, so that a slow moment of the machine hits all of them; the first two rounds
are not counted. The no-op has one probe, one action and one rollback; once it asks for no window, once for a baseline of two seconds,
which is taken off: what chaos-run loads while it watches costs nobody time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
WARM_UPS = 2


def activity(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "name": name,
        "provider": {"type": "python", "module": "os", "func": "getcwd" if kind == "action" else "getpid"},
        **more,
    }


NO_OP = {
    "title": "Nothing",
    "description": "Nothing happens.",
    "steady-state-hypothesis": {
        "title": "There is a process",
        "probes": [activity("probe", "process", tolerance={"type": "range", "range": [1, 2**31]})],
    },
    "method": [activity("action", "nothing")],
    "rollbacks": [activity("action", "nothing-back")],
    "extensions": [{"name": "chaos-run", "windows": {"baseline": 0, "stable": 0}}],
}
WINDOW_S = 2.0
WATCHED = NO_OP | {"extensions": [{"name": "chaos-run", "windows": {"baseline": WINDOW_S, "stable": 0}}]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(commands(Path(folder)), repeat, Path(folder))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    for name, values in seconds.items():
        print(f"{name:24} median {median[name]:.3f} s   min {min(values):.3f}   max {max(values):.3f}")
    print()
    judge("chaos-run --help", median["chaos-run --help"], 0.10, "s")
    judge("chaos-run validate", median["chaos-run validate"], 0.30, "s")
    beyond = median["chaos-run run, watched"] - WINDOW_S
    judge("no-op run beyond its window over chaos run", beyond / median["chaos run"], 1.5, "x")
    print(f"     no-op run without any window over chaos run: {median['chaos-run run'] / median['chaos run']:.2f} x")


def commands(folder: Path) -> dict[str, list[str]]:
    file = folder / "no-op.json"
    file.write_text(json.dumps(NO_OP), encoding="utf-8")
    watched = folder / "watched.json"
    watched.write_text(json.dumps(WATCHED), encoding="utf-8")
    ours, plain = str(BIN / "chaos-run"), [str(BIN / "chaos"), "--no-version-check", "--no-log-file"]
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "chaos-run --help": [ours, "--help"],
        "chaos --help": [*plain, "--help"],
        "chaos-run validate": [ours, "validate", str(file)],
        "chaos validate": [*plain, "validate", str(file)],
        "chaos-run run": [ours, "run", str(file)],
        "chaos-run run, watched": [ours, "run", str(watched)],
        "chaos run": [*plain, "run", "--journal-path", str(folder / "journal.json"), str(file)],
    }


def measure(named: dict[str, list[str]], repeat: int, folder: Path) -> dict[str, list[float]]:
    env = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled, as Chaos Toolkit is here
    seconds: dict[str, list[float]] = {name: [] for name in named}
    for turn in range(repeat + WARM_UPS):
        for name, command in named.items():
            began = time.perf_counter()
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
            taken = time.perf_counter() - began
            if done.returncode:
                sys.exit(f"{name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
            if turn >= WARM_UPS:
                seconds[name].append(taken)
    return seconds


def judge(what: str, value: float, limit: float, unit: str) -> None:
    print(f"{'ok  ' if value <= limit else 'OVER'} {what}: {value:.2f} {unit}, asked for at most {limit:.2f} {unit}")


if __name__ == "__main__":
    main()
