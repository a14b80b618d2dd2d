"""Why the API says no: a Status body with the code, reason and words of the real API server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runner.playground import kinds


class Refusal(Exception):
    """An answer that is not a success; `body` is the Status object."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        self.body |= {"message": message} | ({"reason": reason} if reason else {})
        if details is not None:
            self.body["details"] = details
        self.body["code"] = code


@dataclass(frozen=True)
class FieldCause:
    """One wrong field of an object: `reason` is FieldValueInvalid, FieldValueRequired, …"""

    field: str
    reason: str
    message: str


def required(field: str, detail: str = "") -> FieldCause:
    """A field that must be there."""
    return FieldCause(field, "FieldValueRequired", "Required value" + (f": {detail}" if detail else ""))


def invalid_value(field: str, value: str, detail: str) -> FieldCause:
    """A field with a value that cannot be; `value` is written as JSON."""
    return FieldCause(field, "FieldValueInvalid", f"Invalid value: {value}: {detail}")


def details(kind: kinds.ResourceKind, name: str) -> dict[str, Any]:
    """The details of an answer about one object."""
    return {"name": name} | ({"group": kind.group} if kind.group else {}) | {"kind": kind.plural}


def not_found(kind: kinds.ResourceKind, name: str) -> Refusal:
    """404 for an object."""
    return Refusal(404, "NotFound", f'{kind.qualified} "{name}" not found', details(kind, name))


def no_such_resource() -> Refusal:
    """404 for a resource the API does not serve."""
    return Refusal(404, "NotFound", "the server could not find the requested resource", {})


def exists(kind: kinds.ResourceKind, name: str) -> Refusal:
    """409 on create."""
    return Refusal(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', details(kind, name))


def conflict(kind: kinds.ResourceKind, name: str, why: str | None = None) -> Refusal:
    """409 on a write to an object that has changed since it was read."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    return Refusal(
        409, "Conflict", f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}', details(kind, name)
    )


def invalid(kind: kinds.ResourceKind, name: str, causes: Sequence[FieldCause]) -> Refusal:
    """422 with every wrong field."""
    said = [f"{cause.field}: {cause.message}" for cause in causes]
    text = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    listed = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    about = ({"name": name} if name else {}) | ({"group": kind.group} if kind.group else {})
    return Refusal(
        422, "Invalid", f'{kind.titled} "{name}" is invalid: {text}', about | {"kind": kind.name, "causes": listed}
    )


def precondition_failed(
    kind: kinds.ResourceKind, name: str, what: str, wanted: str, present: str, happened: str
) -> Refusal:
    """409 for a precondition of a deletion; it names the kind where others name the resource."""
    how = f"the {what} in the precondition ({wanted}) does not match the {what} in record ({present})"
    said = f'Operation cannot be fulfilled on {kind.titled} "{name}": {how}. The object might have been {happened}'
    return Refusal(409, "Conflict", said, details(kind, name) | {"kind": kind.name})


def bad_request(message: str) -> Refusal:
    """400."""
    return Refusal(400, "BadRequest", message)


def not_allowed() -> Refusal:
    """405."""
    return Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def expired(asked: int, oldest: int) -> Refusal:
    """410: a watch that starts before our memory."""
    return Refusal(410, "Expired", f"too old resource version: {asked} ({oldest})")
