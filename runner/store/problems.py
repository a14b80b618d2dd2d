"""What a database can have against us, said so that one knows what to do next."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from runner import errors

_BY_WORDS = (
    ("locked", "is locked by another process", "wait until its run has been saved, and try again"),
    ("lock timeout", "is locked by another process", "wait until its run has been saved, and try again"),
    ("statement timeout", "takes too long to answer", "see what keeps its server busy, and try again"),
    ("readonly", "is read-only", "make it writable, or choose another with --store"),
    ("read-only", "is read-only", "make it writable, or choose another with --store"),
    (
        "not a database",
        "is not a record of ours",
        "move it away; `chaos-run history --rebuild` makes a new one from the runs' folders",
    ),
    ("malformed", "is damaged", "move it away; `chaos-run history --rebuild` makes a new one from the runs' folders"),
    ("full", "cannot grow: the disk is full", "make room, then `chaos-run history --rebuild`"),
    ("disk I/O", "cannot be written: the disk refuses", "make room or mend the disk, or choose another with --store"),
    (
        "unable to open",
        "cannot be opened",
        "check that its folder exists and that you may write there, or choose another with --store",
    ),
)


@contextlib.contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn a driver's exceptions into an EnvironmentFailure, and a URL nobody can read into a UsageError."""
    try:
        yield
    except ModuleNotFoundError as problem:
        raise errors.EnvironmentFailure(
            f"the store {shown(url)} needs the package {problem.name}", hint="pip install 'chaos-run[postgres]'"
        ) from problem
    except OSError as problem:
        raise _failure(url, problem.strerror or str(problem)) from problem
    except _driver_errors() as problem:
        _raise_usage(url, problem)
        raise _failure(url, str(getattr(problem, "orig", None) or problem)) from problem


def _driver_errors() -> tuple[type[Exception], ...]:
    """Of SQLite and SQLAlchemy, as far as they were imported at all: evaluated only when something was raised."""
    named = (("sqlite3", "Error"), ("sqlalchemy.exc", "SQLAlchemyError"))
    return tuple(getattr(sys.modules[module], name) for module, name in named if module in sys.modules)


def _raise_usage(url: str, problem: Exception) -> None:
    if type(problem).__name__ in ("ArgumentError", "NoSuchModuleError"):
        raise errors.UsageError(
            f"{shown(url)} is not a database URL that can be used",
            hint="write a path, sqlite:////path/record.db or postgresql://user@host/database",
        ) from problem


def newer(url: str, found: int, known: int) -> errors.EnvironmentFailure:
    """The database was written by a later version of us."""
    return errors.EnvironmentFailure(
        f"the record {shown(url)} was written by a newer chaos-run (schema {found}, this one knows {known})",
        hint="update chaos-run, or choose another record with --store",
    )


def shown(url: str) -> str:
    """The URL without its password."""
    if url.startswith("sqlite"):
        return url.partition(":///")[2]
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _failure(url: str, said: str) -> errors.EnvironmentFailure:
    first = said.strip().splitlines()[0] if said.strip() else "no reason given"
    for word, what, hint in _BY_WORDS:
        if word in first:
            return errors.EnvironmentFailure(f"the record {shown(url)} {what}", hint=hint)
    return errors.EnvironmentFailure(f"the record {shown(url)} cannot be used: {first}")
