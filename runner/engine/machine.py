"""Machine: what runs here, in which versions, and where."""

from __future__ import annotations

import platform
import sys
from functools import cache

from runner import units


@cache
def machine() -> dict[str, str]:
    """Asked for early, since looking up versions takes a while."""
    from importlib.metadata import version

    return {
        "chaos-run": version("chaos-run"),
        "chaostoolkit-lib": version("chaostoolkit-lib"),
        "python": sys.version.split()[0],
        "machine": platform.platform(),
        "host": platform.node(),
        "operator": units.user(),
    }
