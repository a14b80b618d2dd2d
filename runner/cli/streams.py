"""Standard streams that take anything and never raise: what a screen cannot show is replaced, what nobody reads is dropped."""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys

from runner.characters import on_screen

ERRORS = "chaos-run"
"""Name of our error handler: signs that an encoding lacks get a likeness in ASCII, anything else a question mark."""
_LIKE = {
    "✔": "+",
    "✘": "x",
    "■": "#",
    "•": "*",
    "·": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "⏎": "|",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "±": "+/-",
    "×": "x",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "\u202f": " ",
    "\xa0": " ",
    "─": "-",
    "━": "-",
    "│": "|",
    "╭": "+",
    "╮": "+",
    "╰": "+",
    "╯": "+",
    "█": "#",
    "▏": "|",
    "⇒": "=>",
    **dict(zip("▁▂▃▄▅▆▇", "_.,:-=+", strict=True)),
}
_CLOSED = (errno.EPIPE, errno.EBADF, errno.EIO, errno.ENXIO, errno.ECONNRESET)
"""The reader went away, or the terminal: nobody is there to be told."""


class Raw(io.RawIOBase):
    """A descriptor to write to; after the first failure everything goes nowhere, and `lost` says why."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.lost: OSError | None = None

    def writable(self) -> bool:
        """Always, as far as the writer can tell."""
        return True

    def fileno(self) -> int:
        """The descriptor, for those who ask about its terminal."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a terminal is there, and still is."""
        return self.lost is None and os.isatty(self._descriptor)

    def write(self, data: object) -> int:
        """All of it, as far as the writer can tell."""
        whole = memoryview(data).cast("B")  # type: ignore[arg-type]
        rest = whole
        while rest and self.lost is None:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # somebody else has made the terminal or pipe non-blocking
                select.select((), (self._descriptor,), (), 1.0)
            except OSError as problem:
                self.lost = problem
        return len(whole)

    @property
    def complaint(self) -> str:
        """Why output is missing; empty where it is not, and where its reader chose to go."""
        return "" if self.lost is None or self.lost.errno in _CLOSED else os.strerror(self.lost.errno or 0)


def harden() -> tuple[Raw, Raw]:
    """Make this process's stdout and stderr such streams; the two behind them are returned.

    Descriptors 0 to 2 that were closed are opened to nowhere first: else the next file would become somebody's output.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    codecs.register_error(ERRORS, _likeness)
    out, err = Raw(1), Raw(2)
    sys.stdout = Screen(out, _encoding(sys.stdout))
    sys.stderr = Screen(err, _encoding(sys.stderr))
    return out, err


def _encoding(before: object) -> str:
    return getattr(before, "encoding", None) or "utf-8"


class Screen(io.TextIOWrapper):
    """Text for eyes: whatever is written is made harmless, but for our own colours and for what `drawing` takes."""

    def __init__(self, raw: Raw, encoding: str) -> None:
        super().__init__(io.BufferedWriter(raw), encoding=encoding, errors=ERRORS, write_through=True)
        self._name = "ascii-with-likenesses" if codecs.lookup(encoding).name == "ascii" else encoding
        self.drawing = io.TextIOWrapper(self.buffer, encoding=encoding, errors=ERRORS, write_through=True)
        """The same screen for pictures whose every text has been made harmless: movements of the cursor pass."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As others are to see it: where click finds ASCII, it writes UTF-8 past us."""
        return self._name

    def write(self, text: str) -> int:
        """All of it, as far as the writer can tell."""
        super().write(on_screen(text, colours=self.isatty()))
        if "\n" in text:
            self.flush()
        return len(text)


def _likeness(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    lacking = problem.object[problem.start : problem.end]
    return "".join(_LIKE.get(sign, "?") for sign in lacking), problem.end
