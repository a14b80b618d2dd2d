"""Latency by NFQUEUE: packets that leave wait in a queue of the kernel until our process lets them go.

`--queue-bypass` is the dead man's switch: without the process every packet passes at once, so nobody's death leaves a delay behind.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from runner import clock
from runner.faults.network import commands
from runner.faults.network.disturbance import Disturbance
from runner.faults.network.selection import Family

PROGRAMS = ("iptables", "ip6tables", "iptables-save", "ip6tables-save")
QUEUES = "/proc/net/netfilter/nfnetlink_queue"
"""A line for each queue with a listener: number, its port, waiting, copy mode, copy range, dropped, dropped, packets so far, 1."""
TABLE = "mangle"
CHAIN = "POSTROUTING"
LOOK_S = 0.5
_WORDS: Mapping[Family, str] = {4: "iptables", 6: "ip6tables"}


def apply(asked: Disturbance) -> None:
    for family in asked.packets.families:
        for rule in _rules(asked, family):
            commands.run(_call(family, "-I", rule), namespace=asked.packets.namespace)


def remove(asked: Disturbance) -> bool:
    found = _ours(asked)
    for family, rule in found:
        commands.run(_call(family, "-D", rule), namespace=asked.packets.namespace)
    return bool(found)


def removal(asked: Disturbance) -> list[list[str]]:
    return [_call(family, "-D", rule) for family in asked.packets.families for rule in _rules(asked, family)]


def left(asked: Disturbance) -> list[str]:
    return [f"the rule {' '.join(rule)} of {_WORDS[family]} is still there" for family, rule in _ours(asked)]


def look(asked: Disturbance) -> tuple[bool, str]:
    """A packet that waits is seen: it cannot be there without the delay."""
    most, passed, listened = 0, 0, False

    def sample() -> int:
        nonlocal most, passed, listened
        line = _queue(asked)
        if line:
            listened, most, passed = True, max(most, int(line[2])), int(line[7])
        return most

    clock.poll_until(sample, LOOK_S, 0.01)
    if not listened:
        return False, f"nobody listens at the queue {asked.number}: every packet passes at once"
    if not passed:
        return False, f"no packet has passed yet: {asked.packets}"
    return (
        most > 0,
        f"{passed} packets went through the queue {asked.number}, {most} of them waited at a time: {asked.packets}",
    )


def obstacle(asked: Disturbance) -> str:
    return f"the queue {asked.number} is taken by another program" if _queue(asked) else ""


def listens(asked: Disturbance) -> bool:
    """Whether our process holds the queue."""
    return bool(_queue(asked))


def _queue(asked: Disturbance) -> list[str]:
    lines = commands.said(["cat", QUEUES], namespace=asked.packets.namespace).splitlines()
    return next((line.split() for line in lines if line.split()[:1] == [str(asked.number)]), [])


def _rules(asked: Disturbance, family: Family) -> list[list[str]]:
    packets, found = asked.packets, list[list[str]]()
    out = ["-o", packets.interface] if packets.interface else []
    sides = [(protocol, field) for protocol in ("tcp", "udp") for field in packets.fields] or [("", "")]
    for protocol, field in sides:
        for address in packets.of(family) or [""]:
            ports = (
                ["-p", protocol, "-m", "multiport", f"--{field}s", ",".join(map(str, packets.ports))] if field else []
            )
            where = ["-d", address] if address else []
            jump = ["-j", "NFQUEUE", "--queue-num", str(asked.number), "--queue-bypass"]
            found.append([CHAIN, *where, *out, *ports, "-m", "comment", "--comment", asked.name, *jump])
    return found


def _ours(asked: Disturbance) -> list[tuple[Family, list[str]]]:
    """The rules with our comment, as iptables prints them."""
    found = list[tuple[Family, list[str]]]()
    for family in asked.packets.families:
        saved = commands.run([f"{_WORDS[family]}-save", "-t", TABLE], namespace=asked.packets.namespace)
        rules = [shlex.split(line)[1:] for line in saved.splitlines() if line.startswith(f"-A {CHAIN} ")]
        found += [(family, rule) for rule in rules if _comment(rule) == asked.name]
    return found


def _comment(rule: list[str]) -> str:
    return rule[rule.index("--comment") + 1] if "--comment" in rule else ""


def _call(family: Family, what: str, rule: list[str]) -> list[str]:
    return [_WORDS[family], "-w", commands.LOCK_S, "-t", TABLE, what, *rule]
