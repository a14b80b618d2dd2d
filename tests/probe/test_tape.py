"""A tape as readers see it: while it is written, after a crash, cut short."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner import codec
from runner.probe import messages, tape
from runner.probe.health import health
from runner.probe.stream import schedule
from runner.slo.sample import Flag, Sample


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tape"


def writer(path: Path, limit_s: float = 10.0) -> tape.TapeWriter:
    return tape.TapeWriter(path, rate=10.0, timeout_s=1.0, limit_s=limit_s)


def test_a_record_goes_from_pending_to_finished_and_is_handed_out_once(path: Path):
    out, reader = writer(path), tape.Reader(path)
    first, second = out.sent(1 << 40, 5), out.sent(2 << 40, 6)
    assert reader.poll() == ([], [Sample(1 << 40, 5, 0, 0, 1), Sample(2 << 40, 6, 0, 0, 1)])
    out.done(second, 900, 200, 0)
    assert reader.poll() == ([Sample(2 << 40, 6, 900, 200, 3)], [Sample(1 << 40, 5, 0, 0, 1)])
    out.done(first, 901, 503, Flag.UNEXPECTED)
    assert reader.poll() == ([Sample(1 << 40, 5, 901, 503, 67)], [])
    assert reader.poll() == ([], [])
    reader.close()
    out.trim()


def test_half_a_record_is_pending(path: Path):
    out, reader = writer(path), tape.Reader(path)
    number = out.sent(1, 2)
    out._words[16 + 5 * number + 3] = 777  # the writer died between latency and flags
    assert reader.poll() == ([], [Sample(1, 2, 0, 0, 1)])
    reader.close()
    out.trim()


def test_a_reader_outlives_the_trim(path: Path):
    out, reader = writer(path, 100_000.0), tape.Reader(path)
    for i in range(500):
        out.done(out.sent(i, 0), 1, 200, 0)
    out.trim()
    assert path.stat().st_size == 64 + 20 * 500
    assert len(reader.poll()[0]) == 500
    assert reader.header().scheduled == 500
    reader.close()


def test_the_preallocated_rest_takes_no_room(path: Path):
    out = writer(path, 1_000_000.0)
    assert path.stat().st_size > 200_000_000
    assert path.stat().st_blocks * 512 < 1_000_000
    assert tape.read_all(path) == []
    out.trim()


def test_a_tape_cut_short_gives_what_it_holds(path: Path):
    out = writer(path)
    for i in range(10):
        out.done(out.sent(i, 0), 1, 200, 0)
    out.trim()
    path.write_bytes(path.read_bytes()[: 64 + 20 * 7 + 3])
    assert [s.intended_ns for s in tape.read_all(path)] == list(range(7))
    reader = tape.Reader(path)
    assert len(reader.poll()[0]) == 7
    reader.close()


def test_beyond_the_limit_there_is_an_error_and_no_damage(path: Path):
    out = writer(path, 0.1)
    out.sent(1, 0), out.sent(2, 0)
    with pytest.raises(IndexError):
        out.sent(3, 0)
    out.trim()


@pytest.mark.parametrize("content", [b"", b"x" * 100])
def test_another_file_is_no_tape(path: Path, content: bytes):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a tape"):
        tape.Reader(path)
    with pytest.raises(ValueError, match="not a tape"):
        tape.read_all(path)


def test_the_schedule_is_the_same_for_the_same_seed_and_never_out_of_order():
    def slots(seed: str) -> list[int]:
        return [at for at, _ in zip(schedule(100.0, 0.5, seed), range(1000), strict=False)]

    assert slots("a") == slots("a") != slots("b")
    assert slots("a") == sorted(slots("a"))
    assert slots("a")[-1] == pytest.approx(9.995e9, abs=2e6)


def test_the_start_message_survives_the_pipe():
    indicator = messages.Indicator(
        name="a", url="http://127.0.0.1/", rate=5.0, timeout_s=1.0, status=((200, 299), (404, 404))
    )
    start = messages.Start(run="r", folder="/tmp", seed=1, limit_s=9.0, indicators=(indicator,), on_orphan=("true",))
    assert codec.decode(messages.Start, json.loads(json.dumps(codec.encode(start)))) == start


def _samples(late_us: int, count: int, flags: int = 3) -> list[Sample]:
    return [Sample(i, late_us, late_us + 100, 200, flags) for i in range(count)]


def test_a_prober_on_time_is_trusted():
    assert not health(_samples(100, 200), 0.1).suspect


def test_lateness_above_a_tenth_of_the_threshold_is_suspect():
    verdict = health(_samples(100, 190) + _samples(20_000, 10), 0.1)
    assert verdict.suspect
    assert verdict.lateness_p99 == 0.02
    assert "late" in verdict.sentence


def test_an_unsent_share_above_one_percent_is_suspect():
    assert health(_samples(0, 95) + _samples(0, 5, 3 | Flag.SHED), 1.0).achieved_ratio == 0.95
    assert health(_samples(0, 95), 1.0, scheduled=100).suspect


def test_nothing_sent_is_suspect():
    assert health([], 1.0).suspect
