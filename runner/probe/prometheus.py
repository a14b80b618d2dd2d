"""Prometheus: asks its HTTP API, and takes for data only what is beyond doubt; everything else is a reason for "no data"."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import httpx

from runner import units
from runner.checks.check import NoData
from runner.probe.access import client
from runner.slo.counter import Readings
from runner.timeline.mask import Mask


class Prometheus:
    """One server. Nothing is followed, nothing is taken from the environment, and no answer is believed beyond its type."""

    def __init__(
        self, name: str, url: str, timeout_s: float, access: Mapping[str, Any], *, verify: bool = True
    ) -> None:
        """Raises EnvironmentFailure for certificates that cannot be read."""
        self.name = name
        self.url = url.rstrip("/")
        self.timeout_s = timeout_s
        self._mask = Mask(str(value) for value in access.values())
        self._client = client(f"the source {name!r}", access, url, timeout_s, verify=verify)

    async def close(self) -> None:
        await self._client.aclose()

    async def clock_offset_s(self) -> tuple[float, float]:
        """How far its clock is ahead of ours, and the error of that, in seconds: of two questions the quicker. Raises NoData."""
        return min([await self._offset_s() for _ in range(2)], key=lambda found: found[1])

    async def _offset_s(self) -> tuple[float, float]:
        asked = time.time()
        kind, result = await self._ask("time()", None)
        answered = time.time()
        if kind != "scalar":
            raise NoData(f"time() gave a {kind}, not a scalar")
        return float(result[1]) - (asked + answered) / 2, (answered - asked) / 2

    async def readings(self, selector: str, at: float, back_s: float) -> Readings:
        """Every reading of the last `back_s` seconds before `at` (its unix time), as it was scraped. Raises NoData."""
        return await self._series(f"{selector}[{max(1000, round(back_s * 1000))}ms]", at, "matrix")

    async def values(self, expression: str, at: float) -> Readings:
        """What an expression gives at that moment: one value a series. Raises NoData, also where there is none at all."""
        found = await self._series(expression, at, "vector")
        if not found:
            raise NoData("the answer is empty: no series matches")
        return found

    async def number(self, expression: str, at: float) -> float:
        """The one number that an expression gives. Raises NoData."""
        found = [samples[-1][1] for samples in (await self.values(expression, at)).values()]
        if len(found) != 1:
            raise NoData(f"the answer has {len(found)} series instead of one")
        return found[0]

    async def _series(self, query: str, at: float, wanted: str) -> Readings:
        kind, result = await self._ask(query, at)
        if kind == "scalar" and wanted == "vector":
            kind, result = "vector", [{"metric": {}, "value": result}]
        if kind != wanted:
            raise NoData(f"the answer is a {kind}, a {wanted} was expected")
        try:
            rows = [(row["metric"], row["values"] if wanted == "matrix" else [row["value"]]) for row in result]
            read = {_labels(m): [(float(t), float(v)) for t, v in values] for m, values in rows}
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise NoData(f"the answer is not what Prometheus gives ({type(problem).__name__})") from None
        if len(read) != len(rows):
            raise NoData("the answer has the same series twice")
        for value in (value for samples in read.values() for _, value in samples):
            if not math.isfinite(value):
                raise NoData(f"the answer has {'NaN' if math.isnan(value) else 'Inf'} in it")
        return read

    async def _ask(self, query: str, at: float | None) -> tuple[str, Any]:
        form = {"query": query, "timeout": f"{max(1, round(self.timeout_s * 1000))}ms"}
        if at is not None:
            form["time"] = f"{at:.3f}"
        try:
            answer = await self._client.post(f"{self.url}/api/v1/query", data=form)
        except httpx.TimeoutException:
            raise NoData(f"no answer within {units.format_duration(self.timeout_s)}") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as problem:
            raise NoData(f"cannot be reached ({_error_text(problem)})") from None
        try:
            return _checked_answer(answer)
        except NoData as problem:  # a server may well repeat what it was shown
            raise NoData(self._mask.text(str(problem))) from None


def _checked_answer(answer: httpx.Response) -> tuple[str, Any]:
    """The type and the result of an answer without any reservation. Raises NoData."""
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        body = None
    told = str(body.get("error") or "") if isinstance(body, dict) else ""
    if answer.status_code != 200:
        raise NoData(f"it answered HTTP {answer.status_code}" + (f": {told[:200]}" if told else ""))
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
        raise NoData("the answer is not the JSON that Prometheus gives")
    if body.get("status") != "success":
        raise NoData(f"the query failed: {told[:200] or 'without a reason'}")
    if warnings := body.get("warnings"):
        raise NoData(f"the answer came with a warning, it may be partial: {str(warnings)[:200]}")
    return str(body["data"].get("resultType")), body["data"].get("result")


def _labels(metric: Mapping[str, Any]) -> str:
    return ",".join(f"{k}={v}" for k, v in sorted(metric.items()))


def _error_text(problem: Exception) -> str:
    return (str(problem) or type(problem).__name__).splitlines()[0][:160]
