"""Reading: asks the reader of a check's source, and says whether what it saw is bad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from runner.checks.check import Answer, Asked, Measured, Source
from runner.probe.checks import aws, file, kubernetes, prometheus, web


class Reader(Protocol):
    """Reads every check of one source. What it cannot read raises NoData."""

    def read(self, asks: Any, asked: Asked) -> Measured: ...


def reader(source: Source, secrets: Mapping[str, Any], configuration: Mapping[str, Any]) -> Reader:
    """Their clients are imported when they are wanted: those of clusters and clouds take half a second each."""
    if source is Source.KUBERNETES:
        return kubernetes.Reader(secrets)
    if source is Source.AWS:
        return aws.Reader(secrets, configuration)
    if source is Source.PROMETHEUS:
        return prometheus.Reader(secrets)
    return web.Reader() if source is Source.WEB else file.Reader()


def read(asked: Asked, secrets: Mapping[str, Any], configuration: Mapping[str, Any]) -> Answer:
    """One reading. Raises NoData."""
    found = reader(asked.check.asks.source, secrets, configuration).read(asked.check.asks, asked)
    return asked.check.judge(found, asked.limit)
