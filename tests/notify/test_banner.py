"""Whoever is paged reads that it is a drill, whose, until when, and how it is stopped; after what they are paged for."""

from __future__ import annotations

from pathlib import Path

from runner.experiment.channels import Channel
from runner.notify.alert_policy import AlertPolicy
from runner.notify.outbox import Outbox
from runner.timeline.event import Name
from tests.notify.receiver import receiver
from tests.notify.test_alert_policy import event

STARTED = event(Name.RUN_STARTED, title="pod-kill", service="shop", by="ann", planned_s=2520.0, context="kind-a")
NAMED = "DRILL: chaos-run r1 of “pod-kill” on shop, run by ann"
STOP = f"{NAMED}, until about 00:42 UTC, stop with: chaos-run stop r1"


def test_a_page_names_the_drill_however_long_the_rest_is(tmp_path: Path) -> None:
    (tmp_path / "r1").mkdir()
    herald = AlertPolicy()
    herald.hear(STARTED)
    with receiver() as pager, receiver() as chat:
        levels = ("critical",)
        outbox = Outbox(
            (
                Channel(name="page", pagerduty="key", endpoint=pager.url, levels=levels),
                Channel(name="chat", webhook=chat.url, levels=levels),
            ),
            tmp_path,
        )
        outbox.open()
        left = herald.hear(event(Name.UNDONE, clean=False, residue=["node n1 is cordoned", "x" * 2000]))
        assert left is not None
        outbox.put(left)
        outbox.close()
    (page,), (said,) = pager.bodies(), chat.bodies()
    summary = page["payload"]["summary"]
    assert summary.startswith("pod-kill: NOT everything was put back: node n1 is cordoned")
    assert summary.endswith(f"x ({STOP})")
    assert len(summary) == 1024
    assert page["payload"]["custom_details"]["drill"] == said["drill"] == STOP
    assert said["text"].endswith(f"({STOP})")


def test_when_it_is_over_nobody_is_told_how_to_stop_it() -> None:
    herald = AlertPolicy()
    herald.hear(STARTED)
    verdict = herald.hear(event(Name.VERDICT, verdict="FAIL", sentence="3 % bad"))
    assert verdict is not None
    assert verdict.whole == f"FAIL: 3 % bad ({NAMED})"
