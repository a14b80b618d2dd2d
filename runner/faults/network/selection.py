"""Selection: which packets a fault strikes, and what it must not strike: all that keeps the machine within reach."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import errors
from runner.faults.network import commands

DIRECTIONS = ("from", "to", "both")
WIDE = {4: 8, 6: 16}
"""A range of addresses with a shorter prefix is no restriction."""
LOOPBACK = "lo"
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
Family = int
"""4 or 6."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Packets by port and by the address of the other side."""

    ports: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()
    """Of the other side: whom the packets go to, or come from."""
    direction: str = "both"
    """`from` the ports (answers of a service), `to` them (requests), or `both`."""
    namespace: str = ""
    """A named network namespace; empty for the machine's own."""
    interface: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """The ports that have to match, one after the other; none where any port will do."""
        sides = {"from": ("sport",), "to": ("dport",), "both": ("dport", "sport")}
        return sides[self.direction] if self.ports else ()

    @property
    def families(self) -> tuple[Family, ...]:
        """The versions of the protocol that the addresses are of; both where any address will do."""
        return tuple(sorted({ipaddress.ip_network(a).version for a in self.addresses})) or (4, 6)

    def of(self, family: Family) -> list[str]:
        """The addresses of one version."""
        return [a for a in self.addresses if ipaddress.ip_network(a).version == family]

    def __str__(self) -> str:
        ends = {"from": "from port", "to": "to port", "both": "of port"}
        parts = [f"{ends[self.direction]} {', '.join(map(str, self.ports))}" if self.ports else ""]
        parts += [f"with {', '.join(self.addresses)}" if self.addresses else ""]
        parts += [f"on {self.interface}" if self.interface else ""]
        parts += [f"in the network namespace {self.namespace}" if self.namespace else ""]
        return " ".join(filter(None, parts)) or "all packets"


def read(given: Mapping[str, Any]) -> Selection:
    """From an action's arguments. Raises EnvironmentFailure for what is wrong, not there, or would cut the machine off."""
    found = Selection(
        ports=tuple(map(_port, _listed(given.get("ports")))),
        addresses=tuple(map(_network, _listed(given.get("addresses")))),
        direction=str(given.get("direction") or "both"),
        namespace=_named("namespace", given.get("namespace")),
        interface=_named("interface", given.get("interface")),
    )
    if found.direction not in DIRECTIONS:
        raise errors.EnvironmentFailure(f"direction has to be {', '.join(DIRECTIONS)}, not {found.direction!r}")
    if found.namespace and not commands.namespace_path(found.namespace).exists():
        raise errors.EnvironmentFailure(f"there is no network namespace {found.namespace!r} on this machine")
    if found.interface and not _has_interface(found):
        raise errors.EnvironmentFailure(f"there is no network interface {found.interface!r} there")
    if reason := cuts_off(found):
        raise errors.EnvironmentFailure(reason)
    return found


def cuts_off(found: Selection) -> str:
    """Why it would cut the machine off; empty where it would not."""
    narrow = any(ipaddress.ip_network(a).prefixlen >= WIDE[ipaddress.ip_network(a).version] for a in found.addresses)
    all_narrow = narrow and not [
        a for a in found.addresses if ipaddress.ip_network(a).prefixlen < WIDE[ipaddress.ip_network(a).version]
    ]
    if found.namespace or found.ports or all_narrow:
        return ""
    if found.interface and found.interface not in {LOOPBACK, *_default_interfaces()}:
        return ""
    where = found.interface or "every interface"
    return f"without ports or addresses this would cut the machine off on {where}: say ports, addresses or a namespace"


def _default_interfaces() -> set[str]:
    """Those that lead to everybody else."""
    routes = list[Mapping[str, Any]]()
    for version in ("-4", "-6"):
        routes += json.loads(commands.said(["ip", version, "-j", "route", "show", "default"]) or "[]")
    return {str(route.get("dev")) for route in routes}


def _has_interface(found: Selection) -> bool:
    if not found.namespace:
        return Path("/sys/class/net", found.interface).exists()
    return commands.works(["ip", "link", "show", "dev", found.interface], namespace=found.namespace)


def _listed(value: Any) -> Iterable[Any]:
    """A list, one value, or several in a text."""
    if value in (None, ""):
        return []
    return value if isinstance(value, list | tuple) else str(value).replace(",", " ").split()


def _port(value: Any) -> int:
    try:
        port = int(value)
    except (TypeError, ValueError):
        raise errors.EnvironmentFailure(f"ports has to be a list of numbers, and {value!r} is none") from None
    if not 0 < port < 65536:
        raise errors.EnvironmentFailure(f"{port} is no port")
    return port


def _network(value: Any) -> str:
    try:
        return str(ipaddress.ip_network(str(value), strict=False))
    except ValueError:
        raise errors.EnvironmentFailure(f"{value!r} is no address: write for example 10.0.0.7 or 10.0.0.0/24") from None


def _named(what: str, value: Any) -> str:
    name = str(value or "")
    if name and (not _NAME.fullmatch(name) or name in (".", "..")):
        raise errors.EnvironmentFailure(f"{name!r} is no name of a network {what}")
    return name
