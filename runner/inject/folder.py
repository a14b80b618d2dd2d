"""A run's folder: the names of its files, and the start message in it that a replay needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import files

EVENTS = "events.jsonl"
RECORD = "record.json"
PROCESSES = "processes.json"
"""Who belongs to the run; once it is finished and settled, the next start takes this away and need not look again."""
RESERVE = ".reserve"
"""Room for the run's record from its start on: a verdict must not be lost to a disk that filled up meanwhile."""
START = "run.json"
HIDDEN = "<not on disk>"
"""Stands for a literal secret of the experiment file in `run.json`: it is read from the file again."""


def save(folder: Path, start: Mapping[str, Any], *, durable: bool) -> None:
    """Write what a replay needs, without any secret: references stay references, literals are hidden.

    Only the last one before the first change has to be `durable`.
    """
    document = dict(start["document"])
    document["secrets"] = _hide(document.get("secrets") or {})
    kept = {k: v for k, v in start.items() if k != "secret_variables"}
    files.write_atomically(folder / START, kept | {"document": document}, mode=0o600, durable=durable)


LATE = ("snapshot", "namespaces", "leases", "indicators")


def learnt(folder: Path) -> dict[str, Any]:
    """What the parent found out after it had sent the start message."""
    start: dict[str, Any] = json.loads((folder / START).read_text(encoding="utf-8"))
    return {k: start[k] for k in LATE if k in start}


def load(folder: Path) -> dict[str, Any]:
    """The start message as it was, literal secrets read again from the experiment's file where it still stands."""
    start: dict[str, Any] = json.loads((folder / START).read_text(encoding="utf-8"))
    start["secret_variables"] = {}
    file = Path(start["cwd"], start["experiment"])  # given from where the run was started, not from where we are
    if HIDDEN in json.dumps(start["document"].get("secrets") or {}) and file.is_file():
        from runner.spec import source

        start["document"]["secrets"] = source.read(str(file)).tree.get("secrets") or {}
    return start


def _hide(secrets: Any) -> Any:
    if isinstance(secrets, Mapping):
        if secrets.get("type") in ("env", "vault"):
            return dict(secrets)
        return {k: _hide(v) for k, v in secrets.items()}
    return HIDDEN
