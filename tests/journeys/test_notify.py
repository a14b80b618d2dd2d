"""Others are told of a run while it lives, and never at the price of the undo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.journeys.harness import Service, experiment, http, started
from tests.notify.grafana import TOKEN, grafana
from tests.notify.receiver import receiver
from tests.waiting import HANG_S, PATIENCE_S, until


def test_a_receiver_that_hangs_does_not_hold_up_the_undo(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = experiment(
        service,
        traffic=[{"name": "front", "url": "${url}/", "rate": 100, "timeout": "1s"}],
        method=[http("break", "/break", pauses={"after": HANG_S})],
        abort=[{"error_ratio": {"indicator": "front", "above": "50%", "over": "1s"}}],
    )
    with receiver() as chat, grafana(hang_s=0.5) as dashboards:
        file = tmp_path / "notify.yaml"
        told = {"name": "chat", "webhook": "${CHAT_URL}", "levels": ["critical", "warning", "info"]}
        drawn = {"name": "team", "grafana": dashboards.url, "token": "${GRAFANA_TOKEN}"}
        file.write_text(json.dumps({"channels": [told], "annotations": [drawn]}))
        monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
        monkeypatch.setenv("CHAOS_RUN_NOTIFY", str(file))
        monkeypatch.setenv("CHAT_URL", chat.url)
        with started(tmp_path, document) as run:
            run.until("injected")
            until(lambda: chat.got, "the beginning is told")
            chat.free.clear()
            run.until("undo_step", what="mend", state="undone")
            assert [body["event"] for body in chat.bodies()] == ["run_started"], "the receiver hangs still"
            chat.free.set()
            assert run.finish() == 5, run.stderr()
        assert [*dict.fromkeys(body["event"] for body in chat.bodies())] == ["run_started", "abort", "verdict"]
    assert {b["event"]: b["level"] for b in chat.bodies()} == {
        "run_started": "info",
        "abort": "warning",
        "verdict": "warning",
    }
    assert not service.broken
    lines = [json.loads(line) for line in (run.folder / "notifications.jsonl").read_text().splitlines()]
    assert [(line["event"], line["delivered"]) for line in lines if line["channel"] == "chat"] == [
        ("run_started", True),
        ("abort", True),
        ("verdict", True),
    ]
    assert sum(line["delivered"] for line in lines if line["channel"] == "team") == 3
    (region,) = dashboards.annotations
    assert 300 < region["timeEnd"] - region["time"] < 1000 * PATIENCE_S
    assert region["tags"] == ["chaos-run", run.events[0]["run"], "journey", "ABORTED"]


def test_a_region_ends_with_the_undo_although_the_runner_died(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with grafana() as dashboards:
        file = tmp_path / "notify.yaml"
        drawn = {"name": "team", "grafana": dashboards.url, "token": "${GRAFANA_TOKEN}"}
        file.write_text(json.dumps({"annotations": [drawn]}))
        monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
        monkeypatch.setenv("CHAOS_RUN_NOTIFY", str(file))
        with started(tmp_path, experiment(service, method=[http("break", "/break", pauses={"after": 20})])) as run:
            run.until("injected")
            until(lambda: bool(dashboards.annotations), "it has begun")
            run.kill("parent")
            until(lambda: "ENVIRONMENT" in dashboards.annotations[0]["tags"], "it has ended")
        (region,) = dashboards.annotations
    assert region["timeEnd"] > region["time"]
    assert region["text"].endswith("the runner died; every undo step succeeded; not checked: http actions")
    assert not service.broken


def test_a_bad_file_of_channels_is_known_before_anything_is_broken(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "notify.yaml"
    file.write_text("channels:\n  - {name: chat, webhok: x, levels: [info]}\n")
    monkeypatch.setenv("CHAOS_RUN_NOTIFY", str(file))
    with started(tmp_path, experiment(service, method=[http("break", "/break")])) as run:
        assert run.finish() == 2
        assert "notify.yaml:2:" in run.stderr()
    assert not run.events
    assert not service.broken
