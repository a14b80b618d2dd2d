"""Plain aligned text for lists: no box, colour for verdicts only, and none of it when piped or with NO_COLOR."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from runner import characters
from runner.report import words

_COLOURS = {
    "PASS": "32",
    "FAIL": "31",
    "UNDO_FAILED": "31",
    "INCONCLUSIVE": "33",
    "ABORTED": "35",
    "ENVIRONMENT": "33",
    "INTERRUPTED": "33",
    "error": "31",
    "warning": "33",
}


def render(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns two spaces apart; the columns numbered in `right` end at the right. On a terminal the last one is cut to fit."""
    lines = [head, *([words.clean(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return "\n".join(_line(line, widths, right, room) for line in lines)


def coloured(text: str) -> str:
    """A verdict or a severity in its colour, if this output takes colours."""
    word = text.strip()
    plain = "NO_COLOR" in os.environ or not sys.stdout.isatty() or word not in _COLOURS
    return text if plain else characters.paint(text, f"1;{_COLOURS[word]}")


def _line(line: Sequence[str], widths: Sequence[int], right: Sequence[int], room: int) -> str:
    padded = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))]
    if room and len("  ".join(padded).rstrip()) > room:
        before = len("  ".join(padded[:-1])) + 2
        padded[-1] = padded[-1].rstrip()[: max(1, room - before - 1)] + "…"
    return "  ".join(coloured(cell) for cell in padded).rstrip()
