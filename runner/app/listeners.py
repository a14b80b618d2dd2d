"""Who is to be told of runs: found out without reading a file, so that a run that concerns only its own terminal pays nothing for it."""

from __future__ import annotations

import os
from pathlib import Path

NOTIFY = "CHAOS_RUN_NOTIFY"
TELEMETRY = ("CHAOS_RUN_TEXTFILE", "CHAOS_RUN_PUSHGATEWAY", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""As in runner/experiment/channels.py, which is slow to import and seldom needed."""


def are_configured() -> bool:
    """Whether a file of channels or a variable of the environment names anybody or anything."""
    return bool(channels_file() or any(os.environ.get(name) for name in TELEMETRY))


def channels_file() -> str | None:
    """The team's file of channels: CHAOS_RUN_NOTIFY, else `notify.yaml` in our configuration folder where there is one."""
    if given := os.environ.get(NOTIFY):
        return given
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    usual = Path(home).expanduser() / "chaos-run" / "notify.yaml"
    return str(usual) if usual.is_file() else None
