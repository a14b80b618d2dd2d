"""Files that are whole or not there: write aside, sync where it matters, rename; and lines that are whole or an error."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner import errors

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk, or of one's share of it, that has no more room."""


def write_atomically(path: Path, value: Any, *, mode: int = 0o644, durable: bool = True) -> None:
    """Write text as it is, or any JSON value; after a crash the file is the old one or the new one.

    What UTF-8 has no bytes for (half a surrogate: a name of undecodable bytes) is written as `\\udcff`, which JSON reads back as it was.
    Not `durable` spares the wait for the disk: whole whatever process dies, but not when the machine does.
    """
    text = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)  # half a file is in nobody's way, on a full disk least of all
        raise


def is_file(path: Path) -> bool:
    """Whether there is one that we may know of: a folder that is closed to us has none, nor has a place with an impossible name."""
    try:
        return path.is_file()
    except OSError:
        return False


def check_output(path: Path, what: str, *, suffixes: Sequence[str] = ()) -> None:
    """Whether a file can be written there, asked before anything is done whose outcome would be lost; nothing stays of the look.

    `suffixes` are those that `what` may have, in lower case, "" for a name without one; none given: any. A link is followed.
    Raises UsageError for a place or a name that is no good, EnvironmentFailure for a full disk.
    """
    if str(path) == "-":
        raise errors.UsageError(f"{what} cannot go to the standard output", hint="name a file")
    if suffixes and path.suffix.lower() not in suffixes:
        known = " or ".join(suffix for suffix in suffixes if suffix)
        raise errors.UsageError(f"{what} cannot be {path}: its name has to end in {known}")
    try:
        target = path.resolve()
    except RuntimeError:  # Python 3.13 says so only when it is opened
        raise errors.UsageError(f"{what} cannot be written to {path}: it is a link to itself") from None
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        kind = "a folder" if target.is_dir() else "a device, a pipe or a socket, not a file"
        raise errors.UsageError(f"{what} cannot be written to {path}: it is {kind}", hint="name a file")
    if not target.parent.is_dir():
        raise errors.UsageError(
            f"{what} cannot be written to {path}: there is no folder {path.parent}", hint="make the folder first"
        )
    _try_to_write(target, f"{what} cannot be written to {path}")


def check_folder(path: Path, what: str) -> None:
    """The same for a folder that is made when it is needed, with those above it."""
    there = next(folder for folder in (path.resolve(), *path.resolve().parents) if folder.exists())
    if not there.is_dir():
        raise errors.UsageError(f"{what} cannot be written to {path}: {there} is no folder", hint="name a folder")
    _try_to_write(there / "chaos-run", f"{what} cannot be written to {path}")


def _try_to_write(target: Path, otherwise: str) -> None:
    trial = target.with_name(f".{target.name}.trial")
    try:
        if target.is_file():  # may be read-only itself in a folder that is not
            target.open("ab").close()
        write_atomically(trial, " " * 4096, durable=False)
        trial.unlink()
    except OSError as problem:
        said = f"{otherwise}: {problem.strerror}"
        if problem.errno in FULL:
            raise errors.EnvironmentFailure(said, hint="free some space, or name another place") from None
        raise errors.UsageError(said, hint="name a place that you may write") from None


def append_line(path: Path, text: str) -> None:
    """Add a line, on the disk when this returns; several may do so at once.

    Raises OSError, ENOSPC too where a full disk took only a part of it; readers skip such a torn line.
    """
    # A torn line before it must not swallow this one: start on a line of our own.
    line = f"\n{text}\n".encode(errors="backslashreplace")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
