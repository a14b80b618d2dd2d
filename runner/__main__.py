"""`python -m runner` and `chaos-run`."""

from __future__ import annotations

import gc
import os
import sys

GARBAGE_AFTER = 100_000
"""Objects made before garbage is looked for: imports make none, and looking costs a twentieth of the start."""


def main() -> None:
    """The console script."""
    gc.set_threshold(GARBAGE_AFTER)
    from runner.cli import main as cli

    leave(cli.entry(sys.argv[1:], cli.app, "chaos-run"))


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
