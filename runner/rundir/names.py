"""A run's folder: the names of its files, and the start message in it that a replay needs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from runner import files
from runner.timeline.mask import Mask

EVENTS = "events.jsonl"
RECORD = "record.json"
PROCESSES = "processes.json"
"""Who belongs to the run; once it is finished and settled, the next start takes this away and need not look again."""
RESERVE = ".reserve"
"""Room for the run's record from its start on: a verdict must not be lost to a disk that filled up meanwhile."""
START = "run.json"
HIDDEN = "<not on disk>"
"""Stands for a literal secret of the experiment file in `run.json`: it is read from the file again."""


CREDENTIALS = ("vault_token", "vault_role_id", "vault_role_secret")
"""What a configuration says to a vault: as good as a secret."""


def save(folder: Path, start: Mapping[str, Any], *, durable: bool, hide: Iterable[str] = ()) -> None:
    """Write what a replay needs, without any secret: references stay references, literals are hidden.

    `hide` are the secrets that are known so far, beside those that can be read here. Only the last one before the first
    change has to be `durable`.
    """
    document = dict(start["document"])
    document["secrets"] = _hide(document.get("secrets") or {})
    kept = {k: v for k, v in start.items() if k != "secret_variables"}
    kept["configuration"] = _harmless(start, [*hide, *_values(start.get("secret_variables"))])
    files.write_atomically(folder / START, kept | {"document": document}, mode=0o600, durable=durable)


LATE = ("unplayed", "snapshot", "namespaces", "owners", "unseeable", "leases", "indicators")


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
        from runner.experiment import source

        start["document"]["secrets"] = source.read(str(file)).tree.get("secrets") or {}
    return start


def _harmless(start: Mapping[str, Any], hide: list[str]) -> dict[str, Any]:
    """The values of the configuration that hold no secret: whoever replays reads the others again, by their names."""
    mask = Mask([*hide, *_values(start["document"].get("secrets"))])
    found = (start.get("configuration") or {}).items()
    return {name: value for name, value in found if name not in CREDENTIALS and mask.value(value) == value}


def _values(secrets: Any) -> Iterator[str]:
    """Every secret in a tree that can be read here: literals, and what the environment has."""
    if not isinstance(secrets, Mapping):
        yield from [secrets] if isinstance(secrets, str) else []
    elif secrets.get("type") == "env":
        yield from filter(None, [os.environ.get(str(secrets.get("key")))])
    elif secrets.get("type") != "vault":
        for value in secrets.values():
            yield from _values(value)


def _hide(secrets: Any) -> Any:
    if isinstance(secrets, Mapping):
        if secrets.get("type") in ("env", "vault"):
            return dict(secrets)
        return {k: _hide(v) for k, v in secrets.items()}
    return HIDDEN
