"""Effect: what can be seen of a fault that Litmus runs. Its verdict is none: with no probes of its own it says Pass when its steps ran."""

from __future__ import annotations

from runner.faults.driver import Evidence, FaultTarget
from runner.faults.litmus.engines import Engine, Engines


def seen(engines: Engines, engine: Engine, before: FaultTarget) -> Evidence:
    """Pods that it deletes are gone by their UID; of the rest Litmus marks target by target what it has changed."""
    found = engines.account(engine)
    if found.engine is None and found.result is None:
        return Evidence(confirmed=False, sentence=f"the {engine.said} is not there")
    if found.trouble:
        return Evidence(confirmed=False, sentence=f"the {engine.said} says: {found.trouble}")
    if before.kind == "killed":
        return _gone(engines, engine)
    marked = found.marked("injected", "reverted")
    hit = tuple(t for t in before.targets if _short(t) in marked)
    words = ", ".join(marked) or f"none so far ({found.experiment or found.status or 'no operator has looked at it'})"
    return Evidence(confirmed=bool(hit), sentence=f"Litmus marks as injected: {words}", targets=hit)


def _gone(engines: Engines, engine: Engine) -> Evidence:
    """Litmus never says of a deleted pod that it was injected."""
    was = engine.uids
    now = engines.uids(engine.ns, was)
    gone = tuple(f"pod/{engine.ns}/{name}" for name, uid in was.items() if now.get(name) != uid)
    sentence = f"{len(gone)} of {len(was)} pods are gone by their UID: {', '.join(gone) or 'none'}"
    return Evidence(confirmed=bool(gone), sentence=sentence, targets=gone)


def _short(target: str) -> str:
    """As Litmus writes it, without the namespace."""
    kind, _, rest = target.partition("/")
    return f"{kind}/{rest.rpartition('/')[2]}"
