"""Form: what OpenSLO v1 prescribes for an SLO, and what to make of documents that take it lightly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import TYPE_CHECKING, Any, Final

from runner import units
from runner.experiment import findings
from runner.experiment.notes import Notes, described
from runner.experiment.source import Steps

if TYPE_CHECKING:
    from runner.experiment.calendar_window import CalendarWindow

DAY_S = 86400.0
DEFAULT_S = 30 * DAY_S
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
METHODS = ("Occurrences", "Timeslices", "RatioTimeslices")
_SPAN = re.compile(r"(\d+)([mhdwMQY])", re.ASCII)
_SPANS = {"m": 60.0, "h": 3600.0, "d": DAY_S, "w": 7 * DAY_S, "M": 30 * DAY_S, "Q": 90 * DAY_S, "Y": 365 * DAY_S}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class OpenSloForm:
    """The notes on one document, and how strictly it is read."""

    BROKEN: Final = object()
    """Stands for a value that could not be made out; what is wrong has been noted."""

    def __init__(self, notes: Notes, strict: bool) -> None:
        self.notes = notes
        self.strict = strict

    def deviates(self, steps: Steps, message: str, hint: str | None = None, *, so: str = "", key: bool = False) -> None:
        """Something that v1 does not allow: an error when strict, else a warning, which goes on to say what is made of it."""
        if self.strict:
            self.notes.error("openslo", steps, message, hint=hint, key=key)
        else:
            self.notes.warning("openslo", steps, f"{message}: {so}" if so else message, hint=hint, key=key)

    def named(self, name: str, steps: Steps) -> None:
        """Every object has a name that is an RFC 1123 label."""
        if not _NAME.fullmatch(name):
            self.deviates((*steps, "name"), f"the name {name!r} is not a label of lower-case letters, digits and `-`")

    def slo(self, spec: Mapping[str, Any], steps: Steps) -> None:
        """The fields around the objectives of an SLO."""
        if not spec.get("service"):
            self.deviates((*steps, "service"), "v1 requires the service of an SLO")
        method = spec.get("budgetingMethod")
        if method not in METHODS:
            hint = findings.nearest(str(method or ""), METHODS, what="methods")
            self.deviates((*steps, "budgetingMethod"), f"the budgeting method cannot be {described(method)}", hint)
        self._alerts(spec, steps)

    def _alerts(self, spec: Mapping[str, Any], steps: Steps) -> None:
        for index, policy in enumerate(spec.get("alertPolicies") or ()):
            if not isinstance(policy, dict):
                self.deviates((*steps, "alertPolicies", index), "v1 wants {alertPolicyRef: …} or an inline policy here")


@dataclass(frozen=True)
class OpenSloObject:
    """One OpenSLO object: its notes, where it stands in its document, and its kind."""

    form: OpenSloForm
    steps: Steps
    kind: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(mapping(self.body, "metadata").get("name") or "")


Library = Mapping[tuple[str, str], OpenSloObject]
"""What stands in one file, by kind and name."""


def mapping(owner: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping under a key, an empty one for anything else."""
    found = owner.get(key)
    return found if isinstance(found, dict) else {}


def annotation(key: str, *owners: Mapping[str, Any]) -> str | None:
    """The first `chaos-run/<key>` among the annotations of some objects."""
    notes = (mapping(mapping(owner, "metadata"), "annotations") for owner in owners)
    return next((str(n[f"chaos-run/{key}"]) for n in notes if f"chaos-run/{key}" in n), None)


def entry(form: OpenSloForm, steps: Steps, make: Callable[[], float]) -> Any:
    """A number made from the document; noted and BROKEN where that fails."""
    try:
        return make()
    except (ValueError, TypeError) as problem:
        form.notes.error("openslo", steps, str(problem))
        return form.BROKEN


def target(form: OpenSloForm, goal: Mapping[str, Any], at: Steps) -> float | None:
    """The target as a share of 1; None, and noted, when it cannot be used."""
    given = [key for key in ("target", "targetPercent") if key in goal]
    if len(given) != 1:
        form.notes.error("openslo", at, "an objective needs either target (0.99) or targetPercent (99)")
        return None
    key = given[0]
    if isinstance(goal[key], str):
        form.deviates((*at, key), f"{key} is a number in v1, not text")
    value = entry(form, (*at, key), lambda: float(goal[key]))
    if value is form.BROKEN:
        return None
    share = float(value) / (100 if key == "targetPercent" else 1)
    if not 0 < share < 1:
        form.notes.error(
            "openslo", (*at, key), f"a {key} of {goal[key]} leaves nothing to judge: it lies between none and all"
        )
        return None
    return round(share, 12)


def window(form: OpenSloForm, spec: Mapping[str, Any], steps: Steps) -> float | None:
    """The SLO's window in seconds, a month as 30 days; None, and noted, where it cannot be made out.

    An SLO without any window gets the one that an objective of ours has, which is noted too.
    """
    found = spec.get("timeWindow")
    if found is None or found == []:
        form.deviates((*steps, "timeWindow"), "the SLO has no timeWindow", so="30 days are taken")
        return DEFAULT_S
    at, only = _only_window(spec, steps)
    if only is None:
        said = f"v1 wants timeWindow to be a list of exactly one window, not {described(found)}"
        form.notes.error("openslo", at, said + (f" of {len(found)}" if isinstance(found, list) else ""))
        return None
    if not isinstance(found, list):
        form.deviates(at, "v1 wants timeWindow to be a list of exactly one window")
    if bool(only.get("isRolling")) == ("calendar" in only):
        form.deviates(at, "a window is either rolling (isRolling: true) or has a calendar")
    lasts, given = length(only.get("duration")), described(only.get("duration"))
    if lasts is None:
        hint = "a number and one of m, h, d, w, M (months), Q, Y: 30d, 4w"
        form.notes.error("openslo", (*at, "duration"), f"{given} is no duration of v1", hint=hint)
        return None
    if _SPAN.fullmatch(str(only["duration"])) is None:
        form.deviates((*at, "duration"), f"{given} is no duration of v1", so=f"{lasts[0]}{lasts[1]} are taken")
    return lasts[0] * _SPANS[lasts[1]]


def _only_window(spec: Mapping[str, Any], steps: Steps) -> tuple[Steps, Mapping[str, Any] | None]:
    """The one window of an SLO and its place, in a list or not; None where there is not exactly one."""
    found, at = spec.get("timeWindow"), (*steps, "timeWindow")
    if isinstance(found, list) and len(found) == 1:
        found, at = found[0], (*at, 0)
    return at, found if isinstance(found, dict) else None


_WORDS = {"min": "m", "hr": "h", "mo": "M", "mon": "M", "qtr": "Q", "yr": "Y"}
_WORDS |= {name: name[0] for name in ("minute", "hour", "day", "week")}
_WORDS |= {name: name[0].upper() for name in ("month", "quarter", "year")}
_WORDS |= {letter.lower(): letter for letter in "hdwQY"}
"""Units as people write them, in small letters; a plain m may be minutes or months, and only v1's own is taken."""
_LENGTH = re.compile(r"(\d+) ?([a-z]+)", re.ASCII | re.IGNORECASE)


def length(value: Any) -> tuple[int, str] | None:
    """How many of which unit of v1 a duration means; None where that is not beyond doubt: `4 weeks` and `30D` are, `30` is not."""
    text = str(value).strip()
    match = _SPAN.fullmatch(text) or _LENGTH.fullmatch(text)
    if match is None or not int(match[1]):
        return None
    word = match[2].lower()
    unit = match[2] if match[2] in _SPANS else _WORDS.get(word) or _WORDS.get(word.removesuffix("s"))
    return (int(match[1]), unit) if unit else None


def calendar_window(form: OpenSloForm, spec: Mapping[str, Any], steps: Steps) -> CalendarWindow | None:
    """The window's calendar; None without one, or for one that cannot be made out, which is noted. See `window` first."""
    place, only = _only_window(spec, steps)
    if only is None or "calendar" not in only or only.get("isRolling"):
        return None
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # for nobody else: hardly any window has a calendar

    from runner.experiment.calendar_window import CalendarWindow

    at, given = (*place, "calendar"), mapping(only, "calendar")
    lasts, zone = length(only.get("duration")), given.get("timeZone", "UTC")
    if "timeZone" not in given:
        form.deviates((*at, "timeZone"), "v1 requires the time zone of a calendar", so="UTC is taken")
    try:
        ZoneInfo(str(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = "a name of the IANA list such as Europe/Berlin; this machine has it in its package tzdata"
        form.notes.error("openslo", (*at, "timeZone"), f"there is no time zone {zone!r} here", hint=hint)
        return None
    start = _moment(form, given.get("startTime"), (*at, "startTime"), ZoneInfo(str(zone)))
    return None if start is None or lasts is None else CalendarWindow(start, str(zone), *lasts)


def _moment(form: OpenSloForm, value: Any, at: Steps, zone: tzinfo) -> datetime | None:
    """A local time as v1 writes it, or as YAML reads it where it is not in quotes; one with an offset is made local."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        said = f"startTime is a moment such as 2026-01-01 00:00:00, not {described(value)}"
        form.notes.error("openslo", at, said)
        return None
    return found if found.tzinfo is None else found.astimezone(zone).replace(tzinfo=None)


def span(form: OpenSloForm, value: Any, at: Steps) -> float | None:
    """A duration of v1 in seconds; None, and told, for anything else."""
    text = str(value).removeprefix("-")
    match = _SPAN.fullmatch(text)
    if match is None or match[1].strip("0") == "":
        form.notes.warning("openslo", at, f"{described(value)} is no duration of v1 such as 1h: it is ignored")
        return None
    if text != str(value):
        form.deviates(at, "a duration has no sign in v1", so=f"{text} is taken")
    return int(match[1]) * _SPANS[match[2]]


def slices(form: OpenSloForm, slo: OpenSloObject, goal: Mapping[str, Any], at: Steps) -> Any:
    """(seconds, target) of an objective's slices, (None, None) where it has none; BROKEN, and noted, where they are unclear."""
    method = str(mapping(slo.body, "spec").get("budgetingMethod")).lower()
    if method not in ("timeslices", "ratiotimeslices"):
        for key in ("timeSliceTarget", "timeSliceWindow"):
            if key in goal:
                form.deviates((*at, key), f"'{key}' belongs to Timeslices, the SLO '{slo.name}' counts occurrences")
        return None, None
    length = _slice_s(form, slo, goal, at)
    if length is None:
        return form.BROKEN
    if method == "ratiotimeslices":
        return length, None
    value = goal.get("timeSliceTarget")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        said = f"Timeslices need a timeSliceTarget above 0 and up to 1, not {described(value)}"
        form.notes.error(
            "openslo", (*at, "timeSliceTarget"), said, hint="the share of a slice that makes it a good one"
        )
        return form.BROKEN
    return length, float(value)


def _slice_s(form: OpenSloForm, slo: OpenSloObject, goal: Mapping[str, Any], at: Steps) -> float | None:
    if text := annotation("time-slice-window", goal, slo.body):
        found = entry(form, at, lambda: units.parse_duration(text))
        return None if found is form.BROKEN or not found else float(found)
    value = goal.get("timeSliceWindow")
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        form.deviates((*at, "timeSliceWindow"), "a duration in v1 has a unit", so=f"{value} minutes are taken")
        return value * 60.0
    match = _SPAN.fullmatch(str(value))
    if match is None or match[1].strip("0") == "":
        hint = "timeSliceWindow: 1m, or a shorter one in the annotation chaos-run/time-slice-window"
        form.notes.error("openslo", (*at, "timeSliceWindow"), f"{described(value)} is no length of a slice", hint=hint)
        return None
    return int(match[1]) * _SPANS[match[2]]
