"""Drill: the words that say, wherever somebody is paged or looks at a dashboard, that this is one, whose, and how it is stopped."""

from __future__ import annotations

from datetime import UTC, timedelta

from runner.timeline.event import Event


def named(started: Event) -> str:
    """What the event `run_started` says of it: `DRILL: chaos-run RUN of “TITLE” on SERVICE, run by SOMEBODY`."""
    told = started.fields
    what = f"“{told.get('title') or 'untitled'}” on {told.get('service') or 'unnamed'}"
    return f"DRILL: chaos-run {started.run} of {what}, run by {told.get('by') or 'unknown'}"


def under_way(started: Event) -> str:
    """The same while it lasts: until about when, as far as the file states it, and how it is stopped."""
    until = (started.at + timedelta(seconds=float(started.fields.get("planned_s") or 0))).astimezone(UTC)
    return f"{named(started)}, until about {until:%H:%M} UTC, stop with: chaos-run stop {started.run}"
