"""Names: what one part of our block says of another, and of the method, has to exist there, once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from runner.experiment import document, findings, references, urls
from runner.experiment.notes import Notes
from runner.experiment.source import Steps
from runner.slo.guards import GUARDS


def check(
    notes: Notes,
    raw: dict[str, Any],
    steps: Steps,
    objectives: Sequence[str],
    metrics: Sequence[str] = (),
    offered: Collection[str] = (),
) -> None:
    """All names of a block as written, so that they are checked even where something else is wrong with it."""
    names = _Names(notes, steps)
    traffic = [str(t["name"]) for _, t in rows(raw, "traffic") if t.get("name")]
    names.unique(raw, "traffic")
    names.unique(raw, "objectives")
    names.unique(raw, "sources")
    checks = _checks(notes, steps, raw, [*traffic, *metrics])
    sources = [str(s["name"]) for _, s in rows(raw, "sources") if s.get("name")]
    for name in set(metrics) & set(traffic):
        notes.error(
            "duplicate-name",
            (*steps, "objectives"),
            f"a source's indicator is called like the traffic '{name}'",
            key=True,
        )
    for index, stream in rows(raw, "traffic"):
        url = stream.get("url")
        if isinstance(url, str) and not url.startswith(("http://", "https://", "$")):
            notes.error("value", (*steps, "traffic", index, "url"), f"'{url}' is not an http or https URL")
        elif isinstance(url, str) and not urls.unresolved(url) and (why := urls.trouble(url)):
            notes.error("value", (*steps, "traffic", index, "url"), f"'{url}' is no URL: {why}")
    for index, objective in rows(raw, "objectives"):
        names.exists(objective, "indicator", [*traffic, *checks], ("objectives", index), "traffic")
        if objective.get("indicator") in checks and "threshold" in objective:
            said = f"the check '{objective['indicator']}' has no latency: its readings are good or bad"
            notes.error("value", (*steps, "objectives", index, "threshold"), said, hint="leave threshold out")
        names.exists(objective, "source", sources, ("objectives", index), "source")
    for index, rule in rows(raw, "abort"):
        names.exists(rule, "alert_policies", objectives, ("abort", index), "objective")
        if (asked := rule.get("alert_policies")) in objectives and asked not in offered:
            said = f"the objective '{asked}' brings no alert policy along that can be a guard"
            hint = (
                "alertPolicies in its OpenSLO document, with a condition of the kind burnrate; or write burn_rate: here"
            )
            notes.error("alert-policies", (*steps, "abort", index, "alert_policies"), said, hint=hint)
        for kind, condition in rule.items():
            if isinstance(condition, dict):
                guard = GUARDS.get(kind)
                known = [*traffic, *metrics, *checks] if guard is not None and guard.of_sources else traffic
                if guard is not None and guard.of_checks:
                    names.exists(condition, "indicator", checks, ("abort", index, kind), "check")
                else:
                    names.exists(condition, "indicator", known, ("abort", index, kind), "traffic")
                names.exists(condition, "objective", objectives, ("abort", index, kind), "objective")
    for index, detection in rows(raw, "detection"):
        names.exists(detection, "objective", objectives, ("detection", index), "objective")
    written = [o.get("name") for _, o in rows(raw, "objectives") if "openslo" not in o]
    for name in {o for o in objectives if objectives.count(o) > 1 and written.count(o) < 2}:
        notes.error("duplicate-name", (*steps, "objectives"), f"several objectives are called '{name}'", key=True)
    _method(notes, names, raw)


def rows(raw: dict[str, Any], part: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The mappings of a list in the block, with their index; nothing if it is no list."""
    found = raw.get(part)
    return ((i, row) for i, row in enumerate(found if isinstance(found, list) else ()) if isinstance(row, dict))


def _checks(notes: Notes, steps: Steps, raw: dict[str, Any], others: Sequence[str]) -> list[str]:
    """The indicators that the file's checks are; each name is there once."""
    found: list[str] = []
    for index, row in rows(raw, "checks"):
        if name := str(row.get("name") or row.get("check") or ""):
            if name in (*others, *found):
                hint = "give it a name: of its own"
                said = f"there is already an indicator '{name}'"
                notes.error("duplicate-name", (*steps, "checks", index), said, hint=hint)
            found.append(name)
    return found


def _method(notes: Notes, names: _Names, raw: dict[str, Any]) -> None:
    found = list(document.walk(references.resolved(notes.source.tree)))
    actions = [str(a.get("name")) for s, a in found if s[0] == "method" and a.get("type") == "action"]
    probes = [str(a.get("name")) for _, a in found if a.get("type") == "probe"]
    for index, proof in rows(raw, "proof"):
        names.exists(proof, "action", actions, ("proof", index), "action")
        names.exists(proof, "probe", probes, ("proof", index), "probe")
    _waits(
        notes, names, raw, [a for s, a in found if s[0] == "method"], [a for _, a in found if a.get("type") == "probe"]
    )
    for part in ("accept_no_undo", "accept_environment", "stays"):
        listed = raw.get(part)
        for index, name in enumerate(listed if isinstance(listed, list) else ()):
            names.exists({index: name}, index, actions, (part,), "action")


def _waits(
    notes: Notes,
    names: _Names,
    raw: dict[str, Any],
    method: Sequence[Mapping[str, Any]],
    probes: Sequence[Mapping[str, Any]],
) -> None:
    """What is waited for can be judged, and comes after something whose end is known."""
    background = {str(a.get("name")) for a in method if a.get("background")}
    judged = {str(p.get("name")) for p in probes if p.get("tolerance") is not None}
    known = [str(p.get("name")) for p in probes]
    for index, wait in rows(raw, "wait_for"):
        steps = ("wait_for", index)
        names.exists(wait, "after", [str(a.get("name")) for a in method], steps, "activity of the method")
        names.exists(wait, "probe", known, steps, "probe")
        if wait.get("after") in background:
            said = f"'{wait['after']}' runs in the background: the method goes on at once, and nothing is after it"
            hint = "name the activity that comes last before the wait"
            notes.error("wait", (*names.steps, *steps, "after"), said, hint=hint)
        if wait.get("probe") in known and wait["probe"] not in judged:
            said = f"the probe '{wait['probe']}' has no tolerance: nobody can say when it holds"
            notes.error("wait", (*names.steps, *steps, "probe"), said, hint="add tolerance: … to the probe")


class _Names:
    """Looks names up and notes those that lead nowhere."""

    def __init__(self, notes: Notes, steps: Steps) -> None:
        self.notes, self.steps = notes, steps

    def exists(self, owner: dict[Any, Any], key: Any, there: Sequence[str], steps: Steps, what: str) -> None:
        name = owner.get(key)
        if isinstance(name, str) and name not in there and not name.startswith("${"):
            hint = findings.nearest(name, there, what="there are") or f"there is no {what} here at all"
            self.notes.error("unknown-name", (*self.steps, *steps, key), f"there is no {what} '{name}'", hint=hint)

    def unique(self, raw: dict[str, Any], part: str) -> None:
        seen: set[str] = set()
        for index, row in rows(raw, part):
            name = row.get("name")
            if isinstance(name, str) and name in seen:
                self.notes.error("duplicate-name", (*self.steps, part, index, "name"), f"'{name}' is here twice")
            seen.add(str(name))
