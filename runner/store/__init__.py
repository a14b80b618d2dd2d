"""Store: the record of every run, in SQLite by default, in PostgreSQL for a team; raw samples stay beside it as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.store.store import Measured, Store, Summary

__all__ = ["Measured", "Store", "Summary"]


def __getattr__(name: str) -> Any:
    """Imported when it is asked for: a run that only wants to know where things are must not wait for it."""
    if name not in __all__:
        raise AttributeError(name)
    from runner.store import store

    return getattr(store, name)
