"""Runs pytest. Of at most six tests that failed each is asked once more, alone, and if it passes it is told as one that failed at first.

Four tests share two cores, each with processes of its own, and some of them measure time: a machine that stalls for a second fails
one in a thousand, and may fail all four at once. Alone they have no such excuse. What is broken fails twice, and more than six are no
accident.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_SOME_FAILED = 1
_ACCIDENTS = 6
TOLD = "FAILED_AT_FIRST"
"""The variable that names the file in which a whole CI run collects these tests."""


def main(arguments: list[str]) -> int:
    """The exit code of pytest: 0 also where what failed at first passed alone."""
    with tempfile.TemporaryDirectory() as cache:
        kept = ["-o", f"cache_dir={cache}"]
        code = _pytest(*kept, *arguments)
        failed = list(_failed(Path(cache)))
        if code != _SOME_FAILED or not 1 <= len(failed) <= _ACCIDENTS:
            return code
        print(f"\n=== once more, alone: {', '.join(failed)}", flush=True)
        code = _pytest(*kept, *arguments, "--last-failed", "-n", "0")
    if code == 0:
        _tell(failed)
    return code


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


def _failed(cache: Path) -> Iterator[str]:
    found = cache / "v" / "cache" / "lastfailed"
    if found.exists():
        yield from json.loads(found.read_text())


def _tell(tests: list[str]) -> None:
    lines = [f"FAILED AT FIRST, PASSED ALONE: {test}" for test in tests]
    print("\n".join(lines), flush=True)
    if collected := os.environ.get(TOLD):
        with Path(collected).open("a") as stream:
            stream.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
