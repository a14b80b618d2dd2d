"""ChaosEngine: what an action asks Litmus for, read and checked from its arguments, and the object that says so.

The engine's name is the run's own: Litmus writes into the ChaosResult of an engine's name again and again, so that an old result would
be taken for this run's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner import errors
from runner.faults import identity
from runner.faults.cluster_api import Object

BASE = "/apis/litmuschaos.io/v1alpha1"
DURATION = "TOTAL_CHAOS_DURATION"
DEFAULTS: Mapping[str, Any] = {
    "ns": "default",
    "app_label": "",
    "app_kind": "deployment",
    "service_account": "",
    "duration_s": 60,
    "env": None,
    "taken_within_s": 90,
}
"""What an action does not have to say."""
STARTS_S, HELPER_S = 30.0, 10.0
"""What Litmus takes before its fault begins and until it says that it is over; and for each target's turn, with its helper pod."""
KILLS = ("pod-delete",)
"""Faults of which Litmus never says that they were injected: their pods are gone, by UID."""
CORDONS = ("node-drain",)
"""Faults of which nothing stays in a node but that it is cordoned."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One fault of Litmus."""

    fault: str
    """The name of its ChaosExperiment."""
    ns: str
    app_label: str
    """Of the pods; empty for a fault of nodes."""
    app_kind: str
    service_account: str
    duration_s: float
    """After so long the experiment's own pod ends it."""
    env: Mapping[str, str]
    taken_within_s: float

    def engine(self, run: str) -> str:
        """The ChaosEngine's name in this run."""
        what = (self.fault, self.ns, self.app_label, self.app_kind, self.service_account, self.duration_s)
        return identity.name(run, {"of": what, "env": dict(self.env)})

    def over_s(self, candidates: int) -> float:
        """After how many seconds Litmus has ended it, whoever has died: ramp times, the targets' turns and its own work are a part."""
        kills, taken = self.fault in KILLS, self.taken(candidates)
        once_s, turn_s = (
            (self.duration_s, self._seconds("CHAOS_INTERVAL", 10)) if kills else (0.0, self.duration_s + HELPER_S)
        )
        turns = taken if self.env.get("SEQUENCE", "").strip().lower() in ("serial", "random") else 1
        return 2 * self._seconds("RAMP_TIME", 0) + once_s + turns * turn_s + STARTS_S

    def taken(self, candidates: int) -> int:
        """How many of them it strikes: a share, rounded down, and one at least; of a share that Litmus draws, all that it may be."""
        named = [
            name for key in ("TARGET_PODS", "TARGET_NODES") for name in self.env.get(key, "").split(",") if name.strip()
        ]
        if named:
            return len(named)
        share = (self.env.get("PODS_AFFECTED_PERC") or self.env.get("NODES_AFFECTED_PERC") or "0").strip()
        return max(1, min(int(share), 100) * candidates // 100) if share.isdecimal() else candidates

    def _seconds(self, variable: str, otherwise: int) -> int:
        """Whole seconds of a variable, of a range its upper end."""
        found = re.fullmatch(r"(?:\d+-)?\+?(\d+)", self.env.get(variable, "").strip())
        return int(found[1]) if found else otherwise

    @property
    def node(self) -> str:
        """The node that it is for, where it names one."""
        return self.env.get("TARGET_NODE", "")

    def body(self, run: str) -> Object:
        """The object to create."""
        env = {**self.env, DURATION: _text(self.duration_s)}
        experiment = {"components": {"env": [{"name": name, "value": value} for name, value in env.items()]}}
        about = {"appinfo": {"appns": self.ns, "applabel": self.app_label, "appkind": self.app_kind}}
        return {
            "apiVersion": "litmuschaos.io/v1alpha1",
            "kind": "ChaosEngine",
            "metadata": {"name": self.engine(run), "namespace": self.ns, "labels": {identity.LABEL: run}},
            "spec": {
                "engineState": "active",
                "chaosServiceAccount": self.service_account,
                "jobCleanUpPolicy": "retain",  # its logs say why it failed; the undo takes it away
                **(about if self.app_label else {}),
                "experiments": [{"name": self.fault, "spec": experiment}],
            },
        }


def of(given: Mapping[str, Any]) -> Wanted:
    """What an action with these arguments asks for. Raises EnvironmentFailure with what is wrong with them."""
    known = {**DEFAULTS, **given}
    if not known.get("fault"):
        raise _wrong("fault", "has to name a ChaosExperiment, such as pod-delete")
    env = known["env"] or {}
    if not isinstance(env, Mapping):
        raise _wrong("env", "has to map names of variables to their values")
    if DURATION in env:
        raise _wrong("env", f"must not hold {DURATION}: it is `duration_s`")
    fault = str(known["fault"])
    if not known["app_label"] and not fault.startswith("node-"):
        raise _wrong("app_label", f"has to select the pods for {fault}, such as app=cart")
    return Wanted(
        fault=fault,
        ns=str(known["ns"]),
        app_label=str(known["app_label"]),
        app_kind=str(known["app_kind"]),
        service_account=str(known["service_account"] or f"{fault}-sa"),
        duration_s=_seconds("duration_s", known["duration_s"]),
        env={str(name): _text(value) for name, value in env.items()},
        taken_within_s=_seconds("taken_within_s", known["taken_within_s"]),
    )


def path(plural: str, ns: str, name: str = "") -> str:
    """Of Litmus' own objects."""
    return f"{BASE}/namespaces/{ns}/{plural}" + (f"/{name}" if name else "")


def _text(value: Any) -> str:
    """Litmus takes nothing but text, and refuses the rest: 60 as "60", true as "true"."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _seconds(argument: str, given: Any) -> float:
    try:
        found = float(given)
    except (TypeError, ValueError):
        found = 0.0
    if not found > 0:
        raise _wrong(argument, f"has to be a number of seconds, not {given!r}")
    return found


def _wrong(argument: str, why: str) -> errors.EnvironmentFailure:
    return errors.EnvironmentFailure(f"run_fault: {argument} {why}")
