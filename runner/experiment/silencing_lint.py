"""Silencing, checked: no silence may take the alert that the experiment expects, or last long should this machine be lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from runner.experiment import names
from runner.experiment.block import BlockReading
from runner.experiment.detecting import KINDS
from runner.experiment.notes import Notes
from runner.experiment.silencing import NAME, Silence


def check(notes: Notes, reading: BlockReading) -> None:
    """No silence may take the alert that the experiment expects; and all end soon, should this machine be lost."""
    found = list(_silences(reading))
    for index, silence in found:
        for labels in _expected(reading.raw):
            if silence.may_take(labels):
                _refuse(notes, (*reading.steps, "silence", index), silence, labels)
                break
    if found and not any("duration" in rule for _, rule in names.rows(reading.raw, "abort")):
        said = "no longest duration: were this machine lost, the silence would last for an hour and more"
        hint = "add abort: [{duration: 5m}]"
        notes.warning("silence", (*reading.steps, "silence"), said, hint=hint, key=True)


def _refuse(notes: Notes, where: tuple[Any, ...], silence: Silence, labels: Mapping[str, str]) -> None:
    if NAME in labels:
        said = f"{silence.said} would silence the alert that the experiment expects, {labels[NAME]}"
        hint = "silence others by their names, or say in expect: {labels: …} what the expected one carries"
    else:
        said = f"{silence.said} may silence the alert that the experiment expects: nothing says what that is called"
        hint = "add expect: {alert: …}"
    notes.error("silence", where, said, hint=hint)


def _silences(reading: BlockReading) -> Iterator[tuple[int, Silence]]:
    for index, row in names.rows(reading.raw, "silence"):
        try:
            yield index, Silence.model_validate(row)
        except ValidationError:  # told in full by block.read
            continue


def _expected(raw: Mapping[str, Any]) -> list[dict[str, str]]:
    """What is known of the labels of the alerts that count: one set for each system that is watched for them."""
    expect = raw.get("expect")
    expect = expect if isinstance(expect, dict) else {}
    known = _labels(expect.get("labels")) | ({NAME: str(expect["alert"])} if expect.get("alert") else {})
    watched = [d for _, d in names.rows(dict(raw), "detection") if any(kind in d for kind in KINDS)]
    return [_labels(d.get("match")) | known for d in watched] or ([known] if known else [])


def _labels(value: Any) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}
