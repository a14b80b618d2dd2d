"""`python -m runner` and `chaos-run`."""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType

GARBAGE_AFTER = 100_000
"""Objects made before garbage is looked for: imports make none, and looking costs a twentieth of the start."""


def main() -> None:
    """The console script."""
    gc.set_threshold(GARBAGE_AFTER)
    _without_plugins_of_pydantic()
    from runner.cli import main as cli

    leave(cli.start(cli.app, "chaos-run"))


def _without_plugins_of_pydantic() -> None:
    """Whoever builds a model looks through every installed package for plugins: a tenth of our start, and we have none.

    Not by PYDANTIC_DISABLE_PLUGINS: with it `importlib.metadata` and `email` are imported all the same, a third of what is to be saved,
    and every command that an experiment starts would inherit it. Should the module be called otherwise one day, this does nothing.
    """
    loader = ModuleType("pydantic.plugin._loader")
    vars(loader)["get_plugins"] = tuple
    sys.modules[loader.__name__] = loader


def leave(code: int) -> None:
    """Exit at once: all is written, and to take the interpreter apart takes longer than to judge a run."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the reader of our output went away
        pass
    os._exit(code)


if __name__ == "__main__":
    main()
