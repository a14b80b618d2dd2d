"""A batch that leaves a file behind when it is done."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from runner.checks.check import NoData
from tests.probe.checks.conftest import call


def test_a_batch_is_late_until_it_has_written_its_file(tmp_path: Path) -> None:
    mark = tmp_path / "done"
    assert call("batch_file_late", file=str(mark), by="06:00").startswith("bad: time since the batch had to be done: ")
    mark.touch()
    assert call("batch_file_late", file=str(mark), by="06:00").startswith("good: ")
    os.utime(mark, times=(0, time.time() - 49 * 3600))
    assert call("batch_file_late", file=str(mark), by="06:00").startswith("bad: ")


@pytest.mark.parametrize(
    ("file", "by", "said"), [("nowhere/done", "06:00", "there is no folder"), ("done", "6 o'clock", "no time of day")]
)
def test_what_cannot_be_told_is_no_data(tmp_path: Path, file: str, by: str, said: str) -> None:
    with pytest.raises(NoData, match=said):
        call("batch_file_late", file=str(tmp_path / file), by=by)
