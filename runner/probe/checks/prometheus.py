"""Prometheus: asks the team's own one query, and takes no answer for more than it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from string import Template
from typing import Any

from runner.checks import due, histogram
from runner.checks.asks import PromQl, Shape
from runner.checks.check import Asked, Measured, NoData
from runner.probe.prometheus import Prometheus

TIMEOUT_S = 5.0


class Reader:
    """Any server: each check names its own. `access` is what lets us in, as of a source of an experiment."""

    def __init__(self, access: Mapping[str, Any]) -> None:
        self._access = access

    def read(self, asks: PromQl, asked: Asked) -> Measured:
        """Raises NoData."""
        return asyncio.run(self._read(asks, asked))

    async def _read(self, asks: PromQl, asked: Asked) -> Measured:
        values = asked.values
        source = Prometheus("the check's Prometheus", values["url"], TIMEOUT_S, self._access)
        query, now = Template(asks.query).substitute(values), time.time()
        try:
            if asks.shape is Shape.BUCKETS:
                found = await source.values(query, now)
                return histogram.quantile({_bound(k): v[-1][1] for k, v in found.items()}, 0.95, asked.limit)
            number = await source.number(query, now)
        finally:
            await source.close()
        if asks.shape is Shape.DONE_AT:
            return due.overdue(due.moment(number), datetime.now(UTC), values)
        return Measured(number)


def _bound(labels: str) -> float:
    try:
        return float(labels.removeprefix("le="))
    except ValueError:
        raise NoData(f"a bucket has the labels {labels or 'none'} instead of le") from None
