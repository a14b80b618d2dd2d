"""The ready checks: what an operations guide watches, as one table."""

from __future__ import annotations

from collections.abc import Mapping

from runner.checks import aws, functions, kubernetes, service
from runner.checks.check import Check

CHECKS: Mapping[str, Check] = {
    check.name: check for check in (*kubernetes.CHECKS, *aws.CHECKS, *functions.CHECKS, *service.CHECKS)
}
"""By name, in the order in which people read them."""
