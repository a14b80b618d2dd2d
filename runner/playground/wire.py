"""Kubernetes' protobuf, read only: what `kubectl create` sends. The answers are JSON, which every client takes as well.

`wire.json` has the fields of each type by number, `name:shape`, from the tags of the Go types (`tests/playground/README.md` says how):
shapes are those of `shape`, `*` marks a pointer, whose zero value means something, and an empty name an embedded type.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from typing import Any

MAGIC = b"k8s\x00"
MEDIA = "application/vnd.kubernetes.protobuf"


@functools.cache
def types() -> dict[str, dict[str, str]]:
    """Every type by its name."""
    text = resources.files("runner.playground").joinpath("wire.json").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, str]] = json.loads(text)
    return loaded


def decode(data: bytes) -> dict[str, Any]:
    """An object from its envelope; raises ValueError."""
    if not data.startswith(MAGIC):
        raise ValueError("not protobuf of Kubernetes")
    envelope = dict(_fields(data[len(MAGIC) :]))
    kind = {number: value.decode() for number, value in _fields(envelope[1])}
    if kind[2] not in types():
        raise ValueError(f"unknown kind {kind[2]}")
    return {"apiVersion": kind[1], "kind": kind[2]} | _message(envelope.get(2, b""), kind[2])


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Number and raw value: an integer or bytes."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        if tag & 7 == 0:
            value, place = _varint(data, place)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, place = _varint(data, place)
            if place + length > len(data):
                raise ValueError("cut short")
            yield tag >> 3, data[place : place + length]
            place += length
        else:
            raise ValueError(f"wire type {tag & 7}")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data):
        value |= (data[place] & 0x7F) << shift
        shift += 7
        place += 1
        if not data[place - 1] & 0x80:
            return value, place
    raise ValueError("cut short")


def _message(data: bytes, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    known = types()[kind]
    for number, raw in _fields(data):
        name, _, shape = known.get(str(number), "").partition(":")
        if not shape:
            continue
        pointer, shape = shape.startswith("*"), shape.removeprefix("*")
        if shape.startswith("[]"):
            found.setdefault(name, []).append(_value(raw, shape[2:].removeprefix("*")))
        elif shape.startswith("{}"):
            entry = dict(_fields(raw))
            found.setdefault(name, {})[entry.get(1, b"").decode()] = _value(entry.get(2, b""), shape[2:])
        elif not name:
            found |= _value(raw, shape)
        elif (value := _value(raw, shape)) or pointer:
            found[name] = value
    return found


def _value(raw: Any, shape: str) -> Any:
    """One value; an empty one is left out by the caller unless it is pointed to."""
    if shape.startswith("@"):
        return _message(raw, shape[1:])
    if shape == "s":
        return raw.decode()
    if shape == "y":
        return base64.b64encode(raw).decode()
    if shape == "b":
        return bool(raw)
    if shape == "i":
        return raw - 2**64 if raw >= 2**63 else raw
    return _special(dict(_fields(raw)), shape)


def _special(parts: dict[int, Any], shape: str) -> Any:
    """The types that have a JSON form of their own."""
    if shape == "IntOrString":
        return parts.get(3, b"").decode() if parts.get(1) else parts.get(2, 0)
    if shape == "Quantity":
        return parts.get(1, b"").decode()
    if shape in ("Time", "MicroTime"):
        moment = datetime.fromtimestamp(parts[1], UTC) if parts.get(1) else None
        return moment and moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return None
