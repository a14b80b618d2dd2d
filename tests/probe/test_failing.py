"""Each way in which a request fails is told by its own name: real sockets that fail in that way."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter

import pytest

from runner.probe import messages, tape
from runner.slo import causes
from runner.slo.sample import Cause, Flag, Sample
from tests.probe import odd
from tests.probe.behind_slow_dns import RATE, TAKES_S
from tests.probe.conftest import ROOT

_NO_NAME = ".".join(["a" * 60] * 5)
"""Too long for any name, so that it has no address wherever we are: the machine's resolver is not asked, which may take its time."""

_WARM = 2
"""So many connections are opened beforehand, and have been idle for as long as the start took."""


def _asked(probe, url: str, seconds: float = 0.5, **more: object) -> list[Sample]:  # type: ignore[no-untyped-def]
    given = {"name": "shop", "url": url, "rate": 50.0, "timeout_s": 0.3, "status": ((200, 299),)} | more
    prober = probe(messages.Indicator(**given))
    prober.start()
    time.sleep(seconds)
    samples: list[Sample] = prober.stop()["shop"]
    assert samples
    return samples


def _names(samples: list[Sample]) -> set[str]:
    return set(causes.counted(samples))


@pytest.mark.parametrize(
    ("way", "name"),
    [
        (odd.closes_unanswered, "closed without an answer"),
        (odd.resets_unanswered, "reset"),
        (odd.cuts_the_head, "cut short"),
        (odd.cuts_the_body, "cut short"),
        (odd.cuts_a_chunk, "cut short"),
        (odd.resets_the_body, "cut short"),
        (odd.trickles, "timed out in the middle of the answer"),
        (odd.says_nothing, "timed out"),
        (odd.talks_ssh, "not HTTP"),
    ],
)
@pytest.mark.parametrize("new_every", [0, 1])
def test_a_failure_is_told_by_its_name(probe, way, name, new_every):
    with odd.serving(way) as url:
        samples = _asked(probe, url, new_every=new_every)
    assert all(s.bad for s in samples)
    assert _names(samples) == {name}
    if new_every:
        assert all(s.flags & Flag.NEW_CONNECTION for s in samples)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_where_nobody_listens_it_is_refused_by_whatever_name_the_host_goes(probe, host):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        samples = _asked(probe, f"http://{host}:{unused.getsockname()[1]}/")
    assert _names(samples) == {"refused"}


@pytest.mark.skipif(
    not any(found[0] == socket.AF_INET6 for found in socket.getaddrinfo("localhost", 80)),
    reason="localhost is IPv4 only here",
)
def test_of_two_addresses_of_a_name_one_that_answers_is_enough(probe):
    with odd.serving(odd.answers, "::1") as url:
        samples = _asked(probe, url.replace("[::1]", "localhost"), new_every=2)
    assert not _names(samples)


def test_a_name_without_an_address_is_a_failure_of_dns(probe):
    samples = _asked(probe, f"http://{_NO_NAME}/")
    assert _names(samples) == {"DNS failed"}


@pytest.mark.skipif(os.geteuid() != 0, reason="DNS of its own takes root")
def test_lookups_that_take_long_do_not_wait_for_each_other():
    inside = ["unshare", "--mount", "--net", sys.executable, "-m", "tests.probe.behind_slow_dns"]
    told = subprocess.run(inside, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(told.stdout)
    assert found["lookups at once"] > RATE * TAKES_S / 2, "50 a second are each under way for half a second"
    assert found["causes"] == []


def test_a_host_without_a_route_is_unreachable(probe):
    samples = _asked(probe, "http://255.255.255.255/")
    assert _names(samples) == {"unreachable"}


def test_a_connection_that_is_never_made_timed_out_connecting(probe):
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            line = waiting.enter_context(socket.socket())
            line.setblocking(False)
            line.connect_ex(full.getsockname())
        samples = _asked(probe, f"http://127.0.0.1:{full.getsockname()[1]}/", new_every=1)
    assert _names(samples) == {"timed out connecting"}
    assert all(s.flags & Flag.NEW_CONNECTION for s in samples)


def test_a_service_without_tls_fails_at_it(probe):
    with odd.serving(odd.talks_ssh) as url:
        samples = _asked(probe, url.replace("http:", "https:"))
    assert _names(samples) == {"TLS failed"}


def test_a_certificate_that_nobody_trusts_is_a_failure_of_tls(probe, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))

    def secured(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as line:
            odd.answers(line)

    with odd.serving(secured) as url:
        assert _names(_asked(probe, url.replace("http:", "https:"))) == {"TLS failed"}


@pytest.mark.parametrize("url", ["http://shop.invalid/", "https://shop.invalid/"])
def test_a_proxy_that_is_not_there_is_named(probe, url):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        samples = _asked(probe, url, proxy=f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert _names(samples) == {"failed at the proxy"}


def test_a_proxy_without_an_address_is_not_taken_for_the_service(probe):
    samples = _asked(probe, "http://127.0.0.1/", proxy=f"http://{_NO_NAME}:3128")
    assert _names(samples) == {"failed at the proxy"}


@pytest.mark.parametrize("way", [odd.closes_unanswered, odd.resets_unanswered, odd.talks_ssh, odd.forbids])
def test_a_proxy_that_does_not_lead_to_the_service_is_named(probe, way):
    with odd.serving(way) as url:
        assert _names(_asked(probe, "https://shop.invalid/", proxy=url)) == {"failed at the proxy"}


def test_an_end_in_the_tls_handshake_is_told_as_that_of_any_connection(probe):
    with odd.serving(odd.closes_unanswered) as url:
        assert _names(_asked(probe, url.replace("http:", "https:"))) == {"closed without an answer"}


def test_a_proxy_is_asked_for_the_service(probe):
    heard: list[bytes] = []

    def relays(connection: socket.socket) -> None:
        while asked := connection.recv(65536):
            heard.append(asked)
            connection.sendall(odd.OK)

    with odd.serving(relays) as url:
        samples = _asked(probe, "http://shop.invalid/page", proxy=url)
    assert not _names(samples)
    assert all(line.startswith(b"GET http://shop.invalid/page HTTP/1.1\r\n") for line in heard)


@pytest.mark.parametrize("hard", [True, False])
def test_a_request_that_meets_the_end_of_an_idle_connection_says_so(probe, hard):
    with odd.serving(odd.ends_idle(0.1, hard=hard)) as url:
        samples = _asked(probe, url, 1.5, rate=5.0)[_WARM:]
    assert _names(samples) == {"closed while idle"}


@pytest.mark.parametrize(
    ("rate", "work_s"),
    [
        pytest.param(5.0, 0.15, id="idle, but it was at work"),
        pytest.param(40.0, 0.0, id="it broke off at once, but was not idle"),
    ],
)
def test_a_service_that_breaks_off_its_work_was_not_idle(probe, rate, work_s):
    with odd.serving(odd.dies_at_work(work_s)) as url:
        samples = _asked(probe, url, 1.5, rate=rate, timeout_s=1.0)[_WARM:]
    assert _names(samples) == {"closed without an answer"}


def test_what_this_machine_has_no_room_for_was_never_sent(probe):
    with odd.serving(odd.says_nothing) as url:
        prober = probe(messages.Indicator(name="shop", url=url, rate=200.0, timeout_s=0.3, new_every=1))
        resource.prlimit(prober.process.pid, resource.RLIMIT_NOFILE, (40, 40))
        prober.start()
        time.sleep(0.6)
        samples = prober.stop()["shop"]
    unsent = [s for s in samples if s.flags & Flag.SHED]
    assert _names(unsent) == {"not sent, no free port or file here"}
    assert _names(samples) == {"not sent, no free port or file here", "timed out"}


@pytest.mark.parametrize(("new_every", "share"), [(1, 1.0), (2, 0.5), (4, 0.25)])
def test_each_nth_request_opens_a_connection_of_its_own(probe, new_every, share):
    with odd.serving(odd.answers) as url:
        samples = _asked(probe, url, 1.0, rate=100.0, new_every=new_every)
    samples = [
        s for s in samples if s.late_us <= 20_000
    ]  # after a stall it sends a burst, for which one connection is too few
    assert len(samples) > 30
    opened = sum(bool(s.flags & Flag.NEW_CONNECTION) for s in samples) / len(samples)
    assert opened == pytest.approx(share, abs=0.06)


def test_a_tape_that_knows_no_causes_is_told_by_its_flags(tmp_path):
    old = tape.TapeWriter(tmp_path / "old.tape", rate=10, timeout_s=1, limit_s=10)
    for number, (status, flags) in enumerate(
        [(0, Flag.CONNECTION), (0, Flag.TIMEOUT), (0, Flag.SHED), (0, Flag.PROTOCOL), (503, Flag.UNEXPECTED), (200, 0)]
    ):
        old.done(old.sent(number, 0), 5, status, int(flags))
    old.trim()
    assert causes.counted(tape.read_all(tmp_path / "old.tape")) == {
        "no connection": 1,
        "timed out": 1,
        "not sent, too many under way": 1,
        "not HTTP": 1,
        "status 503": 1,
    }


def test_every_cause_has_a_name_of_its_own():
    named = Counter(causes.name(Sample(1, 0, 1, 0, 3 | Flag.CONNECTION | c << 8)) for c in Cause if c)
    assert set(named.values()) == {1}


def _certificate(folder) -> str:  # type: ignore[no-untyped-def]
    import subprocess

    path = folder / "both.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=shop", "-days", "1"]
    subprocess.run([*made, "-keyout", folder / "k", "-out", folder / "c"], check=True, capture_output=True)
    path.write_bytes((folder / "k").read_bytes() + (folder / "c").read_bytes())
    return str(path)
