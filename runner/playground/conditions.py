"""Conditions of an object's status, and what makes a pod ready, healthy or over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from runner.playground import kinds, store


def put(status: dict[str, Any], type: str, value: str, **more: Any) -> None:
    """Set a condition in place; its transition time changes only with its value."""
    held: list[dict[str, Any]] = status.setdefault("conditions", [])
    present = next((c for c in held if c["type"] == type), None)
    if present is None:
        held.append({"type": type, "status": value, "lastTransitionTime": store.now(), **more})
        return
    if present["status"] != value:
        present |= {"status": value, "lastTransitionTime": store.now()}
    for key in ("reason", "message"):
        present.pop(key, None)
    present |= more


def is_true(found: kinds.Object, type: str) -> bool:
    """Whether a condition holds."""
    return any(c["type"] == type and c["status"] == "True" for c in found.get("status", {}).get("conditions") or ())


def leaving(found: kinds.Object) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in found["metadata"]


def is_finished(pod: kinds.Object) -> bool:
    """Whether a pod has ended."""
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def ready(pod: kinds.Object) -> bool:
    """Whether a pod takes traffic."""
    return is_true(pod, "Ready")


def available(pod: kinds.Object, seconds: int = 0) -> bool:
    """Whether a pod has been ready for `minReadySeconds`."""
    held = next(
        (c for c in pod["status"].get("conditions") or () if c["type"] == "Ready" and c["status"] == "True"), None
    )
    return held is not None and (not seconds or age_s(held["lastTransitionTime"]) >= seconds)


def age_s(at: str) -> float:
    """Seconds since a timestamp of the API."""
    return (datetime.now(UTC) - datetime.fromisoformat(at.replace("Z", "+00:00"))).total_seconds()
