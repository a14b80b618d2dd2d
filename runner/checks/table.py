"""Table: every ready check by its name, and what a file says of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.checks import aws, functions, kubernetes, service
from runner.checks.check import Asked, Check, ask

CHECKS: Mapping[str, Check] = {
    check.name: check for check in (*kubernetes.CHECKS, *aws.CHECKS, *functions.CHECKS, *service.CHECKS)
}
"""By name, in the order in which people read them."""


def asked(name: str, arguments: Mapping[str, Any]) -> Asked:
    """A check with what it takes, and its `limit` if another one is wanted. Raises Unfit."""
    return ask(CHECKS[name], {k: v for k, v in arguments.items() if k != "limit"}, arguments.get("limit"))


def nearest(name: str) -> str:
    """What to say of a name that is none."""
    from difflib import get_close_matches

    close = get_close_matches(name.replace("-", "_"), CHECKS, n=1)
    return f"did you mean {close[0]!r}?" if close else "chaos-run checks lists them"
