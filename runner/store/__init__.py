"""Store: the record of every run, in SQLite by default, in PostgreSQL for a team; raw samples stay beside it as files."""

from runner.store.store import Measured, Store, Summary

__all__ = ["Measured", "Store", "Summary"]
