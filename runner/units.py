"""The quantities people write in files and read on screens: parse and print, nothing else.

Durations are seconds as floats, ratios are floats from 0 to 1, rates are events a second.
"""

from __future__ import annotations

import os
import re
from datetime import datetime

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h)")


def parse_duration(text: str) -> float:
    """`500ms`, `30s`, `1h30m` in seconds. Raises ValueError with the accepted forms in its text."""
    compact = text.strip().replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(n + u for n, u in parts) != compact:
        raise ValueError(f"{text!r} is not a duration; write for example 500ms, 30s, 2m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """Seconds in the form people write: `850ms`, `12.3s`, `2m05s`, `1h30m`."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}m{rest:02d}s" if rest else f"{minutes}m"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}h{minutes:02d}m" if minutes else f"{hours}h"


def format_measured(seconds: float, *, at_least: bool) -> str:
    """The same for a measured time; a censored one is a lower bound: `≥ 12.3s`."""
    return f"{'≥ ' if at_least else ''}{format_duration(seconds)}"


def parse_ratio(text: str) -> float:
    """`99.9%` or `0.999` as a ratio from 0 to 1. Raises ValueError."""
    stripped = text.strip()
    try:
        value = float(stripped[:-1]) / 100 if stripped.endswith("%") else float(stripped)
    except ValueError:
        raise ValueError(f"{text!r} is not a ratio; write for example 99.9% or 0.999") from None
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r} is outside 0 to 100 %")
    return round(value, 12)


def format_ratio(ratio: float) -> str:
    """A ratio as a percentage with the digits that matter: `99.9 %`, `0.031 %`."""
    percent = ratio * 100
    digits = 3 if 0 < percent < 0.1 or 99.9 < percent < 100 else 2
    text = f"{percent:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') or '0'} %"


def parse_rate(text: str) -> float:
    """`50/s`, `600/m` in events a second. Raises ValueError."""
    match = _RATE.fullmatch(text.strip())
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"{text!r} is not a rate; write for example 50/s or 600/m")
    return float(match[1]) / _SECONDS[match[2]]


GAMEDAY = "gameday-"
"""How the id of a GameDay begins: it can be mistaken for no run's."""


def is_gameday(name: str) -> bool:
    """Whether an id is that of a GameDay, and not of a run."""
    return name.startswith(GAMEDAY)


def new_run_id(at: datetime) -> str:
    """A name that sorts by time, can be typed, and is a valid Kubernetes label: `20261124-120301-7f3a`."""
    return f"{at:%Y%m%d-%H%M%S}-{os.urandom(2).hex()}"


def user() -> str:
    """Who runs this program."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many containers
        return f"uid {os.getuid()}"
