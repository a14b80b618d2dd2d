"""What YAML can say and JSON cannot: between our processes an experiment travels as JSON, so such values are text, and that is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from runner.experiment.nodes import Node
from runner.experiment.notes import Notes
from runner.experiment.source import Steps

_QUOTES = "write it in quotes"


def make_plain(notes: Notes) -> None:
    """Dates become the text of them, and keys that are none become text; each is a warning. Bytes are an error."""
    for steps, node in list(_walk(notes.source.root, ())):
        for key in [key for key in node.keys if not isinstance(key, str)]:
            text = _text(key)
            said = f"the key {text} is {_kind(key)} to YAML; it is handed on as the text {text!r}"
            notes.warning("not-text", (*steps, key), said, hint=_QUOTES, key=True)
            _rename(node, key, text)
        for step, child in node.items.items():
            value = node.value[step]
            if isinstance(value, bytes):
                notes.error("bytes", (*steps, step), "bytes cannot be handed on: an experiment travels as JSON")
            elif isinstance(value, date):
                child.value = node.value[step] = text = _text(value)
                said = f"{text} is a date to YAML; it is handed on as the text {text!r}"
                notes.warning("not-text", (*steps, step), said, hint=_QUOTES)


def _walk(node: Node, steps: Steps) -> Iterator[tuple[Steps, Node]]:
    """Every mapping and list, the inner ones first, so that places hold while keys change."""
    for step, child in node.items.items():
        yield from _walk(child, (*steps, step))
    if node.items:
        yield steps, node


def _rename(node: Node, key: Any, text: str) -> None:
    """In its place, in all that knows it."""
    for of in (node.value, node.items, node.keys):
        entries = {text if found is key else found: value for found, value in of.items()}
        of.clear()
        of.update(entries)


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return value.isoformat() if isinstance(value, date) else str(value)


def _kind(key: Any) -> str:
    if key is None:
        return "no value"
    return "a truth value" if isinstance(key, bool) else "a date" if isinstance(key, date) else "a number"
