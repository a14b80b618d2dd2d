"""`python -m runner.app.orphan_notice FILE FOLDER [late]`: put a run that lost its runner on the record, and tell others of it.

Called by the process that has undone the run. Exit code 1 when somebody who should have heard of it has not.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from runner import errors
from runner.app import annotate, announce
from runner.experiment.channels import Channel, Channels, Telemetry
from runner.notify import alert_policy, delivery_log
from runner.notify.alert_policy import Message
from runner.notify.outbox import Errand, Outbox
from runner.telemetry.finished import Finished
from runner.timeline import event
from runner.timeline.vocabulary import StopReason


def tell(file: str, folder: Path, *, late: bool) -> bool:
    """By the file of channels that the run itself had; what became of it is kept with the run like any message.

    False when it has to be told again, to those who have not heard it yet.
    """
    run = announce.read_finished(folder)
    message = _message(run, late=late)
    try:
        found = announce.read_channels(file or None)
    except errors.ChaosRunError as problem:  # settings of another shell than the run's: known, and not told
        found, said = Channels.model_construct(telemetry=Telemetry().over(os.environ)), problem.message
        failed = [Errand(run=folder.name, event=message.event, channel="all", level=message.level, act=lambda: said)]
    else:
        failed = []
    outbox = Outbox(_channels_left(found.channels, folder, message, late=late), folder.parent)
    outbox.open()
    outbox.put(message)
    for errand in (*failed, *announce.export_errands(folder, found.telemetry)):
        outbox.put(errand)
    outbox.close()
    annotate.close_open_regions(found)
    reached = outbox.reached(message.event, message.level) or ()
    return not failed and set(reached) == set(outbox.hearers(message.level))


def _channels_left(channels: Sequence[Channel], folder: Path, message: Message, *, late: bool) -> tuple[Channel, ...]:
    """Not those who have heard it from an earlier try; but that something is still open is told to all again."""
    same = {"event": message.event, "level": message.level, "delivered": True}
    heard = {line.get("channel") for line in delivery_log.read(folder) if same.items() <= line.items()}
    return tuple(c for c in channels if c.name not in heard or (late and message.level == "critical"))


def _message(run: Finished, *, late: bool) -> Message:
    """A record that a survivor closed is of a dead runner; any other run had told its own verdict."""
    died = "closed_by" in run.record.environment
    heard = [e["at"] for e in run.events[: _died_at(run)]] if died else []
    started = next((event.from_json(e) for e in run.events if e["event"] == "run_started"), None)
    return alert_policy.survived(
        run.record,
        started,
        died=died,
        left=run.left or _residue(run),
        heard=datetime.fromisoformat(heard[-1]) if heard else run.record.ended,
        now=datetime.now(UTC),
        late=late,
    )


def _residue(run: Finished) -> tuple[str, ...]:
    """What the last scan found: the record has only what was left when it was closed."""
    undone = next((e for e in reversed(run.events) if e["event"] == "undone"), None)
    return tuple(undone.get("residue") or ()) if undone else ()


def _died_at(run: Finished) -> int:
    """Where in its events a survivor took over."""
    return next(
        (n for n, e in enumerate(run.events) if e["event"] == "abort" and e.get("by") == StopReason.RUNNER),
        len(run.events),
    )


def put_on_record(run: str) -> None:
    """Save the run in the record that it belongs to. Where that cannot be now, whoever opens the record next does it."""
    from runner.store import Store, undelivered

    with contextlib.suppress(errors.ChaosRunError):
        if url := undelivered.belongs_to(run):
            Store.open(url).close()


if __name__ == "__main__":
    heard = tell(sys.argv[1], Path(sys.argv[2]), late=len(sys.argv) > 3)
    put_on_record(Path(sys.argv[2]).name)
    sys.exit(0 if heard else 1)
