"""What Chaos Toolkit's own command sets up for the modules of extensions before it imports any of them."""

from __future__ import annotations

import sys
from pathlib import Path

from chaoslib.log import override_logzero_module


def set_up(folder: Path) -> None:
    """Modules are found in `folder` too, and `logzero`, which many log through, is there without being installed."""
    sys.path.append(str(folder))
    override_logzero_module()
