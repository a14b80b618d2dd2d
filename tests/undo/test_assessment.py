"""Which systems are searched for residue: wherever anything was promised to be undone, a snapshot or not."""

from __future__ import annotations

import pytest

from runner.faults import registry
from runner.rundir.ledger import ROLLBACK, UndoRecord
from runner.undo import assessment

KINDS = sorted({kind for module in registry.BUILT_IN for kind in registry.named(module).undoes})


@pytest.mark.parametrize("kind", KINDS)
def test_a_system_with_an_undo_record_is_searched_though_nothing_was_compared(kind: str) -> None:
    record = UndoRecord(number=1, kind=kind, what="undo it", args={})
    driver = registry.playing(kind)
    assert driver is not None
    assert assessment.systems({}, [record]) == {driver.name: [record]}


def test_the_files_own_rollbacks_are_no_systems_and_a_snapshot_alone_is_searched() -> None:
    rollback = UndoRecord(number=1, kind=ROLLBACK, what="roll back", args={})
    assert assessment.systems({"kubernetes": {}}, [rollback]) == {"kubernetes": []}
