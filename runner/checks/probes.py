"""Probes: a ready check as an experiment calls it: the provider of a Python probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.checks.check import Check

MODULE = "runner.probe.checks"
"""Whose functions the checks are."""
TOLERANCE = {"type": "regex", "pattern": "^good"}


def of(provider: Mapping[str, Any]) -> Check | None:
    """The check that a provider calls; None where it calls something else."""
    if provider.get("module") != MODULE:
        return None
    from runner.checks.table import CHECKS  # for nobody else

    return CHECKS.get(str(provider.get("func")))
