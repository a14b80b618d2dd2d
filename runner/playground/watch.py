"""Watches: the changes of a kind from a resourceVersion on, as the selectors see them, one JSON object a line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from runner.playground import kinds, refusal, selection, store

BOOKMARK_S = 60.0

Shape = Callable[[kinds.Object], dict[str, Any]]
"""How an object is written: as itself or as a table."""


def check(asked: dict[str, str]) -> None:
    """Raise the 400 of a resourceVersion that is none, before the stream begins."""
    version = asked.get("resourceVersion") or "0"
    if not version.isdigit():
        why = f'strconv.ParseUint: parsing "{version}": invalid syntax'
        raise refusal.Refusal(500, "", f'resourceVersion: Invalid value: "{version}": {why}')


async def lines(
    held: store.ObjectStore, kind: kinds.ResourceKind, wanted: selection.Match, asked: dict[str, str], shaped: Shape
) -> AsyncIterator[bytes]:
    """Run until `timeoutSeconds` or until the client goes away."""
    queue: asyncio.Queue[store.WatchChange] = asyncio.Queue()
    listener = queue.put_nowait
    held.listeners.add(listener)
    try:
        for event in _first(held, kind, wanted, asked, shaped):
            yield event
        deadline = asyncio.get_running_loop().time() + float(asked.get("timeoutSeconds") or 3600)
        bookmarks = asked.get("allowWatchBookmarks") == "true"
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            try:
                async with asyncio.timeout(min(left, BOOKMARK_S)):
                    change = await queue.get()
            except TimeoutError:
                if bookmarks and left > BOOKMARK_S:
                    yield _line("BOOKMARK", _bookmark(kind, held.version))
                continue
            if (seen := _watch_line(change, kind, wanted, shaped)) is not None:
                yield seen
    finally:
        held.listeners.discard(listener)


def _first(
    held: store.ObjectStore, kind: kinds.ResourceKind, wanted: selection.Match, asked: dict[str, str], shaped: Shape
) -> list[bytes]:
    """What comes before the new changes: the present objects, or what happened since the asked version."""
    version = asked.get("resourceVersion", "")
    streaming = asked.get("sendInitialEvents") == "true"
    if version in ("", "0") or streaming:
        found = [_line("ADDED", shaped(each)) for each in held.list(kind) if wanted(each)]
        if streaming:
            mark = _bookmark(kind, held.version)
            mark["metadata"]["annotations"] = {"k8s.io/initial-events-end": "true"}
            found.append(_line("BOOKMARK", mark))
        return found
    oldest = held.history[0].version if held.history else 1
    if int(version) + 1 < oldest:
        return [_line("ERROR", refusal.expired(int(version), oldest).body)]
    since = (
        _watch_line(change, kind, wanted, shaped) for change in tuple(held.history) if change.version > int(version)
    )
    return [event for event in since if event is not None]


def _watch_line(
    change: store.WatchChange, kind: kinds.ResourceKind, wanted: selection.Match, shaped: Shape
) -> bytes | None:
    """A change through a selector: what begins to match is added, what stops matching is deleted."""
    if change.kind is not kind:
        return None
    now = change.type != "DELETED" and wanted(change.object)
    before = change.before is not None and wanted(change.before)
    if not now and not before:
        return None
    type = "MODIFIED" if now and before else "ADDED" if now else "DELETED"
    return _line(type, shaped(change.object))


def _bookmark(kind: kinds.ResourceKind, version: int) -> dict[str, Any]:
    meta = {"resourceVersion": str(version), "creationTimestamp": None}
    return {"kind": kind.name, "apiVersion": kind.api_version, "metadata": meta}


def _line(type: str, found: dict[str, Any]) -> bytes:
    return json.dumps({"type": type, "object": found}, separators=(",", ":")).encode() + b"\n"
