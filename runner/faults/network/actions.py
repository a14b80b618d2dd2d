"""Actions on the packets of this machine, for a file's `provider: {type: python, module: runner.faults.network.actions}`.

Common arguments: `ports` and `addresses` (of the other side), `direction` (`from` the ports, `to` them, `both`), `namespace` (a named
network namespace), `interface`. Without ports and addresses only what cannot cut the machine off is done. Each ends after `seconds` by
itself, by a process that needs nothing of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner import codec, errors
from runner.faults import detached, identity
from runner.faults.detached import Program
from runner.faults.network import disturbance, means
from runner.faults.network.disturbance import Disturbance

Several = Sequence[Any] | str | int


def lose_packets(
    percent: float,
    seconds: float,
    ports: Several = (),
    addresses: Several = (),
    direction: str = "both",
    namespace: str = "",
    interface: str = "",
) -> dict[str, Any]:
    """Drop a share of the packets that arrive."""
    where = {
        "ports": ports,
        "addresses": addresses,
        "direction": direction,
        "namespace": namespace,
        "interface": interface,
    }
    return _apply("lose_packets", {"percent": percent, "seconds": seconds, **where})


def limit_bandwidth(
    rate_kb_s: float,
    seconds: float,
    interface: str,
    ports: Several = (),
    addresses: Several = (),
    direction: str = "from",
    namespace: str = "",
) -> dict[str, Any]:
    """Let no more than so many kilobytes a second leave by an interface."""
    where = {
        "ports": ports,
        "addresses": addresses,
        "direction": direction,
        "namespace": namespace,
        "interface": interface,
    }
    return _apply("limit_bandwidth", {"rate_kb_s": rate_kb_s, "seconds": seconds, **where})


def delay_packets(
    delay_ms: float,
    seconds: float,
    jitter_ms: float = 0,
    ports: Several = (),
    addresses: Several = (),
    direction: str = "from",
    namespace: str = "",
    interface: str = "",
) -> dict[str, Any]:
    """Hold each packet that leaves for `delay_ms`, more or less `jitter_ms`."""
    where = {
        "ports": ports,
        "addresses": addresses,
        "direction": direction,
        "namespace": namespace,
        "interface": interface,
    }
    return _apply("delay_packets", {"delay_ms": delay_ms, "jitter_ms": jitter_ms, "seconds": seconds, **where})


def restore() -> list[str]:
    """Take away whatever this run has done by these actions, and say what it was: the rollback for plain `chaos run`."""
    noted = [Program.named(name).noted() for name in sorted(detached.of_run(identity.run_id()))]
    found = [codec.decode(Disturbance, note) for note in noted if note.get("packets")]
    return [asked.does for asked in found if means.end(asked)]


def _apply(function: str, given: dict[str, Any]) -> dict[str, Any]:
    asked = disturbance.read(identity.run_id(), function, given)
    means.end(asked)  # what this run itself left, by the same name
    if obstacle := means.of(asked).obstacle(asked):
        raise errors.EnvironmentFailure(obstacle)
    try:
        means.apply(asked)
    except errors.EnvironmentFailure:
        means.end(asked)
        raise
    return {"name": asked.name, "does": asked.does}
