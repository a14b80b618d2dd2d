"""Litmus' time: how long an engine needs until its fault has run, which is more than the duration that it states."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.conversion.fields import Field

STARTS_S = 30.0
"""From an experiment that runs to its fault, and from the fault's end to Litmus' word that it is over."""
HELPER_S = 10.0
"""What one target's turn takes beside its duration: its helper pod is made, waited for and taken away."""
INTERVAL_S = 10.0
"""Litmus' own CHAOS_INTERVAL."""
KILLS = ("pod-delete",)
"""Their duration is that of all rounds together; a turn is one kill with its interval."""
LISTS = ("TARGET_PODS", "TARGET_NODES")
SHARES = ("PODS_AFFECTED_PERC", "NODES_AFFECTED_PERC")


def needed_s(fault: str, env: Mapping[str, Field], duration_s: float) -> float:
    """Ramp time before and after, the duration, one after the other where the targets have turns, and what Litmus takes itself."""
    kills = fault in KILLS
    once_s, turn_s = (duration_s, _interval_s(env)) if kills else (0.0, duration_s + HELPER_S)
    return 2 * _ramp_s(env) + once_s + _turns(env, turn_s) * turn_s + STARTS_S


def _ramp_s(env: Mapping[str, Field]) -> int:
    text = _text(env, "RAMP_TIME")
    if not text or re.fullmatch(r"\+?\d+", text):
        return int(text or 0)
    env["RAMP_TIME"].change("no whole number of seconds: Litmus takes it for 0, and the pause has no room for it")
    return 0


def _interval_s(env: Mapping[str, Field]) -> float:
    """Of a range its upper end."""
    found = re.findall(r"\d+", _text(env, "CHAOS_INTERVAL"))
    return float(found[-1]) if found else INTERVAL_S


def _turns(env: Mapping[str, Field], turn_s: float) -> int:
    """How many targets have turns: without serial all have the same. Where the file does not say how many, one, and told."""
    if _text(env, "SEQUENCE").lower() not in ("serial", "random"):
        return 1
    for key in LISTS:
        if named := [name for name in _text(env, key).split(",") if name.strip()]:
            return len(named)
    shares = [key for key in SHARES if _text(env, key) not in ("", "0")]
    if shares:
        env["SEQUENCE"].change(
            f"one target after the other takes {turn_s:g} s each, and how many {shares[0]} takes is not in the file: "
            "the pause has room for one; add as much for every further one, or the fault is stopped before its end"
        )
    return 1


def _text(env: Mapping[str, Field], name: str) -> str:
    found = env.get(name)
    return str(found.value).strip() if found else ""
