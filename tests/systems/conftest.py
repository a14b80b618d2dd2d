"""Systems: the script of ../shared/systems, with which these tests start what they meet, and end it again."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.faults.driver import Setting
from tests.fakes.kube_api import Login
from tests.faults.test_conformance import SETTING

ROOT = Path(__file__).resolve().parents[2]
PLACES = (os.environ.get("SYSTEMS"), ROOT.parent / "shared/systems/systems", "/work/shared/systems/systems")
UNPACKED = Path("/var/lib/chaos-run-systems/bin")
"""Programs that an earlier start on this machine has unpacked already."""
ENVOY = os.environ.get("ENVOY") or shutil.which("envoy") or str(Path(sys.executable).with_name("envoy"))
START_S = 110


@dataclass(frozen=True)
class Systems:
    """The script and its state folder."""

    script: Path
    state: Path

    def run(self, *words: str) -> dict[str, str]:
        """What it exports, by name."""
        env = {**os.environ, "SYSTEMS_HOME": str(self.state), "ENVOY": ENVOY}
        done = subprocess.run(
            [self.script, *words], env=env, text=True, capture_output=True, timeout=START_S, check=False
        )
        assert done.returncode == 0, f"systems {' '.join(words)}: {done.stderr}"
        pairs = done.stdout.replace("export ", " ").split()
        return dict(pair.partition("=")[::2] for pair in pairs)


@dataclass(frozen=True)
class Api:
    """The API server of ../shared/systems, which has no nodes."""

    kubeconfig: Path
    login: Login

    @property
    def setting(self) -> Setting:
        """A run's, led there by its secrets."""
        return Setting(run=SETTING.run, secrets=self.login, context="kind-chaos-run-api")


@pytest.fixture(scope="session")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    script = next((Path(p) for p in PLACES if p and Path(p).is_file()), None)
    if script is None or os.geteuid() != 0:
        pytest.skip("needs ../shared/systems, and root")
    state = tmp_path_factory.mktemp("systems")
    if UNPACKED.is_dir():
        (state / "bin").symlink_to(UNPACKED)
    found = Systems(script, state)
    try:
        yield found
    finally:
        found.run("down")


@pytest.fixture(scope="session")
def api(systems: Systems) -> Api:
    kubeconfig = Path(systems.run("up", "api")["KUBECONFIG"])
    config = json.loads(kubeconfig.read_text())
    server = config["clusters"][0]["cluster"]["server"]
    entries = {"host": server, "api_key": config["users"][0]["user"]["token"], "verify_ssl": "true"}
    return Api(kubeconfig, Login(ca_cert_file=str(systems.state / "pki/ca.crt"), **entries))


def own_address() -> str:
    """Of this machine, but not its loopback: an endpoint may not be there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect(("192.0.2.1", 9))
        return str(route.getsockname()[0])


def created(api: Any, path: str, body: dict[str, Any], name: str, **metadata: Any) -> None:
    """Make an object."""
    api.create(path, {**body, "metadata": {"name": name, **metadata}})
