"""Lock: one run at a time on one target. On this machine a file that dies with its holder; in a cluster a Lease beside it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from runner import errors


@contextmanager
def held(folder: Path, parts: Mapping[str, bool], run: str) -> Iterator[None]:
    """Hold all parts, those with True for this run alone; in a fixed order, against deadlocks. Raises Refused, naming the holder."""
    with ExitStack() as stack:
        for scope, alone in sorted(parts.items()):
            stack.enter_context(Lock(folder, scope, run, alone=alone))
        yield


class Lock:
    """Held from before the first change until everything is put back. Use as a context manager."""

    def __init__(self, folder: Path, scope: str, run: str, *, alone: bool = True) -> None:
        """Not `alone`: others may hold it too, but nobody alone."""
        self._how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        self._path = folder / f"{hashlib.sha256(scope.encode()).hexdigest()[:16]}.lock"
        self._scope = scope
        self._run = run
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Raises Refused, naming the holder, when another run has the target."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, self._how | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(self._path)
            os.close(self._descriptor)
            raise errors.Refused(
                f"another run has this target ({self._scope})",
                reasons=[f"held by {holder}"],
                hint="wait for it, or end it with: chaos-run stop",
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, json.dumps({"run": self._run, "pid": os.getpid(), "scope": self._scope}).encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return "a run that is just starting"
    return f"run {held['run']} (process {held['pid']})"
