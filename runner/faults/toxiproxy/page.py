"""A page that comes through a proxy, asked before and after: what Toxiproxy lists does not say whether anybody's connections pass there."""

from __future__ import annotations

import http.client
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from runner.faults.toxiproxy.fault import DOWN, Fault

TIMEOUT_S = 2.0
ENOUGH_S = 3.0
"""After so long it is not asked once more: a look for effects has 8 s."""
FEW, MANY = 5, 60
"""How often it is asked; of a share of the connections up to MANY times."""
AT_ONCE = 5
"""Never a burst: it would delay pages by itself."""
SURE = 0.001
"""A share that is missed by all with this chance is not there."""
LEAST_S = 0.05
"""A delay below it is not told from chance."""
BREAKS = ("timeout", "reset_peer", "limit_data", "http_error", DOWN)
"""Types after which the page does not come as it did."""


@dataclass(frozen=True)
class Answer:
    """How the page came, on a connection of its own."""

    seconds: float
    said: str
    """Its status and length, or how it broke."""
    bytes: int = 0


def asked(url: str, times: int = FEW) -> list[dict[str, Any]]:
    """Its answers, as plain values."""
    until = time.monotonic() + ENOUGH_S
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda number: _ask(url) if number < FEW or time.monotonic() < until else None, range(times))
        return [asdict(answer) for answer in found if answer]


def often(fault: Fault) -> int:
    """How often it has to be asked, for a share to be seen."""
    missed = 1 - fault.toxicity
    return FEW if missed <= 0 else max(FEW, min(MANY, math.ceil(math.log(SURE) / math.log(missed))))


def verdict(fault: Fault, before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> tuple[bool, str]:
    """Whether the fault was felt, and in a sentence how; True where it could not be told, and the sentence says so."""
    was, known = statistics.median(answer["seconds"] for answer in before), {answer["said"] for answer in before}
    if fault.type in BREAKS:
        hit = [answer for answer in now if answer["said"] not in known]
        felt = f"{len(hit)} of {len(now)} pages did not come as before ({', '.join(sorted({a['said'] for a in hit}))})"
    else:
        least_s = _least_s(fault, max(answer["bytes"] for answer in before))
        if least_s < LEAST_S or was >= least_s:
            return True, "a page through it cannot tell"
        hit = [answer for answer in now if answer["seconds"] >= least_s]
        median = statistics.median(answer["seconds"] for answer in now)
        felt = f"a page took {was * 1000:.0f} ms before and takes {median * 1000:.0f} ms"
    if len(hit) > len(now) / 2 if fault.toxicity == 1 else hit:
        return True, felt
    if (1 - fault.toxicity) ** len(now) > SURE:
        return True, f"{len(now)} pages are too few to meet it"
    return False, f"{len(now)} pages through it came as before: it is not on their way"


def _least_s(fault: Fault, size: int) -> float:
    """What the fault must cost a page of that size, in seconds; 0 where it may cost nothing."""
    asked = fault.attributes
    if fault.type == "latency":
        return min((asked["latency"] - asked["jitter"]) / 1000, TIMEOUT_S) * 0.9
    if fault.type == "bandwidth":
        return min(size / (asked["rate"] * 1000), TIMEOUT_S) * 0.8
    return 0.0


def _ask(url: str) -> Answer:
    parts, began = urlsplit(url), time.monotonic()
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    line = kind(parts.netloc, timeout=TIMEOUT_S)
    try:
        line.request(
            "GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers={"Connection": "close"}
        )
        answer = line.getresponse()
        size = len(answer.read())
        return Answer(time.monotonic() - began, f"HTTP {answer.status}", size)
    except (OSError, http.client.HTTPException) as problem:
        return Answer(time.monotonic() - began, type(problem).__name__)
    finally:
        line.close()
