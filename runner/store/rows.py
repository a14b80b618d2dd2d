"""A record as rows, and the statements that write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from runner import clock
from runner.characters import harmless
from runner.timeline.vocabulary import MarkName, StopReason

if TYPE_CHECKING:
    from runner.timeline.event import Event
    from runner.timeline.record import RunRecord

Row = dict[str, Any]

TABLES = ("runs", "records", "events", "objectives", "faults", "undo_steps", "findings", "marks", "labels")
_WIRE = ("event", "at", "t", "run")


def name_of(experiment: str) -> str:
    """What the runs of one experiment are compared by: its file's name without folder and ending."""
    return PurePosixPath(experiment.split("?")[0].rstrip("/")).stem or experiment


def compared(record: RunRecord) -> tuple[str, str]:
    """Service and name, as the rows have them."""
    return harmless(record.service), harmless(name_of(record.experiment))


def rows(record: RunRecord, events: Iterable[Event | Mapping[str, Any]]) -> dict[str, list[Row]]:
    """Every row of one run, table by table."""
    told = [e if isinstance(e, Mapping) else e.to_json() for e in events]
    return {
        "runs": [_run(record) | figures(record, told)],
        "records": [{"document": json.dumps(record.to_json(), default=str)}],
        "events": [_event(wire) for wire in told],
        "objectives": [_objective(o) for o in record.to_json()["objectives"]],
        "faults": [
            {k: v for k, v in f.items() if k != "stays"} | {"targets": json.dumps(f["targets"])}
            for f in record.to_json()["faults"]
        ],
        "undo_steps": list(record.to_json()["undo"]),
        "findings": list(record.to_json()["findings"]),
        "marks": [
            {k: v for k, v in m.items() if k not in ("evidence", "unmeasured_s")} | {"at": clock.rfc3339(mark.at)}
            for m, mark in zip(record.to_json()["marks"], record.marks, strict=True)
        ],
        "labels": [{"name": name, "value": value} for name, value in record.labels.items()],
    }


def insert(table: str, row: Row) -> str:
    """The INSERT of one row, with named parameters."""
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(':' + column for column in row)})"


def numbered(run: str, table: str, found: Iterable[Row]) -> list[Row]:
    """The rows with their key; texts without what a database refuses (NUL, half a surrogate): the document has them exactly."""
    storable = [{k: harmless(v) if isinstance(v, str) else v for k, v in row.items()} for row in found]
    if table in ("runs", "records"):
        return [{"run": run, **row} for row in storable]
    return [{"run": run, "number": number, **row} for number, row in enumerate(storable, 1)]


def _run(record: RunRecord) -> Row:
    same = ("service", "verdict", "title", "experiment", "experiment_hash", "context", "gameday", "folder",
            "ttd_s", "ttd_error_s", "ttr_s", "ttr_error_s", "sentence", "imported")  # fmt: skip
    return {
        "started": clock.rfc3339(record.started),
        "ended": clock.rfc3339(record.ended),
        "name": name_of(record.experiment),
        "exit_code": int(record.exit_code),
        "ttd_censored": int(record.ttd_censored),
        "ttr_censored": int(record.ttr_censored),
        "injected": int(record.mark(MarkName.INJECTED) is not None),
        **{column: getattr(record, column) for column in same},
    }


def figures(record: RunRecord, events: Iterable[Mapping[str, Any]]) -> Row:
    """What the metrics ask of a run: its objectives by verdict, users' requests, and whether it was a person who ended it."""
    verdicts = [o.verdict for o in record.objectives]
    asked = [o for o in record.objectives if o.kind == "availability"]
    return {
        "by_person": int(any(e["event"] == "abort" and e.get("by") == StopReason.PERSON for e in events)),
        "passed": verdicts.count("PASS"),
        "failed": verdicts.count("FAIL"),
        "undecided": verdicts.count("INCONCLUSIVE"),
        "requests": sum(o.total for o in asked),
        "bad": sum(o.bad for o in asked),
    }


def _event(wire: Mapping[str, Any]) -> Row:
    own = {k: v for k, v in wire.items() if k not in _WIRE}
    return {
        "at": wire["at"],
        "t": wire["t"],
        "event": wire["event"],
        "fields": json.dumps(own, default=str),
    }


def _objective(objective: Row) -> Row:
    bounds = {"lower_bound": objective["lower"], "upper_bound": objective["upper"]}
    whole = (
        "lower",
        "upper",
        "window_s",
        "slice_s",
        "slice_target",
        "judge",
        "unmeasured",
    )  # nobody asks the tables for these
    return {k: v for k, v in objective.items() if k not in whole} | bounds
