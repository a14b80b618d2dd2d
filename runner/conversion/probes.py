"""Probes: a check of another tool as a probe of the steady-state hypothesis, where the two mean the same."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from runner.conversion.draft import Activity
from runner.conversion.fields import Field

INSIDE = "an address inside of the cluster: chaos-run asks it from where it runs, and the other tool asked from a pod"
MOST = 1e15
"""In place of "no upper bound": a range of Chaos Toolkit has two."""


def probe(name: str, provider: Mapping[str, Any], tolerance: Any) -> Activity:
    """A probe with what it has to answer."""
    return {"type": "probe", "name": name, "tolerance": tolerance, "provider": dict(provider)}


def http(
    url: str, *, timeout_s: float, method: str = "GET", headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What asks a URL."""
    found: dict[str, Any] = {"type": "http", "url": url, "timeout": timeout_s}
    return found | ({"method": method} if method != "GET" else {}) | ({"headers": dict(headers)} if headers else {})


def body(provider: dict[str, Any], text: str) -> dict[str, Any]:
    """The same with a body; one of JSON is sent as the values that it holds."""
    kind = next((v for k, v in provider.get("headers", {}).items() if k.lower() == "content-type"), "")
    if kind != "application/json":
        return provider | {"arguments": text}
    try:
        return provider | {"headers": provider["headers"] | {"Content-Type": kind}, "arguments": json.loads(text)}
    except ValueError:
        return provider | {"arguments": text}


def asked_url(field: Field) -> str:
    """The URL to ask; one that only the cluster's own pods can reach is noted as changed."""
    url = field.text()
    host = urlsplit(url).hostname or ""
    if host and host != "localhost" and (host.endswith((".svc", ".cluster.local")) or not re.search(r"[.:]", host)):
        field.change(INSIDE)
    return url


def statuses(text: str) -> Any:
    """`200` or `200-299` as a tolerance; None for what is neither."""
    low, dash, high = (part.strip() for part in text.partition("-"))
    if low.isdigit() and not dash:
        return int(low)
    if low.isdigit() and high.isdigit():
        return {"type": "range", "range": [int(low), int(high)], "target": "status"}
    return None


def compared(criteria: str, value: str, target: str, *, whole: bool = True) -> Any:
    """A comparison of a number, `whole` or not, as a tolerance; None where a range does not say the same."""
    try:
        bounds = [float(part) for part in re.sub(r"[\[\]\s]", "", value).split(",")]
    except ValueError:
        return None
    if not all(map(math.isfinite, bounds)) or (criteria in ("<", ">") and whole and not bounds[0].is_integer()):
        return None
    ranges = {
        "==": (bounds[0], bounds[0]),
        ">=": (bounds[0], MOST),
        "<=": (-MOST, bounds[0]),
        "between": (bounds[0], bounds[-1]),
        ">": (_beside(bounds[0], 1, whole=whole), MOST),
        "<": (-MOST, _beside(bounds[0], -1, whole=whole)),
    }
    found = ranges.get(criteria)
    wanted = 2 if criteria == "between" else 1
    if found is None or len(bounds) != wanted:
        return None
    return {"type": "range", "range": [int(b) if b.is_integer() else b for b in found], "target": target}


def _beside(bound: float, step: int, *, whole: bool) -> float:
    """The next number in a direction: a range has its ends in it, and these comparisons do not."""
    return bound + step if whole else math.nextafter(bound, step * math.inf)


def matched(criteria: str, value: str, target: str) -> Any:
    """What a text has to hold as a tolerance; None for a comparison that is not known here, or that nothing at all would meet too."""
    exact = re.escape(value)
    patterns = {
        "contains": exact,
        "matches": value,
        "oneof": rf"\A\s*(?:{'|'.join(re.escape(p.strip()) for p in value.strip('[]').split(','))})\s*\Z",
    }
    pattern = patterns.get(criteria.lower(), "")
    try:
        meets_nothing = re.search(pattern, "") is None
    except re.error:
        return None
    return {"type": "regex", "pattern": pattern, "target": target} if meets_nothing else None
