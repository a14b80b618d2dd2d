"""Reasons: what the world answered, in one line, without the headers, bodies and chains that its clients wrap around it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from runner import errors

LONGEST = 300
"""Characters of what a program said last."""
_WRAPPED = re.compile(
    r"^(?:(?:chaoslib\.exceptions|runner\.errors)\.\w+: )+|HTTPS?ConnectionPool\((?:.*\[Errno -?\d+\] (.*?)['\")].*|.*?\): )"
)
"""What Python and its HTTP client wrap around the reason of a failed activity."""
_LAST = re.compile(r"^chaoslib\.exceptions\.\w+: ", re.MULTILINE)
"""Where an account ends with the exception itself, after the tracebacks of what led to it."""
_PLACE = re.compile(r" \(_ssl\.c:\d+\)")


def sentence(problem: BaseException) -> str:
    """Why a call failed: the API server's own words, or whom it could not reach, or the exception's first line."""
    if isinstance(problem, errors.ChaosRunError):  # already in words for people
        return problem.message
    body = getattr(problem, "body", None)
    if isinstance(body, str | bytes) and body:
        text = body.decode(errors="replace") if isinstance(body, bytes) else body
        status = getattr(problem, "status", "?")
        refused = "the API server does not accept the login of this kubeconfig: " if status == 401 else ""
        return f"{refused}{readable(text).strip()} (HTTP {status})"
    pool = getattr(problem, "pool", None)  # urllib3's
    if pool is not None and hasattr(pool, "host"):
        why = str(getattr(problem, "reason", None) or problem).rsplit(": ", 1)[-1]
        what = "is not trusted" if "certificate" in why else "cannot be reached"
        return f"{pool.host}:{pool.port} {what}: {_PLACE.sub('', why)}"
    lines = str(problem).strip().splitlines() or [""]
    return f"{type(problem).__name__}: {lines[0]}"


def of_account(account: Sequence[str] | None) -> str:
    """What went wrong, in one line, of Chaos Toolkit's account of an exception: its message without tracebacks; empty without one."""
    text = "".join(account or ()).strip()
    starts = list(_LAST.finditer(text))
    lines = (text[starts[-1].start() :] if starts else text).splitlines()
    if not lines:
        return ""
    first, last = (_WRAPPED.sub(lambda m: m[1] or "", line.strip()) for line in (lines[0], lines[-1]))
    told = readable(last)
    return told if len(lines) == 1 or told != last or not starts else f"{first} … {told}"


def of_answer(output: Any) -> str:
    """How a program or a server refused, in one line: exit code or status, and its own last words; empty where it did not."""
    status = output.get("status") if isinstance(output, Mapping) else None
    if not isinstance(status, int):
        return ""
    if "stdout" in output:
        said = str(output.get("stderr") or "").strip().splitlines() if status else []
        return (f"it ended with exit code {status}" + (f": {said[-1][:LONGEST]}" if said else "")) if status else ""
    return f"it was answered with HTTP {status}" if status >= 400 else ""


def last_words(printed: Sequence[str]) -> str:
    """The end of what a process printed, in one line: of a traceback its last line alone."""
    lines = [line for line in printed if line.strip()]
    if any(line.startswith("Traceback (most recent call last)") for line in lines):
        return lines[-1].strip()
    return " | ".join(lines)


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
    said = " ".join([status.get("message") or status.get("reason") or f"HTTP {status.get('code')}", *causes])
    return text[:start] + said + text[start + length :]
