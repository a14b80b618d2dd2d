"""Everything that a run rests on, as files of a bundle: without any secret that can be known here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner import codec
from runner.rundir.names import EVENTS, RECORD, START
from runner.store import bundle
from runner.timeline.mask import Mask
from runner.timeline.record import RunRecord


def gather(record: RunRecord, events: Sequence[Mapping[str, Any]]) -> tuple[dict[str, bytes], list[str]]:
    """The files by name, and the names of sample files that the run's folder lacks."""
    folder = Path(record.folder)
    mask = Mask(_secrets(folder))
    files = dict(bundle.gather(folder, mask.text)) if folder.is_dir() else {}
    missing = [i.tape for i in record.indicators if i.tape not in files]
    files[RECORD] = _json(codec.encode(codec.with_texts(record, mask.text)))
    files.setdefault(EVENTS, b"".join(_json(mask.value(e)) for e in events))
    return files, missing


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, default=str) + "\n").encode(errors="backslashreplace")


def _secrets(folder: Path) -> Iterator[str]:
    """The values that the experiment's secrets have on this machine; literal ones were never written to the folder."""
    for name in (START, f"evidence/{START}"):
        try:
            document = json.loads((folder / name).read_text(encoding="utf-8"))["document"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        yield from (value for key in _variables(document.get("secrets")) if (value := os.environ.get(key)))


def _variables(secrets: Any) -> Iterator[str]:
    if not isinstance(secrets, dict):
        return
    if secrets.get("type") == "env":
        yield str(secrets.get("key"))
        return
    for value in secrets.values():
        yield from _variables(value)
