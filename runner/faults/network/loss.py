"""Loss by nft, in a table of its own: packets are dropped where they arrive, for a drop where they leave is told to the sender.

(A sender that hears of it tries again at once, and nothing is lost.)
"""

from __future__ import annotations

import json
from typing import Any

from runner.faults.network import commands
from runner.faults.network.disturbance import Disturbance

PROGRAMS = ("nft",)
OF = 10_000


def apply(asked: Disturbance) -> None:
    commands.run(["nft", "-f", "-"], namespace=asked.packets.namespace, text=_table(asked))


def remove(asked: Disturbance) -> bool:
    if not left(asked):
        return False
    for command in removal(asked):
        commands.run(command, namespace=asked.packets.namespace)
    return True


def removal(asked: Disturbance) -> list[list[str]]:
    return [["nft", "delete", "table", "inet", asked.name]]


def left(asked: Disturbance) -> list[str]:
    listed = json.loads(commands.run(["nft", "-j", "list", "tables"], namespace=asked.packets.namespace) or "{}")
    tables = [entry["table"]["name"] for entry in listed.get("nftables", ()) if "table" in entry]
    return [f"the nft table inet {asked.name} is still there"] if asked.name in tables else []


def look(asked: Disturbance) -> tuple[bool, str]:
    listed = commands.said(
        ["nft", "-j", "list", "counters", "table", "inet", asked.name], namespace=asked.packets.namespace
    )
    if not listed:
        return False, f"there is no nft table {asked.name}"
    found: dict[str, Any] = {
        c["counter"]["name"]: c["counter"] for c in json.loads(listed)["nftables"] if "counter" in c
    }
    matched, lost = found["matched"]["packets"], found["lost"]["packets"]
    if not matched:
        return False, f"no packet has arrived yet: {asked.packets}"
    return lost > 0, f"{lost} of {matched} packets were lost ({lost / matched:.1%}): {asked.packets}"


def obstacle(asked: Disturbance) -> str:
    return ""


def _table(asked: Disturbance) -> str:
    rules = "\n".join(f"    {rule} jump lossy" for rule in _rules(asked))
    return f"""table inet {asked.name} {{
  counter matched {{}}
  counter lost {{}}
  chain arriving {{
    type filter hook prerouting priority raw; policy accept;
{rules}
  }}
  chain lossy {{
    counter name "matched"
    {_chance(asked)}counter name "lost" drop
  }}
}}
"""


def _chance(asked: Disturbance) -> str:
    """For each packet anew; nothing where all are lost."""
    part = round(asked.amount / 100 * OF)
    return f"numgen random mod {OF} < {part} " if part < OF else ""


def _rules(asked: Disturbance) -> list[str]:
    """One for each side of the ports and each version of the addresses."""
    packets = asked.packets
    came = [f'iifname "{packets.interface}"'] if packets.interface else []
    ports = [f"th {field} {{ {', '.join(map(str, packets.ports))} }}" for field in packets.fields] or [""]
    words = {4: "ip", 6: "ip6"}
    others = [f"{words[f]} saddr {{ {', '.join(packets.of(f))} }}" for f in packets.families if packets.addresses]
    return [" ".join(filter(None, (*came, port, other))) for port in ports for other in others or [""]]
