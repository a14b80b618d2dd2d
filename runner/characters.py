"""Characters: what of a text that others wrote may reach a screen, a page or a parser."""

from __future__ import annotations

import os
import re

_OURS = str(int.from_bytes(os.urandom(8)))
"""In the colours that we set ourselves: nobody else can know it."""
_HARMFUL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # a whole command of a terminal, CSI
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # OSC and its like: titles, links, the clipboard
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # all other control characters but tab and newline
    r"|[\u2028\u2029\u202a-\u202e\u2066-\u2069]"  # ends of lines that are none, and what turns the order of writing round
    r"|[\ud800-\udfff\ufffe\uffff]"  # no characters at all: XML and UTF-8 refuse them
)


def harmless(text: str) -> str:
    """The text without what could move a cursor, hide or reorder other text, or break a parser; tabs and newlines stay."""
    return _HARMFUL.sub("", text)


def paint(text: str, code: str) -> str:
    """The text in a colour of ours, an SGR code as `1;31`, for `on_screen`; all else in it is made harmless."""
    return f"\x1b[{_OURS}:{code}m{harmless(text)}\x1b[{_OURS}:0m" if code else harmless(text)


def on_screen(text: str, *, colours: bool) -> str:
    """Harmless text, with the colours of `paint` where they are wanted."""
    return _OR_OURS.sub(lambda found: f"\x1b[{found[1]}m" if found[1] and colours else "", text)


_OR_OURS = re.compile(rf"\x1b\[{_OURS}:([0-9;]+)m|{_HARMFUL.pattern}")
