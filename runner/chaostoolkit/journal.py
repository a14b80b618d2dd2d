"""The journal in Chaos Toolkit's own format, put together from what worker and undoer told, so that a killed worker loses none."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from runner import files
from runner.process import messages
from runner.process.messages import ActivityStarted, Noted
from runner.rundir.ledger import Ledger

JOURNAL = "journal.json"
MESSAGES = "journal.jsonl"


class Journal:
    """Grows message by message, in the run's folder too; `finish` gives the document."""

    def __init__(self, document: Mapping[str, Any], folder: Path) -> None:
        self._path = folder / MESSAGES
        self._experiment = {k: v for k, v in document.items() if k != "secrets"}
        self._head: dict[str, Any] = {"start": datetime.now(UTC).isoformat(), "status": None, "deviated": False}
        self._steady: dict[str, Any] = {"before": None, "after": None, "during": []}
        self._run: list[Any] = []
        self._open: dict[str, ActivityStarted] = {}
        self.rollbacks: list[Any] = []
        """Chaos Toolkit's own account of each rollback that was played."""

    @classmethod
    def left(cls, document: Mapping[str, Any], folder: Path) -> Self:
        """What a parent that died had noted, and what was undone by the ledger."""
        journal = cls(document, folder)
        with contextlib.suppress(FileNotFoundError):
            for line in journal._path.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):  # the torn last one
                    journal._take(messages.NOTED.decode(json.loads(line)))
        journal.rollbacks = [o["run"] for o in Ledger(folder).outcomes() if o["run"]]
        return journal

    @property
    def over(self) -> bool:
        """Whether the worker has told its end."""
        return self._head["status"] is not None

    def note(self, message: Noted) -> None:
        """Take in one message of worker or undoer."""
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(messages.NOTED.encode(message)) + "\n")
        self._take(message)

    def write(self) -> None:
        """The whole journal into the run's folder, in place of the messages."""
        text = json.dumps(self.finish(), indent=1, default=str)  # dates of a YAML file
        files.write_atomically(self._path.with_name(JOURNAL), text)
        self._path.unlink(missing_ok=True)

    def _take(self, message: Noted) -> None:
        match message:
            case messages.JournalBegun(journal=begun):
                self._head |= {k: v for k, v in begun.items() if k not in ("run", "rollbacks", "steady_states")}
            case messages.HypothesisChecked(when="during", state=state):
                self._steady["during"].append(state)
            case messages.HypothesisChecked(when=when, state=state):
                self._steady[when] = state
            case messages.ActivityStarted(activity=activity):
                self._open[activity.get("name", "")] = message
            case messages.ActivityCompleted(activity=activity, run=run):
                self._open.pop(activity.get("name", ""), None)
                self._run.append(run)
            case messages.Finished(status=status, deviated=deviated):
                self._head |= {"status": status, "deviated": deviated}
            case messages.UndoProgress(run=run) if run:
                self.rollbacks.append(run)

    def finish(self) -> dict[str, Any]:
        """The whole journal; an activity that was cut off is in it as such."""
        ended = datetime.now(UTC)
        cut = [_interrupted_run(message, ended) for message in self._open.values()]
        return {
            **self._head,
            "status": self._head["status"] or "interrupted",
            "experiment": self._experiment,
            "steady_states": self._steady,
            "run": self._run + cut,
            "rollbacks": self.rollbacks,
            "end": ended.isoformat(),
            "duration": (ended - datetime.fromisoformat(self._head["start"])).total_seconds(),
        }


def _interrupted_run(started: ActivityStarted, ended: datetime) -> dict[str, Any]:
    """The account of an activity that did not live to give one."""
    seconds = (ended - started.at).total_seconds()
    return {
        "activity": started.activity,
        "output": None,
        "start": started.at.isoformat(),
        "status": "failed",
        "exception": ["interrupted: the run was stopped"],
        "end": ended.isoformat(),
        "duration": seconds,
    }
