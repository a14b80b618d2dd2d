"""URLs: whether one says yet which server it means, and whether it can be one at all."""

from __future__ import annotations

from urllib.parse import urlsplit


def unresolved(url: str) -> bool:
    """Whether its scheme, host or port still waits for the value of a `$name`."""
    return "$" in "/".join(url.split("/")[:3])


def trouble(url: str) -> str:
    """Why nobody can ask there, in a few words; empty for what is a URL."""
    try:
        _ = urlsplit(url).port
    except ValueError as problem:
        return str(problem)
    return ""
