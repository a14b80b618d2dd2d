"""Form: what OpenSLO v1 prescribes for an SLO, and what to make of documents that take it lightly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import TYPE_CHECKING, Any, Final

from runner import units
from runner.spec import findings
from runner.spec.notes import Notes, described
from runner.spec.source import Steps

if TYPE_CHECKING:
    from runner.spec.calendar_window import CalendarWindow

DAY_S = 86400.0
DEFAULT_S = 30 * DAY_S
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
METHODS = ("Occurrences", "Timeslices", "RatioTimeslices")
_SPAN = re.compile(r"(\d+)([mhdwMQY])", re.ASCII)
_SPANS = {"m": 60.0, "h": 3600.0, "d": DAY_S, "w": 7 * DAY_S, "M": 30 * DAY_S, "Q": 90 * DAY_S, "Y": 365 * DAY_S}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SLO = (
    *("description", "service", "indicator", "indicatorRef", "budgetingMethod", "timeWindow", "objectives"),
    "alertPolicies",
)


class Form:
    """The notes on one document, and how strictly it is read."""

    BROKEN: Final = object()
    """Stands for a value that could not be made out; what is wrong has been noted."""

    def __init__(self, notes: Notes, strict: bool) -> None:
        self.notes = notes
        self.strict = strict

    def deviates(self, steps: Steps, message: str, hint: str | None = None) -> None:
        """Something that v1 does not allow: an error when strict, else a warning."""
        (self.notes.error if self.strict else self.notes.warning)("openslo", steps, message, hint=hint)

    def named(self, name: str, steps: Steps) -> None:
        """Every object has a name that is an RFC 1123 label."""
        if not _NAME.fullmatch(name):
            self.deviates((*steps, "name"), f"the name {name!r} is not a label of lower-case letters, digits and `-`")

    def slo(self, spec: Mapping[str, Any], steps: Steps) -> None:
        """The fields around the objectives of an SLO."""
        for key in spec:
            if key not in _SLO:
                hint = findings.nearest(str(key), _SLO, what="fields")
                self.deviates((*steps, key), f"v1 knows no field '{key}' of an SLO: it is ignored", hint)
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
class Item:
    """One OpenSLO object: its notes, where it stands in its document, and its kind."""

    form: Form
    steps: Steps
    kind: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(mapping(self.body, "metadata").get("name") or "")


Library = Mapping[tuple[str, str], Item]
"""What stands in one file, by kind and name."""


def mapping(owner: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping under a key, an empty one for anything else."""
    found = owner.get(key)
    return found if isinstance(found, dict) else {}


def annotation(key: str, *owners: Mapping[str, Any]) -> str | None:
    """The first `chaos-run/<key>` among the annotations of some objects."""
    notes = (mapping(mapping(owner, "metadata"), "annotations") for owner in owners)
    return next((str(n[f"chaos-run/{key}"]) for n in notes if f"chaos-run/{key}" in n), None)


def entry(form: Form, steps: Steps, make: Callable[[], float]) -> Any:
    """A number made from the document; noted and BROKEN where that fails."""
    try:
        return make()
    except (ValueError, TypeError) as problem:
        form.notes.error("openslo", steps, str(problem))
        return form.BROKEN


def target(form: Form, goal: Mapping[str, Any], at: Steps) -> float | None:
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


def window(form: Form, spec: Mapping[str, Any], steps: Steps) -> float:
    """The SLO's window in seconds: a month is 30 days; 30 days too when it cannot be made out, which is noted."""
    windows = spec.get("timeWindow")
    if not isinstance(windows, list) or len(windows) != 1 or not isinstance(windows[0], dict):
        form.deviates((*steps, "timeWindow"), "v1 wants timeWindow to be a list of exactly one: 30 days are taken")
        return DEFAULT_S
    at, only = (*steps, "timeWindow", 0), windows[0]
    if bool(only.get("isRolling")) == ("calendar" in only):
        form.deviates(at, "a window is either rolling (isRolling: true) or has a calendar")
    match = _SPAN.fullmatch(str(only.get("duration", "")))
    if match is None or match[1].strip("0") == "":
        form.deviates(
            (*at, "duration"), f"{only.get('duration')!r} is no duration of v1 such as 30d or 4w: 30 days are taken"
        )
        return DEFAULT_S
    return int(match[1]) * _SPANS[match[2]]


def calendar_window(form: Form, spec: Mapping[str, Any], steps: Steps) -> CalendarWindow | None:
    """The window's calendar; None without one, or for one that cannot be made out, which is noted. See `window` first."""
    windows = spec.get("timeWindow")
    only = windows[0] if isinstance(windows, list) and windows and isinstance(windows[0], dict) else {}
    if "calendar" not in only or only.get("isRolling"):
        return None
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # for nobody else: hardly any window has a calendar

    from runner.spec.calendar_window import CalendarWindow

    at, given = (*steps, "timeWindow", 0, "calendar"), mapping(only, "calendar")
    match, zone = _SPAN.fullmatch(str(only.get("duration", ""))), given.get("timeZone", "UTC")
    if "timeZone" not in given:
        form.deviates((*at, "timeZone"), "v1 requires the time zone of a calendar: UTC is taken")
    try:
        ZoneInfo(str(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = "a name of the IANA list such as Europe/Berlin; this machine has it in its package tzdata"
        form.notes.error("openslo", (*at, "timeZone"), f"there is no time zone {zone!r} here", hint=hint)
        return None
    start = _moment(form, given.get("startTime"), (*at, "startTime"), ZoneInfo(str(zone)))
    if start is None or match is None or match[1].strip("0") == "":
        return None
    return CalendarWindow(start, str(zone), int(match[1]), match[2])


def _moment(form: Form, value: Any, at: Steps, zone: tzinfo) -> datetime | None:
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


def span(form: Form, value: Any, at: Steps) -> float | None:
    """A duration of v1 in seconds; None, and told, for anything else."""
    text = str(value).removeprefix("-")
    match = _SPAN.fullmatch(text)
    if match is None or match[1].strip("0") == "":
        form.notes.warning("openslo", at, f"{described(value)} is no duration of v1 such as 1h: it is not heeded")
        return None
    if text != str(value):
        form.deviates(at, f"a duration has no sign in v1: {text} is taken")
    return int(match[1]) * _SPANS[match[2]]


def slices(form: Form, slo: Item, goal: Mapping[str, Any], at: Steps) -> Any:
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


def _slice_s(form: Form, slo: Item, goal: Mapping[str, Any], at: Steps) -> float | None:
    if text := annotation("time-slice-window", goal, slo.body):
        found = entry(form, at, lambda: units.parse_duration(text))
        return None if found is form.BROKEN or not found else float(found)
    value = goal.get("timeSliceWindow")
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        form.deviates((*at, "timeSliceWindow"), f"a duration in v1 has a unit: {value} minutes are taken")
        return value * 60.0
    match = _SPAN.fullmatch(str(value))
    if match is None or match[1].strip("0") == "":
        hint = "timeSliceWindow: 1m, or a shorter one in the annotation chaos-run/time-slice-window"
        form.notes.error("openslo", (*at, "timeSliceWindow"), f"{described(value)} is no length of a slice", hint=hint)
        return None
    return int(match[1]) * _SPANS[match[2]]
