"""Actions: what an experiment's file calls to attack Kubernetes objects by Gremlin, with plain `chaos run` too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from runner import clock, errors
from runner.faults.gremlin import service
from runner.faults.gremlin.service import Gremlin

START_S, EVERY_S = 60.0, 1.0
"""How long an attack may take until an agent runs it; how often Gremlin is asked."""

_LENGTH = re.compile(r"-l=?\d*|--length(=.*)?")


def attack(
    command: Sequence[str],
    ns: str,
    name: str,
    kind: str = "DEPLOYMENT",
    length_s: int = 60,
    percentage: int = 100,
    configuration: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Attack one object's pods, as in `command: [latency, -m, "300"]`, and wait until an agent says that it runs.

    `length_s` is how long the agents keep it up, whoever has died. Raises EnvironmentFailure where nothing of that name can be
    attacked, or the attack ends without having run.
    """
    gremlin = Gremlin(service.access(configuration or {}, secrets or {}))
    objects = chosen(gremlin, ns, name, kind)
    if not objects:
        raise errors.EnvironmentFailure(f"Gremlin knows no {kind.lower()} {ns}/{name} that can be attacked")
    guid = gremlin.start(objects, arguments(command, length_s), percentage)
    found = clock.poll_until(
        lambda: (gremlin.ran(guid), gremlin.attack(guid)), START_S, EVERY_S, enough=lambda now: now[0] or now[1].over
    )
    running = found[0] or gremlin.ran(guid)  # it may have begun and ended between two looks
    if not running:
        raise errors.EnvironmentFailure(f"the Gremlin attack {guid} did not run: its stage is {found[1].stage}")
    return {"guid": guid, "running": running}


def arguments(command: Sequence[str], length_s: int) -> list[str]:
    """Gremlin's own command line, with the length that its agents end it after. Raises UsageError where it has one already."""
    kind, *others = map(str, command)
    if given := next((word for word in others if _LENGTH.fullmatch(word)), None):
        raise errors.UsageError(f"the command of a Gremlin attack has {given}: length_s says how long it lasts")
    return [kind, "-l", str(length_s), *others]


def chosen(gremlin: Gremlin, ns: str, name: str, kind: str) -> list[dict[str, Any]]:
    """The objects of that name, kind and namespace."""
    return [
        one
        for one in gremlin.objects()
        if (one.get("namespace"), one["name"], str(one["kind"]).upper()) == (ns, name, kind.upper())
    ]
