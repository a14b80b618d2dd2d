"""Access: a client for a team's own servers that is let in by a group of the experiment's secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from runner import access as words


def client(
    whose: str, access: Mapping[str, Any], url: str, timeout_s: float, *, verify: bool = True
) -> httpx.AsyncClient:
    """Nothing else decides about it, least of all the environment. Raises EnvironmentFailure for bad certificates."""
    return httpx.AsyncClient(**words.settings(whose, access, url, timeout_s, verify=verify))
