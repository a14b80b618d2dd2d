"""Packets lost in a whole run: felt by users, seen by the kernel's counters, put back, whoever dies."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runner.rundir.ledger import Ledger
from tests.journeys import harness
from tests.journeys.harness import Json, Service, experiment, started
from tests.waiting import until

pytestmark = [
    pytest.mark.skipif(not shutil.which("nft"), reason="nft is not installed: apt-get install nftables"),
    pytest.mark.skipif(os.geteuid() != 0, reason="the machine's packets take root"),
]


def document(service: Service, seconds: int, after: float) -> Json:
    arguments = {"percent": 5, "ports": [service.port], "seconds": seconds}
    provider = {
        "type": "python",
        "module": "runner.faults.network.actions",
        "func": "lose_packets",
        "arguments": arguments,
    }
    action = {"type": "action", "name": "lose some", "provider": provider, "pauses": {"after": after}}
    return experiment(service, method=[action], rollbacks=[])


def tables(run: harness.Run) -> list[str]:
    listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in listed if Path(run.folder).name in line]


def test_it_is_proven_and_put_back(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, document(service, 60, 3)) as run:
        run.until("effective", fault="lose some")
        assert len(tables(run)) == 1
        run.finish()
    kept = harness.record(run)
    assert [f["proof"] for f in kept["faults"]] == ["proven"]
    assert [u["state"] for u in kept["undo"]] == ["undone"]
    assert tables(run) == []


def test_parent_and_worker_killed_the_packets_pass_again(service: Service, tmp_path: Path) -> None:
    with started(tmp_path, document(service, 100, 60)) as run:
        run.until("effective", fault="lose some")
        run.kill("worker", "parent")
        until(lambda: not tables(run), "a surviving process undoes")
        until(lambda: not Ledger(run.folder).outstanding(), "the ledger is settled")
        until(lambda: (run.folder / "record.json").exists(), "the run is on record")
