"""Store: the record of every run, in SQLite by default, in PostgreSQL for a team; raw samples stay beside it as files."""

from runner.store.store import Store, Summary

__all__ = ["Store", "Summary"]
