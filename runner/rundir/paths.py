"""Where the state is: `$XDG_STATE_HOME/chaos-run`, with the record and one folder a run."""

from __future__ import annotations

import os
from pathlib import Path

from runner import errors

VARIABLE = "CHAOS_RUN_STORE"


def state_dir() -> Path:
    """Our folder, made on first use, for its owner only. Raises EnvironmentFailure when it cannot be made."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return _made(Path(home).expanduser() / "chaos-run")


def runs_dir() -> Path:
    """One folder a run: tapes, ledger, events, journal, record, inbox."""
    return _made(state_dir() / "runs")


def gamedays_dir() -> Path:
    """The record of each GameDay, and beside it a folder for what people tell it."""
    return _made(state_dir() / "gamedays")


def playground_dir() -> Path:
    """The files of the playground that stays: `chaos-run playground up`."""
    return state_dir() / "playground"


def store_url(given: str | None) -> str:
    """`--store`, else CHAOS_RUN_STORE, else the file in the state folder; a path becomes an SQLite URL."""
    where = given or os.environ.get(VARIABLE) or str(state_dir() / "record.db")
    if "://" in where:
        return where
    path = Path(where).expanduser().absolute()
    return f"sqlite:///{path / 'record.db' if path.is_dir() else path}"


def shared(given: str | None) -> str | None:
    """The URL of a record that was named, and that others may use as well; None for the default one, which is this machine's own."""
    return store_url(given) if given or os.environ.get(VARIABLE) else None


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise errors.EnvironmentFailure(
            f"the state folder {folder} cannot be made: {problem.strerror}",
            hint="set XDG_STATE_HOME to a folder that you may write",
        ) from None
    return folder
