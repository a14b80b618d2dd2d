"""The delivery log: what became of each message of a run, in its folder; cheap to import."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

FILE = "notifications.jsonl"


def read(folder: Path) -> list[dict[str, Any]]:
    """In order; empty where there was none."""
    found = []
    with contextlib.suppress(OSError):
        for line in (folder / FILE).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found
