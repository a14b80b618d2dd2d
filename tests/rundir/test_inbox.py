"""What is posted to a run arrives once, whole, and in order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runner import errors
from runner.rundir import inbox, live

POSTING = """
import sys
from pathlib import Path
from runner.rundir import inbox
for number in range(50):
    inbox.post(Path(sys.argv[1]), {"n": number, "by": sys.argv[2] * 500})
"""

NEARLY_FULL = """
import resource, sys
from pathlib import Path
from runner import errors
from runner.rundir import inbox
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
try:
    inbox.post(Path(sys.argv[1]), {"kind": "stop", "by": "somebody"})
except errors.EnvironmentFailure as problem:
    sys.exit("told" if "No space left" in problem.message else problem.message)
"""


def test_a_message_arrives_once(tmp_path: Path) -> None:
    box = inbox.Inbox(tmp_path)
    assert box.poll() == []
    inbox.post(tmp_path, {"kind": "ack", "note": "two\nlines"})
    assert box.poll() == [{"kind": "ack", "note": "two\nlines"}]
    assert box.poll() == []


def test_a_line_that_is_still_being_written_waits_and_rubbish_is_left_out(tmp_path: Path) -> None:
    box = inbox.Inbox(tmp_path)
    with (tmp_path / inbox.NAME).open("w", encoding="utf-8") as file:
        file.write('rubbish\n[1]\n{"kind": "st')
        file.flush()
        assert box.poll() == []
        file.write('op"}\n')
        file.flush()
        assert box.poll() == [{"kind": "stop"}]


def test_several_may_post_at_once(tmp_path: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", POSTING, str(tmp_path), who]) for who in "ab"]
    assert [process.wait(30) for process in processes] == [0, 0]
    messages = inbox.Inbox(tmp_path).poll()
    assert [m["n"] for m in messages if m["by"][0] == "a"] == list(range(50))
    assert len(messages) == 100


def test_who_stops_a_run_on_a_full_disk_hears_that_it_did_not_arrive_and_the_next_stop_does(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NEARLY_FULL, str(tmp_path)]
    done = subprocess.run(command, check=False, timeout=20, capture_output=True, text=True)
    assert done.stderr == "told\n"
    inbox.post(tmp_path, {"kind": "stop"})
    assert inbox.Inbox(tmp_path).poll() == [{"kind": "stop"}]


def test_a_run_that_is_gone_cannot_be_told(tmp_path: Path) -> None:
    with pytest.raises(errors.EnvironmentFailure):
        inbox.post(tmp_path / "none", {})


def test_a_run_is_live_until_its_record_is_there(tmp_path: Path) -> None:
    for name in ("20261124-a", "20261124-b", "20261125-c"):
        (tmp_path / name).mkdir()
    (tmp_path / "20261125-c" / "record.json").write_text("{}", encoding="utf-8")
    assert [run.run for run in live.pick(live.live_runs(tmp_path), None)] == ["20261124-a", "20261124-b"]
    assert [run.run for run in live.pick(live.live_runs(tmp_path), "last")] == ["20261124-b"]
    with pytest.raises(errors.UsageError, match="several"):
        live.pick(live.live_runs(tmp_path), "2026")
    with pytest.raises(errors.UsageError, match="20261125-c"):
        live.pick(live.live_runs(tmp_path), "20261125-c")
