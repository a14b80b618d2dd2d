"""What Docker and the kernel say of the containers under attack: read before, compared during, put back where a killed Pumba left it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from runner import errors
from runner.faults.pumba.attack import DELAY, KILL, LOSS, PAUSE, STRESS, Attack

BUSY_PERCENT = 25.0
"""By so much more processor time has to be used while it is pressed, in percent of one processor."""
_SENT = re.compile(r"qdisc netem .*?Sent \d+ bytes (\d+) pkt", re.DOTALL)
_CHANCE = re.compile(r"--probability ([\d.]+)")
_CHANCE_STEP = 1e-6
"""The kernel counts chance in steps of 2^-31, and shows that one."""
Before = Mapping[str, Any]
"""By container: what is compared with."""


def before(asked: Attack) -> dict[str, Any]:
    """The state of each container; one that is gone has none."""
    found = {name: state for name in asked.containers if (state := _read(asked, name))}
    busy = {name: {"busy": _busy(asked, name)} if asked.kind == STRESS else {} for name in found}
    return {name: state | busy[name] for name, state in found.items()}


def hit(asked: Attack, earlier: Before) -> dict[str, str]:
    """Containers that feel it now, with what was seen."""
    looks = {KILL: _killed, PAUSE: _paused, DELAY: _delayed, LOSS: _lost, STRESS: _pressed}
    found = {name: looks[asked.kind](asked, name, state) for name, state in earlier.items()}
    return {name: sentence for name, sentence in found.items() if sentence}


def left(asked: Attack, earlier: Before) -> Iterator[str]:
    """What of it is still there, a sentence each."""
    for name, state in earlier.items():
        now = _read(asked, name)
        if now is None and asked.kind == KILL and state["running"]:
            yield f"the container {name} is gone, probably started with --rm: start it again as it was started"
        if now is None or now["id"] != state["id"]:
            continue  # another container of that name has nothing of ours
        if asked.kind == KILL and state["running"] and not now["running"]:
            yield f"the container {name} does not run"
        if asked.kind == PAUSE and now["paused"] and not state["paused"]:
            yield f"the container {name} is still paused"
        for rule in _added(asked, now, state):
            yield f"the container {name} still has {rule}"
    for one in asked.docker.made_from(asked.helper):
        yield f"Pumba's helper container {one[:12]} is still there"


def put_back(asked: Attack, earlier: Before) -> bool:
    """Whether there was anything that Pumba had not put back itself."""
    changed = False
    for one in asked.docker.made_from(asked.helper):
        changed = True
        asked.docker.call("rm", "-f", one)
    for name, state in earlier.items():
        now = _read(asked, name)
        if now is None or now["id"] != state["id"]:
            continue
        if asked.kind == KILL and state["running"] and not now["running"]:
            asked.docker.call("start", name)
            changed = True
        if asked.kind == PAUSE and now["paused"] and not state["paused"]:
            asked.docker.call("unpause", name)
            changed = True
        for rule in _added(asked, now, state):
            _remove(asked, name, rule)
            changed = True
    with contextlib.suppress(errors.EnvironmentFailure):  # it may never have had that name
        asked.docker.call("rmi", asked.helper)
    return changed


def _read(asked: Attack, name: str) -> dict[str, Any] | None:
    found = asked.docker.container(name)
    if found is None:
        return None
    state = found["State"]
    return {
        "id": found["Id"],
        "running": state["Running"],
        "paused": state["Paused"],
        "started": state["StartedAt"],
        "rules": _rules(asked, name) if state["Running"] and not state["Paused"] else [],
    }


def _added(asked: Attack, now: Mapping[str, Any], state: Mapping[str, Any]) -> list[str]:
    """Rules that were not there before, and drop by our own chance: another one is somebody else's."""
    new = [rule for rule in now["rules"] if rule not in state["rules"]]
    if asked.kind != LOSS:
        return new  # an interface has one queue at its root
    chances = {rule: float(found[1]) for rule in new if (found := _CHANCE.search(rule))}
    ours = (asked.amount / 100, float(f"{asked.amount / 100:.2f}"))  # Pumba writes two digits
    return [rule for rule, chance in chances.items() if any(abs(chance - one) < _CHANCE_STEP for one in ours)]


def _rules(asked: Attack, name: str) -> list[str]:
    """What an attack of this kind adds to a container's network: netem queues at its interface, rules that drop by chance."""
    if asked.kind == DELAY:
        shown = asked.docker.beside(name, asked.image, "tc", "qdisc", "show", "dev", asked.interface)
        return [line.split(" root")[0].strip() for line in shown.splitlines() if line.startswith("qdisc netem")]
    if asked.kind == LOSS:
        shown = asked.docker.beside(name, asked.image, "iptables", "-S")
        return [line for line in shown.splitlines() if "-m statistic" in line and line.endswith("-j DROP")]
    return []


def _remove(asked: Attack, name: str, rule: str) -> None:
    if asked.kind == DELAY:
        asked.docker.beside(name, asked.image, "tc", "qdisc", "del", "dev", asked.interface, "root", "netem")
    else:
        asked.docker.beside(name, asked.image, "iptables", "-D", *rule.split()[1:])


def _killed(asked: Attack, name: str, state: Mapping[str, Any]) -> str:
    now = asked.docker.container(name)
    if now is None or now["Id"] != state["id"]:
        return f"{name} is gone"
    if not now["State"]["Running"]:
        return f"{name} has ended with exit code {now['State']['ExitCode']}"
    return f"{name} was started anew" if now["State"]["StartedAt"] != state["started"] else ""


def _paused(asked: Attack, name: str, state: Mapping[str, Any]) -> str:
    now = asked.docker.container(name)
    return f"{name} is paused" if now and now["State"]["Paused"] and not state["paused"] else ""


def _delayed(asked: Attack, name: str, state: Mapping[str, Any]) -> str:
    shown = asked.docker.beside(name, asked.image, "tc", "-s", "qdisc", "show", "dev", asked.interface)
    passed = int(found[1]) if (found := _SENT.search(shown)) else 0
    return f"{passed} packets of {name} went through the queue netem" if passed and not state["rules"] else ""


def _lost(asked: Attack, name: str, state: Mapping[str, Any]) -> str:
    shown = asked.docker.beside(name, asked.image, "iptables", "-nvxL", "INPUT")
    dropped = [int(line.split()[0]) for line in shown.splitlines() if " DROP " in line and "statistic" in line]
    lost = sum(dropped) if not state["rules"] else 0
    return f"{lost} packets to {name} were dropped" if lost else ""


def _pressed(asked: Attack, name: str, state: Mapping[str, Any]) -> str:
    busy = _busy(asked, name)
    helpers = asked.docker.made_from(asked.helper)
    if not helpers or busy < state["busy"] + BUSY_PERCENT:
        return ""
    return f"{name} and Pumba's helper use {busy:.0f} % of a processor, before {state['busy']:.0f} %"


def _busy(asked: Attack, name: str) -> float:
    """Of the container and what presses it, wherever Pumba has put that."""
    names = [name, *asked.docker.made_from(asked.helper)]
    shown = asked.docker.call("stats", "--no-stream", "--format", "{{.CPUPerc}}", *names)
    return sum(float(line.rstrip("%")) for line in shown.split() if line.rstrip("%").replace(".", "", 1).isdigit())
