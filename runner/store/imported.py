"""Imported: the run of a bundle, put into a folder of its own and on the record, marked, and never to be undone from here."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from runner import clock, errors, files
from runner.rundir import events, paths
from runner.rundir.names import RECORD
from runner.store import bundle
from runner.store.bundle import Checked
from runner.store.store import Store
from runner.timeline import record as records
from runner.timeline.record import RunRecord


def add(store: Store, path: Path, found: Checked) -> bool:
    """Whether it was added; False where a run of that name is on record already. Raises Refused, EnvironmentFailure."""
    folder = paths.runs_dir() / found.run
    if store.knows(found.run):
        return False
    if folder.exists():
        raise errors.Refused(
            f"{folder} is there already, and its run is not on record", hint="chaos-run history --rebuild reads it"
        )
    aside = paths.state_dir() / f"import-{found.run}"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        bundle.unpack(path, aside)
        record = _read(aside, found.run)
        record = replace(record, folder=str(folder), imported=clock.rfc3339(datetime.now(UTC)))
        files.write_atomically(aside / RECORD, record.to_json())
        aside.replace(folder)
    except OSError as problem:
        raise errors.EnvironmentFailure(f"cannot write {folder}: {problem.strerror}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    store.save(record, events.read(folder))
    return True


def _read(folder: Path, run: str) -> RunRecord:
    try:
        record = records.from_json(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError) as problem:
        raise errors.UsageError(f"the bundle holds no record that can be read: {problem}") from None
    inside = all(Path(i.tape).name == i.tape for i in record.indicators)
    if record.run != run or not inside:
        raise errors.Refused("the bundle's record is not that of its manifest, or names files elsewhere")
    return record
