"""Which events are told, and how loud."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.experiment import channels
from runner.notify.alert_policy import AlertPolicy
from runner.timeline.event import Event, Name


def event(name: Name, t: float = 1.0, **fields: Any) -> Event:
    return Event(event=name, at=datetime(2026, 11, 24, tzinfo=UTC), mono_ns=1, t=t, run="r1", fields=fields)


@pytest.mark.parametrize(
    ("told", "level"),
    [
        (event(Name.RUN_STARTED, title="x", context="kind-a", environment="sandbox", targets=["pod/a"]), "info"),
        (event(Name.ABORT, by="guard", sentence="too many errors"), "warning"),
        (event(Name.UNDONE, clean=False, residue=["node n1 is cordoned"]), "critical"),
        (event(Name.VERDICT, verdict="PASS", sentence="all held"), "info"),
        (event(Name.VERDICT, verdict="FAIL", sentence="3 % bad"), "warning"),
        (event(Name.VERDICT, verdict="UNDO_FAILED", sentence="n1"), "critical"),
    ],
)
def test_events_have_their_level(told: Event, level: str) -> None:
    message = AlertPolicy().hear(told)
    assert message is not None
    assert message.level == level
    assert str(told.fields.get("sentence", "")) in message.text


@pytest.mark.parametrize("quiet", [event(Name.PHASE, phase="inject"), event(Name.UNDONE, clean=True, residue=[])])
def test_what_goes_well_on_the_way_is_not_told(quiet: Event) -> None:
    assert AlertPolicy().hear(quiet) is None


def test_a_stop_that_does_not_help_in_time_becomes_critical_once() -> None:
    herald = AlertPolicy(escalate_after_s=60)
    herald.hear(event(Name.ABORT, t=10, by="guard", sentence="x"))
    assert herald.escalate(69) is None
    message = herald.escalate(70)
    assert message is not None
    assert message.level == "critical"
    assert herald.escalate(71) is None


def test_users_who_are_well_again_are_no_emergency() -> None:
    herald = AlertPolicy(escalate_after_s=60)
    herald.hear(event(Name.ABORT, t=10, by="guard", sentence="x"))
    herald.hear(event(Name.RECOVERED, t=30))
    assert herald.escalate(100) is None


def test_secrets_of_channels_come_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "notify.yaml"
    file.write_text('channels:\n  - {name: chat, webhook: "http://x/", secret: "${CHAT}", levels: [info]}\n')
    assert channels.load(str(file), {"CHAT": "s3cret"}).channels[0].secret == "s3cret"
    with pytest.raises(errors.InvalidFile) as problem:
        channels.load(str(file), {})
    assert "notify.yaml:2:" in problem.value.rendered
    assert "${CHAT} is not set" in problem.value.rendered


@pytest.mark.parametrize(
    "line",
    [
        "{name: a, levels: [info]}",
        "{name: a, webhook: http://x/, pagerduty: key, levels: [info]}",
        "{name: a, pagerduty: key, secret: s, levels: [info]}",
        "{name: a, webhook: http://x/, levels: []}",
        "{name: a, webhok: http://x/, levels: [info]}",
    ],
)
def test_a_channel_that_is_none_is_refused_with_its_place(tmp_path: Path, line: str) -> None:
    file = tmp_path / "notify.yaml"
    file.write_text(f"channels:\n  - {line}\n")
    with pytest.raises(errors.InvalidFile) as problem:
        channels.load(str(file), {})
    assert "notify.yaml:2:" in problem.value.rendered
