"""A run's folder: the names of its files."""

from __future__ import annotations

EVENTS = "events.jsonl"
RECORD = "record.json"
PROCESSES = "processes.json"
"""Who belongs to the run; once it is finished and settled, the next start takes this away and need not look again."""
RESERVE = ".reserve"
"""Room for the run's record from its start on: a verdict must not be lost to a disk that filled up meanwhile."""
START = "run.json"
"""The start message, for an undo from disk."""
