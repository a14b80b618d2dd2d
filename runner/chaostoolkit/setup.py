"""What Chaos Toolkit's own command sets up for the modules of extensions before it imports any of them, and our providers."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import chaoslib.exit
from chaoslib.log import override_logzero_module

from runner.chaostoolkit import providers

EXIT_ASKED = threading.Event()
"""Code of the experiment has asked Chaos Toolkit for the exit, by a signal to its own process; any other signal is a stranger's."""


def set_up(folder: Path, *, alarmed: bool = False) -> None:
    """Modules are found in `folder` too, and `logzero`, which many log through, is there without being installed.

    `alarmed`: the main thread ends Python activities at their timeouts itself.
    """
    sys.path.append(str(folder))
    override_logzero_module()
    providers.install(alarmed=alarmed)
    for name in ("exit_gracefully", "exit_ungracefully"):
        setattr(chaoslib.exit, name, _noted(getattr(chaoslib.exit, name)))


def _noted(ask: Callable[[], None]) -> Callable[[], None]:
    def noted() -> None:
        EXIT_ASKED.set()
        ask()

    return noted


def load(modules: Iterable[str]) -> list[str]:
    """Import each, and say in a sentence of each that cannot be why not."""
    troubles = []
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as problem:
            troubles.append(f"the module {module} cannot be imported: {problem}")
    return troubles
