"""Mask: takes known secret values out of any text or JSON value, in whatever form they were written down."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "*****"
SHORTEST = 4
"""A shorter secret is masked only where it is the whole value: as a part it would take words apart (`a` in every text)."""
_SHORTEST_LINE = 12
_SHORTEST_CORE = 6


class Mask:
    """Masks by value: plain, escaped as in JSON or in a Python repr, percent-encoded, base64 (also inside a longer text
    such as `Authorization: Basic …`), and each long line of a secret of several lines."""

    def __init__(self, secrets: Iterable[str]) -> None:
        values = {s for s in secrets if s}
        self._whole = frozenset(values)
        forms = {form for s in values if len(s) >= SHORTEST for form in _forms(s)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def text(self, text: str) -> str:
        """The text with every form of every secret replaced by `*****`."""
        if text in self._whole:
            return HIDDEN
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """Any JSON value with the secrets masked: in texts, keys, and numbers that are a secret as a whole.

        The words of our own enums stay: a password like `proven` must not make a record unreadable.
        """
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._whole:
            return HIDDEN
        return value

    def _object(self, value: dict[Any, Any]) -> dict[Any, Any]:
        masked: dict[Any, Any] = {}
        for key, item in value.items():
            name = self.value(key)
            while name in masked:  # two keys may become the same; neither value may be lost
                name = f"{name}'"
            masked[name] = self.value(item)
        return masked


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode()
    yield secret
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
    yield repr(secret)[1:-1]
    for encoded in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
    yield from _base64_forms(raw)
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        for line in lines:
            if len(line) >= _SHORTEST_LINE:
                yield line


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Base64 of the secret alone, and what is left of it at each of the three places where it can stand in a longer text."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode()
        yield whole
        if len(bare := whole.rstrip("=")) >= _SHORTEST_CORE:
            yield bare
        for before in range(3):
            head = -(-before * 8 // 6)  # characters that also carry bits of what stands before
            tail = (before + len(raw)) * 8 // 6  # the next one also carries bits of what follows
            core = encode(b"\0" * before + raw + b"\0\0").decode()[head:tail]
            if len(core) >= _SHORTEST_CORE:
                yield core
