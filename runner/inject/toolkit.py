"""What Chaos Toolkit's own command sets up for the modules of extensions before it imports any of them, and our providers."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

from chaoslib.log import override_logzero_module

from runner.inject import providers


def set_up(folder: Path, *, alarmed: bool = False) -> None:
    """Modules are found in `folder` too, and `logzero`, which many log through, is there without being installed.

    `alarmed`: the main thread ends Python activities at their timeouts itself.
    """
    sys.path.append(str(folder))
    override_logzero_module()
    providers.install(alarmed=alarmed)


def load(modules: Iterable[str]) -> list[str]:
    """Import each, and say in a sentence of each that cannot be why not."""
    troubles = []
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as problem:
            troubles.append(f"the module {module} cannot be imported: {problem}")
    return troubles
