"""Others are told before anything is broken, can stop it, and what is broken then is what they were told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.journeys import harness
from tests.journeys.harness import ROOT, Service, experiment, http, started
from tests.journeys.test_commands import chaos_run
from tests.notify.receiver import Receiver, receiver
from tests.playground.kubectl import Kubectl


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The one channel there is, which hears all."""
    with receiver() as state:
        levels = ["critical", "warning", "info"]
        told = {"channels": [{"name": "chat", "webhook": state.url, "levels": levels}], "notice_before": "30s"}
        (tmp_path / "notify.yaml").write_text(json.dumps(told))
        monkeypatch.setenv("CHAOS_RUN_NOTIFY", str(tmp_path / "notify.yaml"))
        yield state


def test_whoever_hears_the_notice_can_stop_the_run_before_it_begins(
    service: Service, tmp_path: Path, chat: Receiver
) -> None:
    with started(tmp_path, experiment(service, method=[http("break", "/break")])) as run:
        notice = run.until("notice", state="given")
        words = notice["stop"].split()
        assert chaos_run("stop", words[2], "--reason", "a release is on").returncode == 0
        assert run.finish() == 130
    assert notice["t"] == pytest.approx(-30, abs=0.5)
    lead = datetime.fromisoformat(notice["starts_at"]) - datetime.fromisoformat(notice["at"])
    assert lead.total_seconds() == pytest.approx(30, abs=0.5)
    first, second = chat.bodies()
    assert f"begins at {notice['starts_at']}, in 30s" in first["text"]
    assert f"By {notice['by']}. To stop it: {notice['stop']}" in first["text"]
    assert "called off: stopped by" in second["text"]
    assert "a release is on; nothing was injected" in second["text"]
    assert service.get("/log") == ""
    assert not run.folder.exists(), "nothing happened that anybody need remember"


def test_a_run_that_dies_in_the_time_of_its_notice_is_told_of_by_the_next_start(
    service: Service, tmp_path: Path, chat: Receiver
) -> None:
    with started(tmp_path, experiment(service, method=[http("break", "/break")])) as run:
        run.until("notice", state="given")
        run.kill("parent")
    assert chaos_run("recover").returncode == 0
    late = chat.bodies()[-1]
    assert (late["event"], late["level"]) == ("runner_died", "warning")
    assert "the runner died before any action was begun; nothing was changed. Sent late: " in late["text"]


def test_a_run_whose_targets_are_not_those_of_the_notice_any_more_does_not_begin(
    tmp_path: Path, chat: Receiver
) -> None:
    document = harness.shortened(ROOT / "experiments" / "pod-kill.yaml")
    with started(tmp_path, document, "--playground", "--notice-before", "4s") as run:
        notice = run.until("notice", state="given")
        gone = notice["targets"][0]
        kubectl = Kubectl(run.folder / "playground" / "kubeconfig", "shop")
        kubectl("delete", gone.replace("/shop/", "/"), "--wait=false", "--grace-period=0")
        assert run.finish() == 3
        refused = run.stderr()
    assert "targets changed since the notice was sent" in refused
    assert f"gone: {gone}" in refused
    assert "new: pod/shop/shop-" in refused
    assert [body["event"] for body in chat.bodies()] == ["notice", "notice"]
    assert not run.named("injected")


def test_a_notice_that_nobody_heard_is_none(service: Service, tmp_path: Path, chat: Receiver) -> None:
    chat.answers += [400] * 9
    with started(tmp_path, experiment(service, method=[http("break", "/break")])) as run:
        assert run.finish() == 7
        assert "the notice could not be delivered to any channel" in run.stderr()
    assert service.get("/log") == ""
