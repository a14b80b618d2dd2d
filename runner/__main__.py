"""`python -m runner` and `chaos-run`."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script."""
    from runner.cli import main as cli

    sys.exit(cli.entry(sys.argv[1:], cli.app, "chaos-run"))


if __name__ == "__main__":
    main()
