"""Incident times: TTD and TTR in the words that every report shares, of a record and of the event of its verdict alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner import units
from runner.report import words
from runner.timeline import ttd_ttr
from runner.timeline.vocabulary import MarkName

if TYPE_CHECKING:
    from runner.timeline.record import RunRecord

ELAPSED = {"ttd": ("not detected", "no impact to detect"), "ttr": ("not recovered", "no impact to recover from")}
"""Of TTD and TTR: the words for a censored one, and for one that does not apply because users felt nothing."""
NOT_MEASURED = "not measured"
"""Of TTD and TTR where no objective saw a single request: nobody knows what users felt."""


def elapsed(
    name: str, value: float | None, censored: bool, error_s: float = 0.0, *, watched: bool, felt: bool = False
) -> str:
    """A TTD or TTR: a lower bound where it is censored; where there is none, users who were `watched` felt nothing, or
    they `felt` something and no objective was missed."""
    if value is None and not (watched or censored):
        return NOT_MEASURED
    if value is None and felt and name == "ttr" and not censored:
        return ttd_ttr.NEVER_MISSED
    if value is None:
        return ELAPSED[name][0 if censored else 1]
    error = f" ± {words.seconds(error_s)}" if error_s else ""
    return f"{'≥ ' if censored else ''}{units.format_duration(value)}{error}"


def elapsed_of(record: RunRecord, name: str, *, exact: bool = True) -> str:
    """The TTD or TTR of a record, with its error where it is `exact`."""
    value, error_s = (record.ttd_s, record.ttd_error_s) if name == "ttd" else (record.ttr_s, record.ttr_error_s)
    censored = record.ttd_censored if name == "ttd" else record.ttr_censored
    return elapsed(name, value, censored, error_s if exact else 0.0, watched=record.watched, felt=was_felt(record))


def elapsed_told(fields: Mapping[str, Any], name: str) -> str:
    """The same of a verdict event."""
    value, censored = fields.get(f"{name}_s"), bool(fields.get(f"{name}_censored"))
    error_s = float(fields.get(f"{name}_error_s") or 0.0)
    return elapsed(name, value, censored, error_s, watched=was_watched(fields), felt=felt_told(fields))


def felt_told(fields: Mapping[str, Any]) -> bool:
    """Whether users felt the fault, by a verdict event; an older version said so by a TTR alone."""
    return bool(fields.get("felt", fields.get("ttr_s") is not None))


def since(*, felt: bool) -> str:
    """What a TTD or TTR is reckoned from."""
    return "since the impact" if felt else "since the injection (no user impact)"


def was_felt(record: RunRecord) -> bool:
    """Whether users felt the fault."""
    return record.mark(MarkName.EFFECTIVE) is not None


def was_watched(fields: Mapping[str, Any]) -> bool:
    """Whether the objectives of a verdict event rest on any request at all."""
    return any(o.get("total") for o in fields.get("objectives") or ())


def why_censored(record: RunRecord, name: str) -> str:
    """Why a TTD or TTR is a lower bound only; empty where it is not."""
    if name == "ttd":
        unwatched = record.alerting.unwatched if record.alerting else ""
        return f"not detected until then{f'; {unwatched}' if unwatched else ''}" if record.ttd_censored else ""
    if not record.ttr_censored:
        return ""
    if record.mark(MarkName.UNWATCHED) and not record.mark(MarkName.RECOVERED):
        return "too little was measured later"
    return "the run was stopped then" if record.mark(MarkName.RECOVERED) else "not recovered until then"
