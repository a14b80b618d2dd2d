"""Files that are whole or not there: write aside, sync where it matters, rename; and lines that are whole or an error."""

from __future__ import annotations

import errno
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


def append_line(path: Path, text: str) -> None:
    """Add a line, on the disk when this returns; several may do so at once.

    Raises OSError, ENOSPC too where a full disk took only a part of it; readers skip such a torn line.
    """
    line = f"\n{text}\n".encode()  # a torn line before it must not swallow this one: start on a line of our own
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
