"""The events of a run outlive writers that are killed in the middle of a line, and a disk that is full."""

from __future__ import annotations

import json
from pathlib import Path

from runner.rundir import events
from runner.rundir.events import EventWriter
from runner.rundir.names import EVENTS


def write(folder: Path, *told: dict[str, object]) -> None:
    writer = EventWriter(folder)
    for event in told:
        writer.append(event)
    writer.close()


def test_what_is_written_is_read_in_order(tmp_path: Path) -> None:
    assert events.read(tmp_path) == []
    write(tmp_path, {"event": "a"}, {"event": "b", "text": "\u2028支付\ud800"})
    write(tmp_path, {"event": "c"})
    assert events.read(tmp_path) == [{"event": "a"}, {"event": "b", "text": "\u2028支付\ud800"}, {"event": "c"}]


def test_each_event_is_on_disk_before_the_next(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path)
    writer.append({"event": "a"})
    assert events.read(tmp_path) == [{"event": "a"}]
    writer.close()


def test_a_torn_line_costs_nothing_but_itself(tmp_path: Path) -> None:
    whole = json.dumps({"event": "phase", "text": "é"}, ensure_ascii=False).encode() + b"\n"
    for length in range(1, len(whole)):
        (tmp_path / EVENTS).write_bytes(whole + whole[:length])
        before = events.read(tmp_path)
        write(tmp_path, {"event": "abort"}, {"event": "undone"})
        assert events.read(tmp_path) == [*before, {"event": "abort"}, {"event": "undone"}]
        assert len(before) == (2 if length == len(whole) - 1 else 1)


def test_lines_that_are_no_events_are_left_out(tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_bytes(b'7\n\n\xff{\n{"event": "a"}\n[]\n')
    assert events.read(tmp_path) == [{"event": "a"}]


def test_a_full_disk_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / EVENTS).symlink_to("/dev/full")
    write(tmp_path, {"event": "a"}, {"event": "b"})
