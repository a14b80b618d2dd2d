"""Reading: asks the reader of a check's source, and says whether what it saw is bad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from runner.checks.check import Answer, Asked, Measured, Source


class Reader(Protocol):
    """Reads every check of one source. What it cannot read raises NoData."""

    def read(self, asks: Any, asked: Asked) -> Measured: ...


def reader(source: Source, secrets: Mapping[str, Any]) -> Reader:
    """Imported when it is wanted: the clients of clusters and clouds take half a second each."""
    from runner.probe.checks import kubernetes

    return {Source.KUBERNETES: kubernetes.Reader}[source](secrets)


def read(asked: Asked, secrets: Mapping[str, Any]) -> Answer:
    """One reading. Raises NoData."""
    found = reader(asked.check.asks.source, secrets).read(asked.check.asks, asked)
    return asked.check.judge(found, asked.limit)
