"""Who is told what: by level, signed, tried again, and what became of it is kept; a receiver that hangs holds nobody up."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.experiment.channels import Channel
from runner.notify.alert_policy import Message
from runner.notify.outbox import FILE, Errand, Outbox
from tests.notify.receiver import receiver
from tests.waiting import PATIENCE_S, until


def message(**changes: Any) -> Message:
    given: dict[str, Any] = {"level": "warning", "title": "pod-kill", "text": "FAIL: 3 % bad", "event": "verdict",
                             "run": "r1", "at": "2026-11-24T12:00:00.000Z"}  # fmt: skip
    return Message(**given | changes)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "r1").mkdir()
    return tmp_path


def opened(channels: Sequence[Channel], runs: Path) -> Outbox:
    outbox = Outbox(channels, runs, close_s=PATIENCE_S)
    outbox.open()
    return outbox


def kept(runs: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (runs / "r1" / FILE).read_text().splitlines()]


def test_a_channel_hears_only_its_levels(runs: Path) -> None:
    with receiver() as chat, receiver() as pager:
        outbox = opened(
            (
                Channel(name="chat", webhook=chat.url, levels=("critical", "warning", "info")),
                Channel(name="pager", pagerduty="key", endpoint=pager.url, levels=("critical",)),
            ),
            runs,
        )
        outbox.put(message(level="info", event="run_started"))
        outbox.put(message(level="critical", event="undone"))
        outbox.close()
    assert [body["event"] for body in chat.bodies()] == ["run_started", "undone"]
    (page,) = pager.bodies()
    assert (page["routing_key"], page["event_action"], page["dedup_key"]) == ("key", "trigger", "chaos-run/r1")
    assert page["payload"]["severity"] == "critical"
    assert [(line["channel"], line["delivered"]) for line in kept(runs)] == [
        ("chat", True),
        ("chat", True),
        ("pager", True),
    ]
    assert outbox.failed == []


def test_a_webhook_is_signed_over_its_moment_and_its_body(runs: Path) -> None:
    begun = int(time.time())
    with receiver() as chat:
        outbox = opened((Channel(name="chat", webhook=chat.url, secret="s3cret", levels=("warning",)),), runs)
        outbox.put(message())
        outbox.close()
    ((headers, raw, body),) = chat.got
    moment, _, digest = headers["X-Chaos-Run-Signature"].partition(",v1=")
    at = moment.removeprefix("t=")
    assert hmac.new(b"s3cret", at.encode() + b"." + raw, hashlib.sha256).hexdigest() == digest
    assert begun <= int(at) <= time.time()
    assert body["text"] == "[warning] pod-kill: FAIL: 3 % bad (run r1)"


def test_the_last_message_is_tried_again_too_and_holds_up_nothing_behind_it(runs: Path) -> None:
    with receiver(answers=[503]) as chat, receiver() as pager:
        outbox = opened(
            [Channel(name=n, webhook=to.url, levels=("warning",)) for n, to in (("chat", chat), ("pager", pager))], runs
        )
        outbox.put(message())
        outbox.put(Errand(run="r1", event="telemetry", channel="figures", act=str))
        outbox.close()
    assert outbox.failed == []
    assert [(line["channel"], line["delivered"], line.get("tries")) for line in kept(runs)] == [
        ("pager", True, 1),
        ("figures", True, None),
        ("chat", True, 2),
    ]


def test_what_cannot_be_delivered_is_kept_without_its_address(runs: Path) -> None:
    channel = Channel(name="chat", webhook="http://127.0.0.1:1/token-in-the-path", levels=("warning",))
    outbox = Outbox([channel], runs, close_s=1.0)
    outbox.open()
    outbox.put(message())
    outbox.close()  # which is sooner than the second try
    assert outbox.failed == ["the notification of 'verdict' to chat failed: ConnectError"]
    assert kept(runs)[0]["delivered"] is False
    assert "token" not in (runs / "r1" / FILE).read_text()


def test_to_put_costs_nothing_while_a_receiver_hangs(runs: Path) -> None:
    with receiver() as chat:
        chat.free.clear()
        outbox = opened((Channel(name="chat", webhook=chat.url, levels=("warning",)),), runs)
        for _ in range(3):
            outbox.put(message())
        assert outbox.reached("verdict", "warning") is None, "it is under way, and nobody has waited for that"
        chat.free.set()
        outbox.close()
    assert len(chat.got) == 3


def test_the_end_waits_no_longer_than_it_may_and_keeps_what_was_given_up(runs: Path) -> None:
    importlib.import_module("httpx")  # the first send would, and be late
    with receiver(hangs_after=1) as chat:
        outbox = Outbox([Channel(name="chat", webhook=chat.url, levels=("warning",))], runs, close_s=2.0)
        for event in ("abort", "recovered", "verdict"):
            outbox.put(message(event=event))
        outbox.open()
        outbox.close()
        until(lambda: len(kept(runs)) == 3, "what became of each is kept")  # a busy machine may be late with it
        assert len(chat.got) == 1, "it hangs still"
    assert [line["delivered"] for line in kept(runs)] == [True, False, False]
    assert [line["event"] for line in kept(runs)] == ["abort", "recovered", "verdict"]
    reasons = [sentence.partition(": ")[2] for sentence in outbox.failed if "still under way" not in sentence]
    assert reasons == ["ReadTimeout", "the program had to end"]


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # a plug-in of Apprise imports it
def test_apprise_carries_it_wherever_it_knows_the_way(runs: Path) -> None:
    importlib.import_module("apprise")  # its time is not the channel's
    with receiver() as chat:
        host = chat.url.removeprefix("http://")
        outbox = opened((Channel(name="any", apprise=f"json://{host}", levels=("warning",)),), runs)
        outbox.put(message())
        outbox.close()
    assert outbox.failed == []
    (body,) = chat.bodies()
    assert body["title"] == "[warning] pod-kill"
    assert body["message"] == "FAIL: 3 % bad (run r1)"
