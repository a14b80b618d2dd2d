"""A real Docker host of the tests' own, with one image made from programs of this machine: there is no registry to pull from."""

from __future__ import annotations

import contextlib
import glob
import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tests import waiting

IMAGE = "chaostest:1"
PROGRAMS = ("sh", "sleep", "tc", "iptables", "stress-ng")
EXTENSIONS = "/usr/lib/x86_64-linux-gnu/xtables/libxt_*.so"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its DOCKER_HOST: without a bridge and rules of its own, so containers have their loopback alone."""
    socket = f"unix://{folder / 'docker.sock'}"
    places = [
        "--data-root",
        str(folder / "data"),
        "--exec-root",
        str(folder / "exec"),
        "--pidfile",
        str(folder / "pid"),
    ]
    bare = ["--bridge=none", "--iptables=false", "--log-level", "error"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(["dockerd", "-H", socket, *places, *bare], stdout=log, stderr=log)
    environment = {**os.environ, "DOCKER_HOST": socket}
    try:
        waiting.until(lambda: _answers(environment) or daemon.poll() is not None, "dockerd answers", 60.0, 0.1)
        assert daemon.poll() is None, (folder / "log").read_text()
        subprocess.run(
            ["docker", "import", "-", IMAGE], input=_image(), env=environment, check=True, capture_output=True
        )
        yield socket
        names = subprocess.run(["docker", "ps", "-aq"], env=environment, capture_output=True, text=True, check=True)
        subprocess.run(["docker", "rm", "-f", *names.stdout.split()], env=environment, check=False, capture_output=True)
    finally:
        daemon.terminate()
        daemon.wait(60)


def _answers(environment: dict[str, str]) -> bool:
    return subprocess.run(["docker", "version"], env=environment, capture_output=True, check=False).returncode == 0


def _image() -> bytes:
    """These programs and the libraries that they are linked with."""
    programs = [found for name in PROGRAMS if (found := shutil.which(name))] + glob.glob(EXTENSIONS)  # noqa: PTH207
    listed = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path in sorted({*programs, *re.findall(r"(?:=> |^\s+)(/\S+) \(", listed, re.MULTILINE)}):
            tar.add(os.path.realpath(path), arcname=path.lstrip("/"))
        for name in ("tmp", "run", "proc", "sys", "dev", "etc"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o777
            tar.addfile(folder)
    return data.getvalue()
