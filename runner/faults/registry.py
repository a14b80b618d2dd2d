"""Registry: which driver claims an activity, and which plays an undo record. Built-in drivers by name, others by entry point."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from runner.faults.driver import Claim, Driver, Environment, Handing, Provider, Where
from runner.rundir.ledger import ROLLBACK

GROUP = "chaos_run.faults"
"""Entry points of this group add drivers: a callable without arguments that gives a Driver."""
BUILT_IN = (
    "chaos_mesh.driver",
    "istio.driver",
    "litmus.driver",
    "kubernetes.driver",
    "alertmanager.driver",
    "aws_fis.driver",
    "aws.driver",
    "gremlin.driver",
    "toxiproxy.driver",
    "postgresql.driver",
    "stress_ng.driver",
    "network.driver",
    "pumba.driver",
)
"""In the order in which they are asked: a system that lives inside another (Chaos Mesh in a cluster) before that one."""
WIDE = ("kubernetes.driver", "aws.driver", "toxiproxy.driver", "postgresql.driver")
"""Those that claim more than the actions of their own folder, or hand runs a way in. The others are imported when they are needed."""
LAST = "host"
"""It claims what nobody else does."""


@cache
def named(module: str) -> Driver:
    """One built-in driver."""
    found: Driver = import_module(f"runner.faults.{module}").Driver()
    return found


@cache
def plugged() -> tuple[Driver, ...]:
    """The drivers that installed packages bring; looking for them takes 20 ms, so only what nobody built in claims is a reason to."""
    from importlib.metadata import entry_points

    return tuple(point.load()() for point in entry_points(group=GROUP))


def _asked(providers: Iterable[Provider]) -> list[Driver]:
    """The built-in drivers that could claim one of these activities, in their order."""
    modules = [str(provider.get("module") or "").split(".") for provider in providers]
    own = {f"{parts[2]}.driver" for parts in modules if parts[:2] == ["runner", "faults"] and len(parts) > 2}
    return [named(name) for name in BUILT_IN if name in WIDE or name in own]


def claiming(provider: Provider) -> Driver | None:
    """The driver on whose system an activity acts; None where nobody knows it."""
    package = str(provider.get("module") or "").partition(".")[0]
    foreign = bool(package) and package not in (*sys.stdlib_module_names, "runner")
    return next(
        (
            driver
            for candidates in (
                lambda: _asked([provider]),
                lambda: plugged() if foreign else (),
                lambda: [named(LAST)],
            )
            for driver in candidates()
            if driver.claims(provider) is Claim.YES
        ),
        None,
    )


def reached(providers: Iterable[Provider]) -> list[Driver]:
    """The drivers whose systems any of these activities could act on."""
    providers = [*providers]
    known = [driver for provider in providers if (driver := claiming(provider))]
    return [d for d in dict.fromkeys((*_asked(providers), *known)) if any(d.claims(p) for p in providers)]


def knows_any(providers: Iterable[Provider]) -> bool:
    """Whether a driver acts on a system for any of these activities, so that it may know their targets: the host's knows none."""
    return any(claiming(provider) not in (None, named(LAST)) for provider in providers)


def by_name(name: str) -> Driver | None:
    """The driver of that name, if it is installed."""
    if name == LAST:
        return named(LAST)
    folder = f"{name.replace('-', '_')}.driver"
    if folder in BUILT_IN:
        return named(folder)
    return next((driver for driver in plugged() if driver.name == name), None)


def outlives_target(kind: str) -> bool:
    """Whether what such an undo record puts back is still there when the target that was started for the run is gone."""
    driver = playing(kind)
    return driver is not None and not driver.ends_with_target


def playing(kind: str) -> Driver | None:
    """The driver that plays a kind of undo records; none plays the file's own rollbacks."""
    if kind == ROLLBACK:
        return None
    # Its driver has most likely been imported: it resolved the action, or made what is to be ended.
    for driver in map(named, sorted(BUILT_IN, key=lambda name: f"runner.faults.{name}" not in sys.modules)):
        if kind in driver.undoes:
            return driver
    return next((driver for driver in plugged() if kind in driver.undoes), None)


def imports(kinds: Iterable[str]) -> list[str]:
    """The modules that the undo of these kinds of undo records needs."""
    playing_them = dict.fromkeys(driver for kind in kinds if (driver := playing(kind)))
    return [module for driver in playing_them for module in driver.imports]


def environment(provider: Provider, where: Where) -> Environment:
    """Which environment an activity would strike; without a system's name where no driver claims it."""
    if driver := claiming(provider):
        return driver.environment(provider, where)
    return Environment(system="", name=str(provider.get("module") or "").partition(".")[0])


def environment_of(handed: Mapping[str, str]) -> dict[str, str]:
    """This process' environment with what a run was handed in the place of all that would lead to other systems."""
    found = dict(os.environ)
    for driver in _handing():
        found = driver.environment_of(handed, found)
    return found


def renew(folder: Path, handed: Mapping[str, str]) -> None:
    """The ways into its systems that a run was handed, as they are now."""
    for driver in _handing():
        driver.renew(folder, handed)


def forget(folder: Path) -> None:
    """Take them away."""
    for driver in _handing():
        driver.forget(folder)


def _handing() -> list[Handing]:
    candidates: list[object] = [*map(named, WIDE)]
    return [driver for driver in candidates if isinstance(driver, Handing)]
