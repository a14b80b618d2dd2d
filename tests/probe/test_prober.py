"""What a prober sends and writes down, against services that misbehave and parents that die."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from runner import codec
from runner.probe import messages, tape
from runner.slo.objective import FAILED
from runner.slo.sample import Flag
from tests.probe import odd
from tests.waiting import PATIENCE_S, ended, until


def _may_go_first() -> bool:
    return subprocess.run(["nice", "-n", "-5", "true"], capture_output=True, check=False).stderr == b""


def indicator(url: str, **more: object) -> messages.Indicator:
    given = {"name": "shop", "url": url, "rate": 100.0, "timeout_s": 0.3} | more
    return messages.Indicator(**given)


def _for(seconds: float, probe, *indicators):  # type: ignore[no-untyped-def]
    prober = probe(*indicators)
    prober.start()
    time.sleep(seconds)
    return prober.stop()["shop"]


@pytest.mark.skipif(not _may_go_first(), reason="only root and CAP_SYS_NICE may go before others")
def test_it_goes_before_others_in_the_queue_for_a_processor(service, probe):
    prober = probe(indicator(f"{service.url}/ok"))
    assert psutil.Process(prober.process.pid).nice() < psutil.Process(service.process.pid).nice()
    group = Path(f"/proc/{prober.process.pid}/autogroup")
    assert not group.exists() or group.read_text().rstrip().endswith(" nice -10"), (
        "a nice value counts within its group"
    )


def test_each_slot_is_sent_once_on_a_seeded_schedule_and_answered(service, probe):
    samples = _for(1.0, probe, indicator(f"{service.url}/ok"))
    assert 85 <= len(samples) <= 105
    assert {s.status for s in samples} == {200}
    assert not any(s.bad for s in samples)
    gaps = [(b.intended_ns - a.intended_ns) / 1e7 for a, b in itertools.pairwise(samples)]
    assert all(0.79 < gap < 1.21 for gap in gaps)
    assert max(gaps) - min(gaps) > 0.05


@pytest.mark.parametrize(
    ("path", "status", "flag"),
    [
        ("/500", 500, Flag.UNEXPECTED),
        ("/reset", 0, Flag.CONNECTION),
        ("/garbage", 0, Flag.PROTOCOL),
        ("/cut", 200, Flag.CONNECTION),
        ("/slow", 0, Flag.TIMEOUT),
    ],
)
def test_what_went_wrong_is_named(service, probe, path, status, flag):
    samples = _for(0.5, probe, indicator(f"{service.url}{path}"))
    assert samples
    assert {s.status for s in samples} == {status}
    assert all(s.done and s.flags & flag for s in samples)
    assert all(not s.flags & (Flag.SHED | (Flag.TIMEOUT & ~flag)) for s in samples)


def test_a_refused_connection_is_a_connection_error(probe):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        samples = _for(0.3, probe, indicator(f"http://127.0.0.1:{unused.getsockname()[1]}/"))
    assert samples
    assert all(s.flags & Flag.CONNECTION for s in samples)


def test_a_redirect_is_an_answer_and_not_followed(service, probe):
    assert {s.status for s in _for(0.3, probe, indicator(f"{service.url}/moved"))} == {302}


def test_only_the_statuses_that_are_expected_are_good(service, probe):
    samples = _for(0.3, probe, indicator(f"{service.url}/500", status=((200, 299), (500, 500))))
    assert samples
    assert not any(s.bad for s in samples)


def test_a_timeout_is_counted_from_the_intended_start(service, probe):
    samples = _for(0.5, probe, indicator(f"{service.url}/slow"))
    assert all(s.latency_us >= 300_000 for s in samples)
    assert all(s.latency_us - s.late_us < 400_000 for s in samples), "what the machine held up apart"


@pytest.mark.parametrize("new", [True, False])
def test_a_new_connection_each_time_only_when_asked_for(service, probe, new):
    samples = _for(0.5, probe, indicator(f"{service.url}/ok", new_every=int(new)))
    opened = sum(bool(s.flags & Flag.NEW_CONNECTION) for s in samples)
    assert opened == len(samples) if new else opened < len(samples) / 4


def test_a_stall_of_the_service_weighs_what_it_cost(service, probe):
    prober = probe(indicator(f"{service.url}/ok", rate=200.0, timeout_s=2.0))
    prober.start()
    time.sleep(1.0)
    stalled_s = _freeze(service.process, 1.0)
    time.sleep(1.0)
    samples = prober.stop()["shop"]
    waited = [s.latency_us for s in samples if s.latency_us > 100_000]
    assert not any(s.bad for s in samples)
    assert len(waited) == pytest.approx((stalled_s - 0.1) * 200, rel=0.1)
    assert sum(waited) / len(waited) == pytest.approx((stalled_s + 0.1) / 2 * 1e6, rel=0.1)


def test_a_stall_of_its_own_skips_no_slot_and_is_written_down_as_lateness(service, probe):
    prober = probe(indicator(f"{service.url}/ok", timeout_s=2.0))
    prober.start()
    time.sleep(0.3)
    stalled_s = _freeze(prober.process, 0.5)
    time.sleep(0.3)
    samples = prober.stop()["shop"]
    assert (samples[-1].intended_ns - samples[0].intended_ns) / 1e7 == pytest.approx(len(samples) - 1, abs=1)
    assert max(s.late_us for s in samples) == pytest.approx(stalled_s * 1e6, rel=0.1)


def test_what_was_answered_while_it_did_not_look_is_late_by_its_own_fault(probe):
    """Half a second is more than the timeout: what was under way is read as timed out, and was answered after 100 ms."""
    with odd.serving(odd.works(0.1)) as url:
        prober = probe(indicator(url, rate=50.0, timeout_s=0.3))
        prober.start()
        time.sleep(0.6)
        stalled_s = _freeze(prober.process, 0.5)
        time.sleep(0.6)
        samples = prober.stop()["shop"]
    bad = [s for s in samples if s.bad]
    assert len(bad) >= 5
    assert all(FAILED.unmeasured(s, 0.3) for s in bad)
    under_way = [s for s in bad if s.late_us >= 0.95 * stalled_s * 1e6]
    assert len(under_way) >= 3, "sent in time, and read late"
    assert all(s.latency_us - s.late_us < 200_000 for s in under_way)
    assert sum(not FAILED.unmeasured(s, 0.3) for s in samples) > 30


def test_what_it_missed_it_sends_in_bursts_and_not_over_a_connection_each(service, probe):
    prober = probe(indicator(f"{service.url}/ok", rate=1000.0, timeout_s=2.0))
    prober.start()
    time.sleep(0.3)
    stalled_s = _freeze(prober.process, 0.5)
    time.sleep(0.7)
    samples = prober.stop()["shop"]
    assert not any(s.bad for s in samples)
    assert len(samples) > 1300
    opened = sum(bool(s.flags & Flag.NEW_CONNECTION) for s in samples)
    assert opened < stalled_s * 1000 / 2, "few where the service keeps up, some where it is late itself"


def test_beyond_the_cap_requests_are_shed_and_bad(service, probe):
    prober = probe(indicator(f"{service.url}/slow", rate=400.0, timeout_s=0.1))
    prober.start()
    time.sleep(0.3)
    stalled_s = _freeze(prober.process, 0.5)
    time.sleep(0.3)
    samples = prober.stop()["shop"]
    shed = [s for s in samples if s.flags & Flag.SHED]
    # those of the stall, and those of the next 0.1 s while the 64 sent at once are waited for, which a busy machine draws out
    expected = (stalled_s + 0.1) * 400 - 64
    assert expected - 20 <= len(shed) <= expected + 100 < len(samples)
    assert all(s.bad and s.done and s.status == 0 for s in shed)


def test_a_service_that_hangs_is_timed_out_and_not_shed(service, probe):
    samples = _for(1.2, probe, indicator(f"{service.url}/slow", rate=400.0))
    assert not any(s.flags & Flag.SHED for s in samples)


def test_a_killed_prober_leaves_every_finished_record(service, probe):
    prober = probe(indicator(f"{service.url}/ok", rate=500.0))
    prober.start()
    time.sleep(0.6)
    prober.process.kill()
    prober.process.wait()
    samples = tape.read_all(prober.tapes["shop"])
    assert len(samples) > 150
    assert sum(s.done for s in samples) >= len(samples) - 100, "all but what the service had not answered yet"
    assert all(s.status == 200 and s.latency_us > 0 for s in samples if s.done)


def test_the_heartbeat_beats_before_and_during_traffic_and_stops_with_the_prober(service, probe):
    prober = probe(indicator(f"{service.url}/ok", rate=1.0))
    reader = tape.Reader(prober.tapes["shop"])
    _beats(reader)
    prober.start()
    _beats(reader)
    prober.process.kill()
    prober.process.wait()
    last = reader.header().heartbeat_ns
    time.sleep(0.05)
    assert reader.header().heartbeat_ns == last
    reader.close()


def test_at_the_longest_length_it_stops_sending_and_says_so(service, probe):
    prober = probe(indicator(f"{service.url}/ok"), limit_s=0.3)
    prober.start()
    assert prober.hear() == {"say": "limit"}
    assert 25 <= len(prober.stop()["shop"]) <= 31


def test_streams_are_taped_apart(service, probe):
    prober = probe(indicator(f"{service.url}/ok"), indicator(f"{service.url}/500", name="a/b c", rate=50.0))
    prober.start()
    time.sleep(0.5)
    tapes = prober.stop()
    assert {s.status for s in tapes["shop"]} == {200}
    assert {s.status for s in tapes["a/b c"]} == {500}


def test_a_url_that_cannot_be_asked_is_one_sentence(probe):
    prober = probe(indicator("ftp://127.0.0.1/"))
    assert prober.first["say"] == "error"
    assert "ftp://127.0.0.1/" in prober.first["message"]
    assert prober.process.wait(PATIENCE_S) == 7


def test_interrupts_are_not_its_business(service, probe):
    prober = probe(indicator(f"{service.url}/ok"))
    prober.process.send_signal(signal.SIGINT)
    prober.start()
    time.sleep(0.2)
    assert prober.stop()["shop"]


PARENT = """
import os, subprocess, sys, time
prober = subprocess.Popen([sys.executable, "-P", "-m", "runner.probe.prober"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
prober.stdin.write(sys.argv[1].encode() + b'\\n'); prober.stdin.flush()
prober.stdout.readline()
prober.stdin.write(b'{"do": "start"}\\n'); prober.stdin.flush()
prober.stdout.readline()
print(prober.pid, flush=True)
time.sleep(60)
"""


def test_when_the_parent_dies_it_stops_sending_and_starts_the_undo_once(service, tmp_path: Path):
    note = tmp_path / "undone"
    undo = (sys.executable, "-c", f"import os; open({str(note)!r}, 'a').write(f'once at {{os.nice(0)}} ')")
    start = messages.Start(
        run="r", folder=str(tmp_path), seed=1, limit_s=30, indicators=(indicator(f"{service.url}/ok"),), on_orphan=undo
    )
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, json.dumps(codec.encode(start))], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.3)
        parent.kill()
    until(lambda: note.exists() and ended(pid), "it has ended and begun the undo")
    time.sleep(0.2)
    assert note.read_text() == f"once at {os.nice(0)} ", "what an undo starts may stay: it is no prober"
    assert tape.read_all(tmp_path / "0-shop.tape")


def test_after_stop_the_end_of_the_pipe_is_no_alarm(service, probe, tmp_path: Path):
    note = tmp_path / "undone"
    prober = probe(indicator(f"{service.url}/ok"), on_orphan=(sys.executable, "-c", f"open({str(note)!r}, 'a')"))
    prober.start()
    prober.stop()
    time.sleep(0.3)
    assert not note.exists()


def _beats(reader: tape.Reader) -> None:
    """Five times, each a while after the one before."""
    for _ in range(5):
        last = reader.header().heartbeat_ns
        until(lambda last=last: reader.header().heartbeat_ns > last, "it beats")  # type: ignore[misc]


def _freeze(process: subprocess.Popen[bytes], seconds: float) -> float:
    """How long it stood still at least."""
    process.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    time.sleep(seconds)
    stalled_s = time.monotonic() - begin
    process.send_signal(signal.SIGCONT)
    return stalled_s
