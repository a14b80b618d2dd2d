"""An image with stress-ng and a shell out of this machine's own files, on every node of the shared cluster: there is no registry here."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

NAME = "stress-ng:local"
COMMAND = Path(__file__).resolve().parents[3] / "shared" / "cluster" / "cluster"
PROGRAMS = ("stress-ng", "dash", "date", "cat")


def put_on_nodes() -> str:
    """Its name. Raises FileNotFoundError for a program that is not installed here."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in PROGRAMS:
            found = shutil.which(name)
            if found is None:
                raise FileNotFoundError(f"{name} is not installed here")
            _copy(Path(found), root / "bin" / name)
            linked = subprocess.run(["ldd", found], capture_output=True, text=True, check=True).stdout.split()
            for library in (word for word in linked if word.startswith("/")):
                _copy(Path(library), root / library[1:])
        (root / "bin" / "sh").symlink_to("dash")
        (root / "tmp").mkdir()
        (root / "tmp").chmod(0o1777)
        subprocess.run([str(COMMAND), "image", NAME, folder], capture_output=True, check=True)
    return NAME


def _copy(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file.resolve(), to)
