"""Identity: what the runner makes in a fault system is named by its run and its action, so that it is found again after a crash."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

VARIABLE = "CHAOS_RUN_ID"
"""In the environment of a run's worker and undoer: the run's id."""
LABEL = "chaos-run/run-id"
"""On every object that the runner makes for a run, where the system has labels."""
PREFIX = "chaosrun"


@cache
def run_id() -> str:
    """The run's id; under plain `chaos run`, which has none, one that is made for this process."""
    return os.environ.get(VARIABLE) or f"plain-{secrets.token_hex(3)}"


def name(run: str, arguments: Mapping[str, Any]) -> str:
    """What an action with these arguments makes in this run: the same for whoever asks, in any process; 63 characters at most."""
    digest = hashlib.sha256(json.dumps(arguments, sort_keys=True, default=str).encode()).hexdigest()[:6]
    return f"{PREFIX}-{run.lower()[: 63 - len(PREFIX) - 8]}-{digest}"


def is_of(run: str, made: str) -> bool:
    """Whether something of that name was made in this run."""
    return made.startswith(f"{PREFIX}-{run.lower()[: 63 - len(PREFIX) - 8]}-")
