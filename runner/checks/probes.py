"""Probes: a ready check as an experiment calls it: the provider of a Python probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.checks import CHECKS
from runner.checks.check import Check

MODULE = "runner.probe.checks"
"""Whose functions the checks are."""
TOLERANCE = {"type": "regex", "pattern": "^good"}


def of(provider: Mapping[str, Any]) -> Check | None:
    """The check that a provider calls; None where it calls something else."""
    return CHECKS.get(str(provider.get("func"))) if provider.get("module") == MODULE else None
