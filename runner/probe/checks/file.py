"""File: when a batch last wrote the file that says that it is done."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from runner.checks import due
from runner.checks.asks import DoneFile
from runner.checks.check import Asked, Measured, NoData


class Reader:
    """Of this machine."""

    def read(self, asks: DoneFile, asked: Asked) -> Measured:
        """A file that is not there yet was never written; a folder that is not there is no data."""
        path, now = Path(asked.values["file"]), datetime.now(UTC)
        try:
            done = due.moment(path.stat().st_mtime)
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise NoData(f"there is no folder {path.parent}") from None
            done = None
        except OSError as problem:
            raise NoData(f"{path} cannot be looked at: {problem.strerror}") from None
        return due.overdue(done, now, asked.values)
