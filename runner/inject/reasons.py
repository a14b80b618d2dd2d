"""Reasons: what the world answered, in one line, without the headers, bodies and chains that its clients wrap around it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_WRAPPED = re.compile(
    r"^(?:chaoslib\.exceptions\.\w+: )+|HTTPS?ConnectionPool\((?:.*\[Errno -?\d+\] (.*?)['\")].*|.*?\): )"
)
"""What Python and its HTTP client wrap around the reason of a failed activity."""


def sentence(problem: BaseException) -> str:
    """Why a call failed: the API server's own words, or whom it could not reach, or the exception's first line."""
    body = getattr(problem, "body", None)
    if isinstance(body, str | bytes) and body:
        text = body.decode(errors="replace") if isinstance(body, bytes) else body
        return f"{readable(text).strip()} (HTTP {getattr(problem, 'status', '?')})"
    pool = getattr(problem, "pool", None)  # urllib3's
    if pool is not None and hasattr(pool, "host"):
        why = str(getattr(problem, "reason", None) or problem).rsplit(": ", 1)[-1]
        return f"{pool.host}:{pool.port} cannot be reached: {why}"
    lines = str(problem).strip().splitlines() or [""]
    return f"{type(problem).__name__}: {lines[0]}"


def last_line(account: Sequence[str] | None) -> str:
    """What went wrong in one line: the last one of Chaos Toolkit's account of an exception; empty where there is none."""
    lines = "".join(account or ()).strip().splitlines()
    return readable(_WRAPPED.sub(lambda m: m[1] or "", lines[-1].strip())) if lines else ""


def readable(text: str) -> str:
    """A text in which an API server's Status object, if there is one, is replaced by its message and causes."""
    start = text.find('{"kind":"Status"')
    if start < 0:
        return text
    try:
        status, length = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return text
    causes = [c["message"] for c in (status.get("details") or {}).get("causes") or () if c.get("message")]
    said = " ".join([status.get("message") or status.get("reason") or "no reason given", *causes])
    return text[:start] + said + text[start + length :]
