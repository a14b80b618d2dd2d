"""From `kill -9` of one or two processes of a run until its fault is put back.

    .venv/bin/python benchmarks/kill.py [--repeat 3]

The method breaks a local service and would leave it so for a minute; the service is asked every 20 ms. `tests/journeys/test_kills.py`
holds that it is put back and what is on record; here is how long that takes. Asked for: at most 5 s.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.detection.rig import free_port
from tests.journeys import harness

LIMIT_S = 5.0
KILLED = (("parent",), ("worker",), ("undoer",), ("parent", "worker"), ("parent", "undoer"), ("worker", "undoer"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    for names in KILLED:
        seconds = [mended_s(*names) for _ in range(repeat)]
        said = "ok  " if max(seconds) <= LIMIT_S else "OVER"
        median = statistics.median(seconds)
        print(f"{said} {' and '.join(names):18} median {median:.2f} s, longest {max(seconds):.2f} s of {LIMIT_S:g} s")


def mended_s(*names: str) -> float:
    """Of one run, in seconds."""
    with tempfile.TemporaryDirectory() as folder, harness.service(free_port()) as service:
        os.environ["XDG_STATE_HOME"] = folder
        method = [harness.http("break", "/break", pauses={"after": 60})]
        with harness.started(Path(folder), harness.experiment(service, method=method)) as run:
            run.until("activity", activity="break", state="succeeded")
            service.until_broken()
            run.kill(*names)
            killed = time.monotonic()
            service.until_mended()
            seconds = time.monotonic() - killed
            time.sleep(2)  # a survivor still writes the record into the folder
        return seconds


if __name__ == "__main__":
    main()
