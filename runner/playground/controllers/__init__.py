"""The controllers: each looks at the whole store and makes one thing true; they take turns until nothing changes any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from runner.playground import refusal, store
from runner.playground.controllers import (
    daemons,
    deployments,
    disruption,
    endpoints,
    garbage,
    namespaces,
    nodes,
    replicas,
    scheduler,
    stateful,
)

CONTROLLERS: tuple[Callable[[store.ObjectStore], None], ...] = (
    namespaces.sync,
    nodes.sync,
    garbage.sync,
    deployments.sync,
    replicas.sync,
    stateful.sync,
    daemons.sync,
    scheduler.sync,
    endpoints.sync,
    disruption.sync,
)

ROUNDS = 20
"""Turns at most in one go: what needs more waits for the next change."""


def run_controllers(held: store.ObjectStore) -> None:
    """Let every controller take its turn until the store is still."""
    for _ in range(ROUNDS):
        before = held.version
        for controller in CONTROLLERS:
            try:
                controller(held)
            except refusal.Refusal as problem:  # a write that was overtaken: the next turn sees the new state
                logging.getLogger(__name__).info("%s: %s", controller.__module__, problem)
            except (
                LookupError,
                TypeError,
                ValueError,
            ):  # an object our rules should have refused must not end the others
                logging.getLogger(__name__).exception("%s: it will try again", controller.__module__)
        if held.version == before:
            return


async def run(held: store.ObjectStore) -> None:
    """Settle after each change, and twice a second for what only time changes."""
    changed = asyncio.Event()
    held.listeners.add(lambda change: changed.set())
    while True:
        changed.clear()
        run_controllers(held)
        try:
            async with asyncio.timeout(0.5):
                await changed.wait()
        except TimeoutError:
            continue
        await asyncio.sleep(0.002)  # changes come in groups
