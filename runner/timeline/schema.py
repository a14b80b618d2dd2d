"""Schema: the JSON Schema (draft 2020-12) of the event stream, one strict definition an event. A change of it is a breaking change."""

from __future__ import annotations

from typing import Any

from runner.timeline.event import Name
from runner.timeline.vocabulary import StopReason, UndoState
from runner.timeline.way_back import PutBack

Part = dict[str, Any]

_TEXT: Part = {"type": "string"}
_OPTIONAL_TEXT: Part = {"type": ["string", "null"]}
_TEXTS: Part = {"type": "array", "items": _TEXT}
_YES_NO: Part = {"type": "boolean"}
_COUNT: Part = {"type": "integer", "minimum": 0}
_SECONDS: Part = {"type": "number", "minimum": 0}
_OPTIONAL_SECONDS: Part = {"type": ["number", "null"], "minimum": 0}
_ANYTHING: Part = {}


def _one_of(*words: str) -> Part:
    return {"enum": list(words)}


def _object(required: dict[str, Part], optional: dict[str, Part] | None = None) -> Part:
    """An object with these fields and no others."""
    properties = required | (optional or {})
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _list(item: Part) -> Part:
    return {"type": "array", "items": item}


_VERDICTS = ("PASS", "FAIL", "INCONCLUSIVE")
_RUN_VERDICTS = (*_VERDICTS, "ABORTED", "UNDO_FAILED", "ENVIRONMENT", "INTERRUPTED")
_PLAYED = (UndoState.STARTED, UndoState.UNDONE, UndoState.ALREADY, UndoState.FAILED)
_FINDING = {"severity": _one_of("info", "warning", "error"), "message": _TEXT}
_HELD = _object({"name": _TEXT, "met": _YES_NO, "sentence": _TEXT})
_JUDGED = _object(
    {"name": _TEXT, "verdict": _one_of(*_VERDICTS), "sentence": _TEXT},
    {
        "bad": _COUNT,
        "unmeasured": _COUNT,
        "total": _COUNT,
        "target": _SECONDS,
        "threshold_s": _OPTIONAL_SECONDS,
        "slice_s": _OPTIONAL_SECONDS,
        "slice_target": _OPTIONAL_SECONDS,
        "upper": _SECONDS,
        "lower": _SECONDS,
        "budget_spent": _SECONDS,
        "outage_s": _SECONDS,
    },
)
_COUNTS: Part = {"type": "object", "additionalProperties": _COUNT}
_MET = _object(
    {"name": _TEXT, "sentence": _TEXT},
    {
        "status": _TEXT,
        **dict.fromkeys(("before", "answered", "failures"), _COUNTS),
        **dict.fromkeys(("new", "new_bad", "kept", "kept_bad"), _COUNT),
    },
)
_PROBE = _object({"name": _OPTIONAL_TEXT, "met": _YES_NO}, {"value": _ANYTHING, "expected": _ANYTHING})

_FIELDS: dict[Name, tuple[dict[str, Part], dict[str, Part]]] = {
    Name.NOTICE: (
        {"state": _one_of("given", "called off")},
        {
            **dict.fromkeys(("title", "experiment", "service", "context", "environment", "starts_at"), _TEXT),
            **dict.fromkeys(("by", "stop", "plan_hash", "sentence"), _TEXT),
            "targets": _TEXTS,
            "before_s": _SECONDS,
        },
    ),
    Name.RUN_STARTED: (
        {"title": _TEXT, "experiment": _TEXT, "context": _OPTIONAL_TEXT, "targets": _TEXTS},
        {
            "plan_hash": _OPTIONAL_TEXT,
            **dict.fromkeys(("environment", "service", "by"), _TEXT),
            "planned_s": _SECONDS,
            "labels": {"type": "object", "additionalProperties": _TEXT},
        },
    ),
    Name.DIFFERS: (dict.fromkeys(("repeats", "what", "before", "after"), _TEXT), {}),
    Name.PHASE: ({"phase": _TEXT, "planned_s": _OPTIONAL_SECONDS}, {}),
    Name.BASELINE: ({"met": _YES_NO, "objectives": _list(_HELD)}, {}),
    Name.ACTIVITY: (
        {"activity": _TEXT, "kind": _one_of("action", "probe"), "state": _one_of("started", "succeeded", "failed")},
        {"output": _ANYTHING, "error": _OPTIONAL_TEXT},
    ),
    Name.WAIT: (
        {"after": _TEXT, "probe": _TEXT, "within_s": _SECONDS, "state": _one_of("started", "met", "not met")},
        {"waited_s": _SECONDS, "sentence": _TEXT},
    ),
    Name.HYPOTHESIS: (
        {"when": _one_of("before", "during", "after", "recovered"), "met": _YES_NO, "probes": _list(_PROBE)},
        {},
    ),
    Name.INJECTED: ({"fault": _TEXT, "targets": _TEXTS, "error_s": _SECONDS}, {}),
    Name.EFFECTIVE: ({"how": _TEXT, "error_s": _SECONDS}, {"indicator": _TEXT, "fault": _TEXT}),
    Name.DETECTED: ({"source": _TEXT, "by": _TEXT, "error_s": _SECONDS}, {}),
    Name.ALERT: ({"stage": _TEXT, "alert": _TEXT, "source": _TEXT, "error_s": _SECONDS}, {"evidence": _TEXT}),
    Name.BREACH: ({"rule": _TEXT, "sentence": _TEXT}, {}),
    Name.ABORT: ({"by": _one_of(*StopReason), "sentence": _TEXT}, {}),
    Name.UNDO_STARTED: ({"steps": _COUNT}, {}),
    Name.UNDO_STEP: (
        {
            "step": _COUNT,
            "what": _TEXT,
            "state": _one_of(*_PLAYED),
        },
        {"error": _OPTIONAL_TEXT, "seconds": _SECONDS},
    ),
    Name.UNDONE: (
        {"clean": _YES_NO, "residue": _TEXTS},
        {"cleared": _TEXTS, "put_back": _one_of(*PutBack), "sentence": _TEXT},
    ),
    Name.RECOVERED: (
        {"stable_s": _SECONDS, "error_s": _SECONDS},
        {
            "pauses": _list(_object({"from_s": _SECONDS, "to_s": _SECONDS})),
            "missed": _YES_NO,
            "unmeasured_s": _SECONDS,
        },
    ),
    Name.FINDING: (_FINDING, {}),
    Name.VERDICT: (
        {
            "verdict": _one_of(*_RUN_VERDICTS),
            "exit_code": _COUNT,
            "sentence": _TEXT,
            "objectives": _list(_JUDGED),
            "targets": _TEXTS,
            "ttd_s": _OPTIONAL_SECONDS,
            "ttr_s": _OPTIONAL_SECONDS,
            "findings": _TEXTS,
        },
        {
            "report": _OPTIONAL_TEXT,
            "ttd_censored": _YES_NO,
            "ttr_censored": _YES_NO,
            "ttd_error_s": _SECONDS,
            "ttr_error_s": _SECONDS,
            "ttd_why": _TEXT,
            "ttr_why": _TEXT,
            "felt": _YES_NO,
            "stages": {"type": "object", "additionalProperties": {"type": "number"}},
            "unwatched": {"type": "string"},
            "traffic": _list(_MET),
        },
    ),
}


def events_schema() -> dict[str, Any]:
    """The schema of one line of `--json`: exactly one of the events, with its own fields and no others."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:chaos-run:events:1",
        "title": "One event of a chaos-run",
        "oneOf": [{"$ref": f"#/$defs/{name.value}"} for name in Name],
        "$defs": {name.value: _event(name) for name in Name},
    }


def _event(name: Name) -> Part:
    required, optional = _FIELDS[name]
    common = {
        "event": {"const": name.value},
        "at": {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
            "description": "The wall clock, RFC 3339 in UTC.",
        },
        "t": {
            "type": "number",
            "description": "Seconds since the run began, on the monotonic clock; negative in the time of a notice.",
        },
        "run": {"type": "string"},
    }
    definition = _object(common | required, optional)
    if name is Name.EFFECTIVE:
        definition["oneOf"] = [{"required": ["indicator"]}, {"required": ["fault"]}]
    return definition
