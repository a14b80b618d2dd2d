"""Files that are whole or not there: write aside, sync where it matters, rename."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_atomically(path: Path, value: Any, *, mode: int = 0o644, durable: bool = True) -> None:
    """Write text as it is, or any JSON value; after a crash the file is the old one or the new one.

    Not `durable` spares the wait for the disk: whole whatever process dies, but not when the machine does.
    """
    text = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)  # half a file is in nobody's way, on a full disk least of all
        raise
