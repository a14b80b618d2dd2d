"""Tolerance types: comparisons that never hold because a number meets a text, or a pattern meets what is no text; warnings only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.experiment import document, references, variables
from runner.experiment.activities import describe_activity
from runner.experiment.notes import Notes
from runner.experiment.source import Steps

_PARTS = {"http": "status, headers and body", "process": "status, stdout and stderr"}
Doubt = tuple[str, Steps, str, str | None]
"""Rule, place below the tolerance, sentence, hint."""


def check(notes: Notes, configuration: Mapping[str, Any]) -> None:
    """`configuration` are the values that are known by now: `${name}` may be a text, too."""
    known = references.referable(notes.source.tree)
    for steps, activity in document.walk(notes.source.tree):
        if steps[0] != document.HYPOTHESIS or "tolerance" not in activity:
            continue
        provider = references.spelt_out(activity, known).get("provider")
        kind = provider.get("type") if isinstance(provider, dict) else None
        tolerance = variables.substitute(activity["tolerance"], configuration)
        for rule, place, said, hint in _doubts(tolerance, str(kind), describe_activity(activity)):
            notes.warning(rule, (*steps, "tolerance", *place), said, hint=hint)


def _doubts(tolerance: Any, provider: str, who: str) -> Iterator[Doubt]:
    parts = _PARTS.get(provider)
    if isinstance(tolerance, dict):
        yield from _of_kind(tolerance, provider, who)
    elif isinstance(tolerance, str) and parts and not variables.mentioned(tolerance):
        said = f"the answer of {who} has {parts}: as a whole it is never equal to the text {tolerance!r}"
        number = _number(tolerance)
        hint = f"write {number} without quotes" if number else f"{{type: regex, target: …, pattern: {tolerance}}}"
        yield ("quoted-number" if number else "never-equal"), (), said, hint
    elif isinstance(tolerance, str) and _number(tolerance):
        said = f"{tolerance!r} is text: a number that {who} returns is never equal to it"
        yield "quoted-number", (), said, f"write {_number(tolerance)} without quotes if it returns a number"
    elif isinstance(tolerance, list) and parts:
        for index, item in enumerate(tolerance):
            if isinstance(item, str) and not variables.mentioned(item):
                said = f"the status of {who} is a number, which is never equal to the text {item!r}"
                number = _number(item)
                yield "quoted-number", (index,), said, f"write {number} without quotes" if number else None


def _of_kind(tolerance: Mapping[str, Any], provider: str, who: str) -> Iterator[Doubt]:
    parts, kind, target = _PARTS.get(provider), tolerance.get("type"), tolerance.get("target")
    if kind == "regex" and parts and not target:
        said = f"a pattern needs text, and the answer of {who} as a whole has {parts}"
        yield "tolerance-target", (), said, "add target: body" if provider == "http" else "add target: stdout"
    elif kind == "regex" and target == "status" and parts:
        said = f"a pattern needs text, and the status of {who} is a number"
        yield "tolerance-target", ("target",), said, "list the statuses: tolerance: [200, 204, 301]"
    elif kind == "regex" and provider == "http" and target == "body":
        said = f"if the Content-Type of {who} is application/json alone, its body is no text, and no pattern matches it"
        yield "json-pattern", (), said, "for JSON: {type: jsonpath, target: body, path: $.…, expect: …}"
    elif kind == "jsonpath" and isinstance(expect := tolerance.get("expect"), str) and _number(expect):
        said = f"{expect!r} is text: a number that stands at {tolerance.get('path')} is never equal to it"
        yield "quoted-number", ("expect",), said, f"write {_number(expect)} without quotes if it is a number there"


def _number(text: str) -> str | None:
    """The number that a text is, as one would write it."""
    try:
        value = float(text)
    except ValueError:
        return None
    return text.strip() if value == value and abs(value) != float("inf") else None
