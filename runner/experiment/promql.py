"""PromQL: what kind of query a document has, as far as it matters for how its values are to be read."""

from __future__ import annotations

import re

_LABELS = r"""\{(?:[^{}"']|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')*\}"""
_SELECTOR = re.compile(rf"\s*(?:[a-zA-Z_:][\w:]*\s*(?:{_LABELS})?|{_LABELS})\s*", re.DOTALL)
_SUM = re.compile(
    r"\s*sum\s*(?:(?:by|without)\s*\([^()]*\)\s*)?\((.*)\)\s*(?:(?:by|without)\s*\([^()]*\)\s*)?", re.DOTALL
)
_RATED = re.compile(r"\b(rate|irate|increase|delta|idelta)\s*\(")
_SPAN = re.compile(r"\[(\d+)(ms|s|m|h|d|w)(?::[^\]]*)?\]")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def selector(query: str) -> str | None:
    """The plain series of a query whose every reading can be had: `x{…}`, or `sum(x{…})`, which we sum ourselves."""
    if _SELECTOR.fullmatch(query):
        return query.strip()
    summed = _SUM.fullmatch(query)
    return summed[1].strip() if summed and _SELECTOR.fullmatch(summed[1]) else None


def rated(query: str) -> str | None:
    """The function, `rate` or one of its kind, by which the source itself makes differences; None without one."""
    found = _RATED.search(query)
    return found[1] if found else None


def over_s(query: str) -> float | None:
    """Seconds of the longest range in the query; None without any."""
    return max((int(n) * _SECONDS[unit] for n, unit in _SPAN.findall(query)), default=None)
