"""The machine that the run is on: programs, HTTP calls and somebody's own code, of which nothing is known beforehand.

Their targets are what their author says; what they start here is found by its processes (see runner/process).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.faults.base import BaseDriver
from runner.faults.driver import Claim, Environment, Provider, Where

OTHERS = (
    "runner",
    "chaosaws",
    "chaosazure",
    "chaosgcp",
    "chaosgremlin",
    "chaosprometheus",
    "chaosreliably",
    "chaostoxi",
)
"""Published packages, and our own faults, that act on systems of their own: neither this machine nor reached by a kubeconfig."""
HARMLESS = ("chaosaddons", "time")
"""Packages that change nothing outside of the run."""
OURS = "runner.faults."
"""Actions of our own fault systems: each acts on its system alone, which its driver names."""


def runs_anything(provider: Provider) -> bool:
    """Whether a provider runs a program or code of which nobody knows what it does: it acts on whatever it can reach."""
    if provider.get("type") == "http" or str(provider.get("module") or "").startswith(OURS):
        return False
    return _package(provider) not in (*OTHERS, *HARMLESS)


def undoes(rollbacks: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the rollbacks of a file could put anything back: a probe only looks, and a pause changes nothing."""
    return any(r.get("type") != "probe" and not _pauses(r.get("provider") or {}) for r in rollbacks)


def _pauses(provider: Provider) -> bool:
    if provider.get("type") == "process":
        return str(provider.get("path")).rpartition("/")[2] == "sleep"
    return provider.get("type") != "http" and _package(provider) in HARMLESS


class Driver(BaseDriver):
    """Asked last: whatever no other driver claims and no published package of another system is."""

    name = "host"
    said = "this machine"

    def claims(self, provider: Provider) -> Claim:
        return Claim.NO if provider.get("type") != "http" and _package(provider) in OTHERS else Claim.YES

    def environment(self, provider: Provider, where: Where) -> Environment:
        return Environment(system=self.name, name="this machine")


def _package(provider: Provider) -> str:
    return str(provider.get("module") or "").partition(".")[0]
