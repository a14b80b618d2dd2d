"""Recovery on a person's word: runs of this machine whose runner died are undone, put on record, and let go of what they held."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from runner import errors, units
from runner.rundir import events, live, paths
from runner.rundir.ledger import Ledger
from runner.undo import pending
from runner.undo.pending import Unfinished


def unfinished() -> list[Unfinished]:
    """The runs that are to be recovered, oldest first."""
    return pending.find(paths.runs_dir())


def recover(found: Sequence[Unfinished], store: str | None) -> list[str]:
    """Undo each of them; the ids of those where something is still open."""
    from runner.store import Store

    failed = [run.run for run in found if not pending.recover(run)]
    if found:
        with Store.open(store) as opened:
            opened.reindex()
    _release_targets(store, failed)
    return failed


def close_by_hand(name: str, reason: str) -> tuple[Unfinished, str]:
    """A person answers for what one run left open: that run, and the person. Raises UsageError where no single run is meant."""
    meant = [run for run in unfinished() if run.run.startswith(name)]
    if len(meant) != 1:
        raise errors.UsageError(
            f"{len(meant)} unfinished runs are called {name!r}", hint="chaos-run recover --dry-run lists them"
        )
    person = units.user()
    Ledger(meant[0].folder).settle_by_hand(person, reason)
    return meant[0], person


def put_back_sentence(run: Unfinished) -> str:
    """What the last undo and the check after it came to; empty where there was none."""
    undone = [e for e in events.read(run.folder) if e["event"] == "undone"]
    return str(undone[-1].get("sentence") or "every undo step succeeded") if undone else ""


def _release_targets(store: str | None, failed: Sequence[str]) -> None:
    """Let others have the targets that dead runs of this machine still hold on a shared record; they run out by themselves too."""
    from runner.store import Store

    if (url := paths.shared(store)) is None:
        return
    with contextlib.suppress(errors.EnvironmentFailure), Store.open(url) as opened:
        for run in opened.presence.live():
            if run.run not in failed and live.is_left(paths.runs_dir(), run.run):
                opened.presence.leave(run.run)
