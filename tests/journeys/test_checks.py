"""A check of the hypothesis ends with the window it belongs to, and says what it saw."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.chaostoolkit.test_providers import HEAD, Server
from tests.journeys.harness import Json, Service, experiment, http, python, started
from tests.journeys.test_values import shell
from tests.waiting import HANG_S, PATIENCE_S


def test_a_check_that_hangs_after_the_undo_obeys_the_window_of_the_recovery(service: Service, tmp_path: Path) -> None:
    flag = tmp_path / "hangs"
    probe = shell("probe", "looks", f"if [ -f {flag} ]; then sleep {HANG_S:g}; fi", tolerance=0)
    document = experiment(
        service,
        method=[http("break", "/break")],
        rollbacks=[http("mend", "/mend"), shell("action", "hang", f"touch {flag}")],
        windows={"baseline": "1s", "recovery": "2s", "stable": "500ms"},
    )
    document["steady-state-hypothesis"] = {"title": "t", "probes": [probe]}
    with started(tmp_path, document) as run:
        run.until("phase", phase="recover")
        began = time.monotonic()
        assert run.finish() == 1
        assert time.monotonic() - began < PATIENCE_S
    assert "not recovered within 2s" in run.verdict["sentence"]


def test_a_page_that_trickles_under_fault_stretches_no_window(service: Service, tmp_path: Path) -> None:
    flag = tmp_path / "slow"

    def answer(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * (0 if flag.exists() else 1000))
        for _ in range(int(HANG_S / 0.2) if flag.exists() else 0):
            connection.sendall(b"x")
            time.sleep(0.2)

    page = Server(answer)
    document = experiment(
        service,
        method=[shell("action", "slow", f"touch {flag}", pauses={"after": 2})],
        rollbacks=[shell("action", "quick", f"rm {flag}")],
        hypothesis={"during": True, "frequency": 0.2},
    )
    provider = {"type": "http", "url": page.url, "timeout": 1}
    probe = {"type": "probe", "name": "page", "tolerance": 200, "provider": provider}
    document["steady-state-hypothesis"] = {"title": "t", "probes": [probe]}
    with started(tmp_path, document) as run:
        assert run.finish() == 1, run.stderr()
    page.listener.close()
    assert "page: timed out: no whole answer within 1 s, expected 200" in run.verdict["sentence"]
    phases = {e["phase"]: e["t"] for e in run.named("phase")}
    assert phases["undo"] - phases["inject"] < PATIENCE_S, "the pause, and the check after the method"


def test_what_a_check_saw_and_wanted_stands_in_the_verdict(service: Service, tmp_path: Path) -> None:
    document = experiment(service, method=[http("break", "/break")])
    document["steady-state-hypothesis"] = {
        "title": "t",
        "probes": [http("quoted", "/health", "probe", tolerance="200")],
    }
    with started(tmp_path, document) as run:
        assert run.finish() == 4
    assert 'quoted: a whole answer with status number 200, expected text "200"' in run.verdict["sentence"]


@pytest.mark.parametrize("where", ["hypothesis", "method"])
def test_what_ends_chaos_toolkit_is_named(where: str, service: Service, tmp_path: Path) -> None:
    leaves: Json = python("leaves", "leave", {"code": 3}) | {"type": "probe"}
    document = experiment(service, method=[http("break", "/break"), *([leaves] if where == "method" else [])])
    if where == "hypothesis":
        document["steady-state-hypothesis"] = {"title": "t", "probes": [leaves | {"tolerance": True}]}
    with started(tmp_path, document) as run:
        assert run.finish() == 7
    assert "the probe 'leaves': SystemExit: 3" in run.verdict["sentence"]


def test_a_check_that_kills_the_worker_is_named(service: Service, tmp_path: Path) -> None:
    probe = python("segfaults", "crash") | {"type": "probe", "tolerance": True}
    document = experiment(service, method=[http("break", "/break")])
    document["steady-state-hypothesis"] = {"title": "t", "probes": [http("first", "/", "probe", tolerance=200), probe]}
    with started(tmp_path, document) as run:
        assert run.finish() == 7
    assert "the worker ended with signal SIGSEGV in 'segfaults'" in run.verdict["sentence"]


def test_a_failure_is_told_without_a_traceback(service: Service, tmp_path: Path) -> None:
    fails = python("fails", "last_words", {"text": "line one\nline two"})
    document = experiment(service, method=[http("break", "/break"), fails], rollbacks=[fails, http("mend", "/mend")])
    with started(tmp_path, document) as run:
        assert run.finish() == 6
    for text in (run.verdict["sentence"], *(str(e) for e in run.named("finding") + run.named("undo_step"))):
        assert "Traceback" not in text
        assert "None" not in text.replace("'error': None", "")
    assert "line two" in run.verdict["sentence"]
