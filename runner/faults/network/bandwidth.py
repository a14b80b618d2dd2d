"""Bandwidth by tc: a queue of its own (htb) at an interface, with one class that has a rate, and filters (u32) that lead into it.

All that no filter leads there leaves as before. The queue is known again by its handle, a number from the fault's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from runner.faults.network import commands
from runner.faults.network.disturbance import Disturbance

PROGRAMS = ("tc",)
KERNELS_OWN = "0:"
"""The handle of a queue that nobody has set up."""
_SENT = re.compile(r"Sent (\d+) bytes (\d+) pkt \(dropped (\d+), overlimits (\d+)")


def apply(asked: Disturbance) -> None:
    device, handle = asked.packets.interface, _handle(asked)
    tc = ["tc", "qdisc", "add", "dev", device, "root", "handle", handle, "htb", "default", "0"]
    commands.run(tc, namespace=asked.packets.namespace)
    rate = ["rate", f"{asked.amount * 8:g}kbit", "burst", "16k", "cburst", "16k"]
    group = ["tc", "class", "add", "dev", device, "parent", handle, "classid", f"{handle}10", "htb"]
    commands.run([*group, *rate], namespace=asked.packets.namespace)
    for matched in _filters(asked):
        tc = ["tc", "filter", "add", "dev", device, "parent", handle, *matched, "flowid", f"{handle}10"]
        commands.run(tc, namespace=asked.packets.namespace)


def remove(asked: Disturbance) -> bool:
    if not left(asked):
        return False
    for command in removal(asked):
        commands.run(command, namespace=asked.packets.namespace)
    return True


def removal(asked: Disturbance) -> list[list[str]]:
    """The kernel takes away no queue of another handle."""
    return [["tc", "qdisc", "del", "dev", asked.packets.interface, "root", "handle", _handle(asked), "htb"]]


def left(asked: Disturbance) -> list[str]:
    ours = _root(asked).get("handle") == _handle(asked)
    return [f"the queue htb {_handle(asked)} is still at {asked.packets.interface}"] if ours else []


def look(asked: Disturbance) -> tuple[bool, str]:
    show = ["tc", "-s", "class", "show", "dev", asked.packets.interface, "classid", f"{_handle(asked)}10"]
    found = _SENT.search(commands.said(show, namespace=asked.packets.namespace))
    if not found or not left(asked):
        return False, f"there is no queue {_handle(asked)} at {asked.packets.interface}"
    size, packets, dropped, waited = map(int, found.groups())
    if not packets:
        return False, f"no packet has passed yet: {asked.packets}"
    sentence = (
        f"{packets} packets ({size // 1000} kB) passed at {asked.amount:g} KB/s, it held them back {waited} times"
    )
    return waited > 0, f"{sentence}, {dropped} were dropped: {asked.packets}"


def obstacle(asked: Disturbance) -> str:
    found = _root(asked)
    if found.get("handle", KERNELS_OWN) in (KERNELS_OWN, _handle(asked)):
        return ""
    return f"somebody has set up a queue ({found['kind']} {found['handle']}) at {asked.packets.interface}, which is not touched"


def _root(asked: Disturbance) -> Mapping[str, Any]:
    """The queue at the interface; nothing where there is no such interface."""
    device = asked.packets.interface
    if not commands.works(["ip", "link", "show", "dev", device], namespace=asked.packets.namespace):
        return {}
    shown = commands.run(["tc", "-j", "qdisc", "show", "dev", device, "root"], namespace=asked.packets.namespace)
    found: list[dict[str, Any]] = json.loads(shown or "[]")
    return found[0] if found else {}


def _handle(asked: Disturbance) -> str:
    return f"{0x4000 + asked.number:x}:"


def _filters(asked: Disturbance) -> list[list[str]]:
    """One for each port, address and version."""
    packets, found = asked.packets, list[list[str]]()
    ports = [(field, port) for field in packets.fields for port in packets.ports] or [("", 0)]
    for family in packets.families:
        word, protocol = {4: ("ip", "ip"), 6: ("ip6", "ipv6")}[family]
        for field, port in ports:
            for address in packets.of(family) or [""]:
                match = ["match", word, field, str(port), "0xffff"] if field else []
                match += ["match", word, "dst", address] if address else []
                match = match or ["match", "u32", "0", "0"]
                found.append(["protocol", protocol, "prio", str(family), "u32", *match])
    return found
