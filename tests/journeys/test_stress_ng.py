"""A disk filled by stress-ng in a whole run: proven by its free space, freed again, whoever dies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from runner.faults.stress_ng import stress
from runner.rundir.ledger import Ledger
from tests.faults.test_stress_ng import small_disk
from tests.journeys import harness
from tests.journeys.harness import Json, Service, experiment, started
from tests.waiting import until

pytestmark = [
    pytest.mark.skipif(not shutil.which("stress-ng"), reason="stress-ng is not installed: apt-get install stress-ng"),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk: that takes root"),
]
__all__ = ["small_disk"]


def document(service: Service, folder: Path, after: float) -> Json:
    arguments = {"folder": str(folder), "seconds": 100, "leave_free_mb": 16}
    provider = {
        "type": "python",
        "module": "runner.faults.stress_ng.actions",
        "func": "fill_disk",
        "arguments": arguments,
    }
    action = {"type": "action", "name": "fill it", "provider": provider, "pauses": {"after": after}}
    return experiment(service, method=[action], rollbacks=[])


def test_it_is_proven_and_put_back_by_its_own_undo(service: Service, small_disk: Path, tmp_path: Path) -> None:
    free = stress.space_free(small_disk)
    with started(tmp_path, document(service, small_disk, 2)) as run:
        assert run.finish() == 0, run.stderr()
    kept = harness.record(run)
    ((targets, proof),) = [(f["targets"], f["proof"]) for f in kept["faults"]]
    assert (targets, proof) == ([f"disk{small_disk}"], "proven")
    assert [(u["what"][:13], u["state"]) for u in kept["undo"]] == [("end stress-ng", "undone")], (
        "it was not killed before"
    )
    assert stress.space_free(small_disk) == free
    assert list(small_disk.iterdir()) == []


def test_parent_and_worker_killed_the_disk_is_freed(service: Service, small_disk: Path, tmp_path: Path) -> None:
    free = stress.space_free(small_disk)
    with started(tmp_path, document(service, small_disk, 60)) as run:
        run.until("effective", fault="fill it")
        assert stress.space_free(small_disk) < free
        run.kill("worker", "parent")
        until(lambda: stress.space_free(small_disk) == free, "a surviving process undoes")
        until(lambda: not Ledger(run.folder).outstanding(), "the ledger is settled")
        until(lambda: (run.folder / "record.json").exists(), "the run is on record")
