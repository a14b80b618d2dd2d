"""Pages: files that people go on writing in; what was written into one is never lost.

A page ends with a line that holds the digest of what we wrote above it. Where it does not fit any more, or is missing,
somebody has edited the page: it is kept, and the new one is written beside it.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from runner import errors, files

_LINE = "<!-- written by `gameday report`, {digest}: an edited page is never overwritten -->\n"
_SEAL = re.compile(r"<!-- written by `gameday report`, ([0-9a-f]{64}): [^\n]*-->\n\Z")


@dataclass(frozen=True, kw_only=True)
class Written:
    """Where a page is, and the edited one of the same name that was kept."""

    path: Path
    kept: Path | None = None

    @property
    def sentence(self) -> str:
        if self.kept is None:
            return str(self.path)
        return f"{self.path} ({self.kept} was edited by hand and stays as it is)"


def write(path: Path, text: str) -> Written:
    """Write a page where no edited one is: at `path`, or beside it with a number. Raises EnvironmentFailure."""
    sealed = text + _LINE.format(digest=_digest(text))
    for number in itertools.count(1):
        place = path if number == 1 else path.with_name(f"{path.stem}.{number}{path.suffix}")
        try:
            if not _edited(place):
                files.write_atomically(place, sealed)
                return Written(path=place, kept=None if number == 1 else path)
        except OSError as problem:
            raise errors.EnvironmentFailure(f"{place} cannot be written: {problem.strerror}") from None
    raise AssertionError("there is always another number")


def _edited(path: Path) -> bool:
    """Whether a file is there that is not exactly what we once wrote."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    except UnicodeDecodeError:
        return True
    seal = _SEAL.search(text)
    return seal is None or seal[1] != _digest(text[: seal.start()])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
