"""`chaos-run playground up|down|status`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil

from tests.playground.client import ask
from tests.playground.kubectl import Kubectl


def chaos_run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", "playground", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_it_goes_up_stays_and_goes_down() -> None:
    assert chaos_run("status").returncode == 7
    up = json.loads(chaos_run("up", "--json").stdout)
    try:
        assert json.loads(chaos_run("up", "--json").stdout)["pid"] == up["pid"]
        assert json.loads(chaos_run("status", "--json").stdout) == up
        assert ask(up["urls"]["shop"])[0] == 200
        assert len(Kubectl(Path(up["kubeconfig"]), "shop").names("pods")) == 3
    finally:
        assert chaos_run("down").returncode == 0
    assert not psutil.pid_exists(up["pid"]) or psutil.Process(up["pid"]).status() == psutil.STATUS_ZOMBIE
    assert chaos_run("status").stderr == "error: the playground is not up\nhint: chaos-run playground up\n"


def test_down_is_safe_to_call_again() -> None:
    down = chaos_run("down", "--json")
    assert (down.returncode, json.loads(down.stdout)) == (0, {"running": False, "stopped": False})
