"""The ready checks as probes of Chaos Toolkit, one function a check, for plain `chaos run` too.

    provider: {type: python, module: runner.probe.checks, func: pods_crash_looping, arguments: {namespace: shop}}
    tolerance: {type: regex, pattern: "^good"}

Each answers with a sentence that begins with good or bad and has the numbers. What cannot be read is an error: it is never good.
Every function takes what its check takes, and `limit` besides; so both validators find a wrong argument before anything runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from runner.checks import check
from runner.checks.check import Check
from runner.checks.table import CHECKS


def _function(of: Check) -> Callable[..., str]:
    def probe(
        *,
        limit: object = None,
        secrets: Mapping[str, Any] | None = None,
        configuration: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> str:
        from runner.probe.checks import reading

        return reading.read(check.ask(of, values, limit), secrets or {}, configuration or {}).sentence

    given = [(p.name, inspect.Parameter.empty if p.required else p.default) for p in of.asks.takes]
    named = [*given, ("limit", None), ("secrets", None), ("configuration", None)]
    kind = inspect.Parameter.KEYWORD_ONLY
    probe.__signature__ = inspect.Signature([inspect.Parameter(n, kind, default=d) for n, d in named])  # type: ignore[attr-defined]
    probe.__name__ = probe.__qualname__ = of.name
    probe.__module__ = __name__
    probe.__doc__ = f"{of.what.capitalize()}: {of.level} {of.condition}."
    return probe


globals().update({name: _function(found) for name, found in CHECKS.items()})
__all__ = list(CHECKS)
