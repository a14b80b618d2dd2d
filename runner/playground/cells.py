"""The words in the cells of a table: ages, a pod's status, an event's line."""

from __future__ import annotations

from typing import Any

from runner.playground import conditions, kinds, selection


def name(found: kinds.Object) -> str:
    return str(found["metadata"]["name"])


def age_cell(found: kinds.Object) -> str:
    """Time since creation, as kubectl writes it."""
    return since(found["metadata"].get("creationTimestamp"))


def since(at: str | None) -> str:
    """`8s`, `4m2s`, `12m`, `3h20m`, `2d3h`, `10d`; `<unknown>` without a time."""
    if not at:
        return "<unknown>"
    seconds = max(0, int(conditions.age_s(at)))
    for limit, big, small, unit, minor in (
        (600, 60, 1, "m", "s"), (3 * 3600, 60, 0, "m", ""), (8 * 3600, 3600, 60, "h", "m"), (48 * 3600, 3600, 0, "h", ""),
        (192 * 3600, 86400, 3600, "d", "h"), (730 * 86400, 86400, 0, "d", ""),
    ):  # fmt: skip
        if seconds < 120:
            return f"{seconds}s"
        if seconds < limit:
            rest = seconds % big // small if small else 0
            return f"{seconds // big}{unit}" + (f"{rest}{minor}" if rest else "")
    return f"{seconds // (365 * 86400)}y"


def some(values: list[str], none: str, most: int = 3) -> str:
    """The first few and how many more."""
    more = f" + {len(values) - most} more..." if len(values) > most else ""
    return (",".join(values[:most]) or none) + more


def template(found: kinds.Object) -> list[str]:
    """Names and images of a template's containers."""
    containers = found["spec"]["template"]["spec"].get("containers") or ()
    return [",".join(c["name"] for c in containers), ",".join(c["image"] for c in containers)]


def selector(found: kinds.Object) -> str:
    return selected(found["spec"].get("selector"))


def selected(chosen: dict[str, Any] | None) -> str:
    return selection.as_text(chosen)


def pod(found: kinds.Object) -> list[Any]:
    """A pod's row."""
    status, spec = found["status"], found["spec"]
    held = status.get("containerStatuses") or ()
    ready = sum(c["ready"] and "running" in c["state"] for c in held)
    wide = [
        status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        "<none>",
    ]
    return [
        name(found),
        f"{ready}/{len(spec['containers'])}",
        pod_status(found),
        _restarts(held),
        age_cell(found),
        *wide,
    ]


def _restarts(held: Any) -> str:
    count = sum(c["restartCount"] for c in held)
    ended = [c["lastState"]["terminated"]["finishedAt"] for c in held if "terminated" in c["lastState"]]
    return f"{count} ({since(max(ended))} ago)" if count and ended else str(count)


def pod_status(found: kinds.Object) -> str:
    """The Status column: the phase, or the reason a container gives, or Terminating."""
    said = found["status"].get("reason") or found["status"].get("phase", "")
    running = False
    for container in reversed(found["status"].get("containerStatuses") or ()):
        state = container["state"]
        if (reason := state.get("waiting", {}).get("reason")) or (reason := state.get("terminated", {}).get("reason")):
            said = reason
        running = running or (container["ready"] and "running" in state)
    if said == "Completed" and running:
        said = "Running" if conditions.ready(found) else "NotReady"
    return "Terminating" if conditions.leaving(found) else str(said)


def event(found: kinds.Object) -> list[Any]:
    """An event's row."""
    about, source = found.get("involvedObject", {}), found.get("source") or {}
    first = found.get("firstTimestamp") or found.get("eventTime")
    last = found.get("lastTimestamp") or first
    who = ", ".join(
        part for part in (source.get("component") or found.get("reportingComponent"), source.get("host")) if part
    )
    where = f"{about.get('kind', '').lower()}/{about.get('name', '')}"
    seen = [since(last), found.get("type", ""), found.get("reason", ""), where, about.get("fieldPath", ""), who]
    return [*seen, found.get("message", "").strip(), since(first), found.get("count") or 1, name(found)]
