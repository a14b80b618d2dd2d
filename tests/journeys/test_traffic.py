"""What users get is what is good: statuses, new connections, ways to fail, told in verdict, record and report."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.engine.conclude import rejudge
from runner.timeline.record import from_json
from tests.journeys.harness import ROOT, UNHURRIED, Run, record, started
from tests.probe import odd

_OLDER = ("name", "url", "rate", "timeout_s", "tape", "seen_ns", "until_ns")
"""Fields of an indicator in records of versions before."""


def chaos_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@contextlib.contextmanager
def _run(folder: Path, service: odd.Way, control: odd.Way = odd.answers, **stream: Any) -> Iterator[Run]:
    """A run whose one action tells the service to break."""
    with odd.serving(service) as url, odd.serving(control) as breaking:
        action = {"type": "action", "name": "break", "provider": {"type": "http", "url": f"{breaking}break"}}
        ours = {
            "name": "chaos-run",
            "traffic": [{"name": "front", "url": f"{url}page", "rate": 50, "timeout": UNHURRIED, **stream}],
            "objectives": [{"name": "up", "indicator": "front", "target": "90%"}],
            "windows": {"baseline": "1s", "recovery": "2s", "stable": "500ms"},
            "abort": [{"duration": "60s"}],
        }
        whole = {"title": "odd", "description": "-", "method": [action | {"pauses": {"after": 3}}], "rollbacks": []}
        with started(folder, whole | {"extensions": [ours]}) as run:
            yield run


def _fickle(folder: Path, fickle: odd.Fickle, **stream: Any) -> contextlib.AbstractContextManager[Run]:
    return _run(folder, fickle, fickle.control, **stream)


def _met(run: Run) -> dict[str, Any]:
    (met,) = run.verdict["traffic"]
    return dict(met)


def _judged_as_older(run: Run) -> str:
    """Its sentence by `judge`, were its record one of a version that kept no statuses: the tape's own rule holds."""
    plain = record(run)
    plain["indicators"] = [{k: v for k, v in i.items() if k in _OLDER} for i in plain["indicators"]]
    older = from_json(plain)
    assert older.indicators[0].new is None
    assert not older.indicators[0].status
    return rejudge.judge(older).sentence


def test_a_service_that_only_redirects_is_told_with_where_it_leads(tmp_path: Path) -> None:
    led = odd.status(301, "Location: https://me:secret@shop.internal/login?token=secret\r\n")
    with _fickle(tmp_path, odd.Fickle(led, led)) as run:
        assert run.finish() == 0
    (said,) = [f for f in run.verdict["findings"] if "redirect" in f]
    assert "status 301, a redirect to https://shop.internal/login, which" in said
    assert "secret" not in json.dumps(run.events)
    assert _met(run)["status"] == "200-299,301"


def test_a_redirect_that_comes_with_the_fault_is_bad_and_judged_so_again(tmp_path: Path) -> None:
    with _fickle(tmp_path, odd.Fickle(odd.ok, odd.status(302, "Location: /sorry\r\n"))) as run:
        assert run.finish() == 1
    met = _met(run)
    assert met["status"] == "200-299"
    assert met["failures"].keys() == {"status 302"}
    assert met["before"].keys() == {"200"}
    assert "the baseline had no status 302" in met["sentence"]
    said = json.loads(chaos_run("judge", run.events[0]["run"], "--json").stdout)
    assert said["sentence"] == run.verdict["sentence"]
    assert said["indicators"][0]["status"] == "200-299"
    assert _judged_as_older(run) == run.verdict["sentence"]


def test_a_status_that_the_baseline_had_is_good_and_told_where_it_grows(tmp_path: Path) -> None:
    gone = odd.status(404)
    with _fickle(tmp_path, odd.Fickle(odd.every(5, gone), gone)) as run:
        assert run.finish() == 0
    assert _met(run)["status"] == "200-299,404"
    assert not _met(run)["failures"]
    assert any(re.search(r"status 404, in the baseline [12]\d", f) for f in run.verdict["findings"])


def test_an_error_of_the_server_is_never_good_for_having_been_there_before(tmp_path: Path) -> None:
    with _fickle(tmp_path, odd.Fickle(odd.every(20, odd.status(503)), odd.status(503))) as run:
        assert run.finish() == 1
    assert _met(run)["status"] == "200-299"
    assert _met(run)["failures"].keys() == {"status 503"}


def test_what_the_file_declares_holds_and_what_is_new_in_it_is_told(tmp_path: Path) -> None:
    fickle = odd.Fickle(odd.ok, odd.status(404))
    with _fickle(tmp_path, fickle, expect={"status": "200,404"}) as run:
        assert run.finish() == 0
    assert _met(run)["status"] == "200,404"
    assert any("had status 404, which the baseline did not have" in f for f in run.verdict["findings"])


@pytest.mark.parametrize(("new", "code"), [("mixed", 1), (True, 1), (False, 0)])
def test_a_fault_that_only_meets_who_comes_anew_is_seen_and_told_apart(tmp_path: Path, new: object, code: int) -> None:
    """As with a proxy that still sends some of those who come to a pod that is gone."""
    with _fickle(tmp_path, odd.Fickle(odd.ok, None), new_connections=new) as run:
        assert run.finish() == code
    met = _met(run)
    if new is not False:
        assert met["new_bad"] > 0.9 * met["new"] > 50
        assert met["failures"].keys() == {"reset"}
    if new is not True:
        assert met["kept"] > 50
        assert not met["kept_bad"]
    page = (run.folder / "report.html").read_text()
    assert "What users met" in page
    shown = chaos_run("show", run.events[0]["run"]).stdout
    assert met["sentence"] in shown


def test_with_requests_that_met_the_end_of_an_idle_connection_comes_what_to_do(tmp_path: Path) -> None:
    with _run(tmp_path, odd.ends_idle(0.1, hard=True), rate=5, new_connections=False) as run:
        assert run.finish() == 4
    assert "closed while idle" in run.verdict["sentence"]
    assert "new_connections: true" in run.verdict["sentence"]


def test_traffic_and_hypothesis_go_through_the_proxy_of_the_environment_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    def proxy(connection: Any) -> None:
        while asked := connection.recv(65536):
            heard.append(asked.split(b"\r\n")[0])
            connection.sendall(odd.OK)

    with odd.serving(proxy) as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        ours = {
            "name": "chaos-run",
            "traffic": [{"name": "front", "url": "http://shop.invalid/page", "rate": 50}],
            "objectives": [{"name": "up", "indicator": "front", "target": "90%"}],
            "windows": {"baseline": "500ms", "recovery": "2s", "stable": "500ms"},
        }
        provider = {"type": "http", "url": "http://shop.invalid/check", "timeout": 2}
        check = {"type": "probe", "name": "answers", "tolerance": 200, "provider": provider}
        whole = {
            "title": "proxied",
            "description": "-",
            "steady-state-hypothesis": {"title": "h", "probes": [check]},
            "method": [{"type": "action", "name": "noop", "provider": {"type": "process", "path": "true"}}],
            "rollbacks": [],
            "extensions": [ours],
        }
        with started(tmp_path, whole) as run:
            run.finish()
    assert {line.split()[1] for line in heard} == {b"http://shop.invalid/page", b"http://shop.invalid/check"}
    said = f"through the proxy {url.rstrip('/')} (HTTP_PROXY): the traffic front, answers"
    assert any(said in f for f in run.verdict["findings"])
