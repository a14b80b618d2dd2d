"""Start messages for tests: what is not given is as little as there can be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.rundir.start_message import StartMessage


def start(folder: Path = Path("/nowhere"), **more: Any) -> StartMessage:
    """Of a run whose folder is there."""
    least: dict[str, Any] = {
        "run": "20260101-000000-dead",
        "folder": str(folder),
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
        "started_mono_ns": 0,
        "document": {},
    }
    return StartMessage(**least | more)
