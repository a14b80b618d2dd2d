"""Asks: what a check reads from each kind of source, as values; how it is read is the reader's business (`runner/probe/checks/`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from runner.checks.check import Parameter, Source
from runner.checks.objects import Measure

NAMESPACE = Parameter("namespace", "one namespace; without it, all that may be seen")
LABELS = Parameter("labels", "label selector: app=shop,tier!=batch")


@dataclass(frozen=True, kw_only=True)
class Kubernetes:
    """Lists of objects, and what is measured in them."""

    source: ClassVar[Source] = Source.KUBERNETES

    lists: tuple[str, ...]
    """Plural names, as the reader knows their paths."""
    measure: Measure
    takes: tuple[Parameter, ...] = (NAMESPACE, LABELS)

    @property
    def reads(self) -> str:
        return f"Kubernetes API: {', '.join(self.lists)}"
