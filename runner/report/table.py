"""Plain aligned text for lists: no box, colour for verdicts only, and none of it when piped or with NO_COLOR.

Of rich only what knows how many columns a character takes: its tables cost 35 ms more to import than these, a tenth of what `history` may
take, and fold at 80 columns when they are piped.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

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
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(head))]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return "\n".join(_line(line, widths, right, room) for line in lines)


def coloured(text: str) -> str:
    """A verdict or a severity in its colour, if this output takes colours."""
    word = text.strip()
    plain = "NO_COLOR" in os.environ or not sys.stdout.isatty() or word not in _COLOURS
    return text if plain else characters.paint(text, f"1;{_COLOURS[word]}")


def _line(line: Sequence[str], widths: Sequence[int], right: Sequence[int], room: int) -> str:
    padded = [
        f"{' ' * (w - cell_len(c))}{c}" if i in right else set_cell_size(c, w)
        for i, (c, w) in enumerate(zip(line, widths, strict=True))
    ]
    if room and cell_len("  ".join(padded).rstrip()) > room:
        before = cell_len("  ".join(padded[:-1])) + 2
        padded[-1] = set_cell_size(padded[-1].rstrip(), max(1, room - before - 1)) + "…"
    return "  ".join(coloured(cell) for cell in padded).rstrip()
