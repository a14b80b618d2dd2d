"""Substitution: where Chaos Toolkit leaves a `${name}` as it is, and where it puts in text and a number is needed.

See `run_*_activity` in chaoslib's providers: URL, headers, arguments, pauses, an HTTP timeout and the texts of a tolerance are
replaced, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Template
from typing import Any

from runner.experiment import document, variables
from runner.experiment.activities import describe_activity
from runner.experiment.notes import Notes, described
from runner.experiment.source import Steps

LITERAL = {
    "python": ("module", "func"),
    "process": ("path", "timeout"),
    "http": ("method", "verify_tls", "max_retries"),
}
"""Keys of a provider in which nothing is replaced, by its type."""
SELDOM = {"path": "write the program itself, or `path: sh` and the variable in its arguments"}


def check(notes: Notes, configuration: Mapping[str, Any]) -> None:
    """`configuration` are the values that are known by now."""
    tree = notes.source.tree
    for steps, activity in _all(tree):
        _provider(notes, activity, steps)
        _tolerance(notes, activity.get("tolerance"), (*steps, "tolerance"))
    for steps, control in document.controls(tree):
        provider = control.get("provider") if isinstance(control, dict) else None
        if isinstance(provider, dict):
            _literal(notes, provider, ("module",), (*steps, "provider"))
    _entries(notes, tree)
    for name, said in variables.unset(tree, configuration).items():
        notes.warning("no-value", ("configuration", name), said, hint="a run stops before the first change", key=True)
    for steps, said in unfit(tree, configuration):
        notes.error("number", steps, said, hint="env_var_type: int or float in its entry makes a number of it")


def unfit(tree: Mapping[str, Any], configuration: Mapping[str, Any]) -> Iterator[tuple[Steps, str]]:
    """Where a number of seconds is needed and the value of a variable is none: a wait there would be a crash."""
    for steps, activity in _all(tree):
        pauses, provider = activity.get("pauses"), activity.get("provider")
        places = {("pauses", moment): value for moment, value in (pauses if isinstance(pauses, dict) else {}).items()}
        if isinstance(provider, dict) and provider.get("type") == "http":
            places[("provider", "timeout")] = provider.get("timeout")
        for place, text in places.items():
            name = _whole_reference(text)
            value = configuration.get(name, 0) if name else 0
            if not isinstance(value, int | float) and not (isinstance(value, list) and place[-1] == "timeout"):
                said = f"the {_place_name(place)} of {describe_activity(activity)} is a number of seconds, and ${{{name}}} is "
                yield (*steps, *place), said + described(value)


def _all(tree: Mapping[str, Any]) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Every activity, those behind configuration values and in tolerances, too."""
    entries = tree.get("configuration")
    behind = [(("configuration", n), e) for n, e in (entries if isinstance(entries, dict) else {}).items()]
    for steps, activity in [*document.walk(tree), *((s, e) for s, e in behind if variables.by_probe(e))]:
        yield steps, activity
        tolerance = activity.get("tolerance")
        if isinstance(tolerance, dict) and tolerance.get("type") == "probe":
            yield (*steps, "tolerance"), tolerance


def _provider(notes: Notes, activity: Mapping[str, Any], steps: Steps) -> None:
    provider = activity.get("provider")
    if not isinstance(provider, dict):
        return
    _literal(notes, provider, LITERAL.get(str(provider.get("type")), ()), (*steps, "provider"))
    asked = provider.get("timeout")
    asked = asked if isinstance(asked, list) else [asked]
    quoted = [part for part in asked if isinstance(part, str) and not variables.mentioned(part)]
    if quoted:  # a call of Chaos Toolkit's own fails of it; of Python it never looks at it
        said = f"the timeout of {describe_activity(activity)} is a number of seconds, not the text {quoted[0]!r}"
        noted = notes.warning if provider.get("type") == "python" else notes.error
        noted("number", (*steps, "provider", "timeout"), said, hint="without quotes")


def _literal(notes: Notes, owner: Mapping[str, Any], keys: tuple[str, ...], steps: Steps) -> None:
    for key in keys:
        if isinstance(owner.get(key), str) and variables.mentioned(owner[key]):
            said = f"Chaos Toolkit replaces no variable in '{key}': it would look for {owner[key]!r} as it stands here"
            notes.error("substitution", (*steps, key), said, hint=SELDOM.get(key, "write the value itself"))


def _tolerance(notes: Notes, tolerance: Any, steps: Steps) -> None:
    """Of a list nothing is replaced; of a mapping `pattern`, `path` and `expect`."""
    declared = variables.declared(notes.source.tree)
    parts: dict[Steps, Any] = {(): tolerance} if isinstance(tolerance, list) else {}
    if isinstance(tolerance, dict) and tolerance.get("type") != "probe":
        parts = {(key,): tolerance[key] for key in ("range", "count", "target") if key in tolerance}
    for place, part in parts.items():
        for where, text in variables.texts(part, (*steps, *place)):
            if any(name in declared for name in variables.mentioned(text)):
                said = f"Chaos Toolkit replaces no variable in this part of a tolerance: {text!r} stays as it is"
                notes.error("substitution", where, said, hint="write the value itself, or let a probe judge")


def _entries(notes: Notes, tree: Mapping[str, Any]) -> None:
    """An entry that names another: it arrives in an action with the `${…}` in it."""
    entries = tree.get("configuration")
    declared = variables.declared(tree)
    for name, entry in (entries if isinstance(entries, dict) else {}).items():
        literal = entry if not isinstance(entry, dict) else entry.get("default") if entry.get("type") == "env" else None
        for where, text in variables.texts(literal, ("configuration", name)):
            if other := next((n for n in variables.mentioned(text) if n in declared and n != name), None):
                said = f"Chaos Toolkit replaces no variable within the configuration: ${{{name}}} will be the text {text!r}"
                hint = f"write the value of '{other}' here, or both variables where they are used"
                notes.error("substitution", where, said, hint=hint)


def _whole_reference(text: Any) -> str | None:
    match = Template.pattern.fullmatch(text) if isinstance(text, str) else None
    return match["braced"] if match else None


def _place_name(place: tuple[str, ...]) -> str:
    return f"pause {place[1]}" if place[0] == "pauses" else "timeout"
