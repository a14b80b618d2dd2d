"""Alerting: what a team's alert pipeline said about a fault, stage by stage, and what is to be found fault with in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runner import units
from runner.timeline.mark import Mark

STAGES = (
    *("injected", "effective", "pending", "firing", "received", "notified"),
    *("acknowledged", "mitigated", "undone", "recovered", "resolved"),
)
"""From the fault to the all-clear, in the order of a run in which everything works."""
PIPELINE = ("pending", "firing", "received", "notified", "acknowledged", "resolved")
"""Stages that an alert source tells; the others are ours or a person's."""
OPENINGS = ("firing", "received", "notified")
"""Stages by which an alert is known to be on, the soonest first."""
CLOCKS_NS = 2_000_000_000
"""How far a clock may be off with which we have no connection of our own: that of whoever sends a notification."""
PROBLEMS = ("missing", "other-first", "wrong-team", "already-firing", "drill-only")


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One alert reached one stage, by one source."""

    stage: str
    alert: str
    """Its name."""
    key: str
    """Which of several alerts of that name: the same in every stage."""
    source: str
    mono_ns: int
    error_s: float
    """How wrong the moment can be: clock skew of the remote, and how often it is asked where it does not date the stage itself."""
    labels: Mapping[str, str] = field(default_factory=dict)
    began_ns: int | None = None
    """When the alert began to fire, as a notification says it: by a clock that nobody has compared with ours."""
    raw: bytes = b""
    """The answer that says so, as it came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What the file says of its alerts: `alert` and `labels` are what a good one carries, `drill` what only a drill's does."""

    alert: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    drill: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertProblem:
    """Something about the alerts that a reader should know; `kind` is one of PROBLEMS, or unknown where `missing` cannot be told."""

    kind: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """The soonest that a pipeline can tell anybody: no detection time below it is to be hoped for. Parts in seconds."""

    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return sum(self.parts.values())


def joined(floors: Iterable[Floor]) -> Floor:
    """The floor of a pipeline whose parts several sources know; of a part known twice the longer one."""
    parts: dict[str, float] = {}
    for floor in floors:
        for name, seconds in floor.parts.items():
            parts[name] = max(seconds, parts.get(name, 0.0))
    order = ("scrape", "evaluation", "for", "group_wait")
    return Floor(parts={n: parts[n] for n in sorted(parts, key=lambda n: order.index(n) if n in order else len(order))})


def fresh(seen: Iterable[Seen], injected_ns: int) -> list[Seen]:
    """What belongs to the fault, in order of time: an alert that went on before it is its own only from when it fires anew."""
    ordered = sorted(seen, key=lambda s: s.mono_ns)
    opening = _openings(ordered)
    active = [s for s in ordered if s.stage in ("pending", opening.get(s.key))]
    old = {s.key for s in active if s.mono_ns < injected_ns}
    begun = {s.key: s.mono_ns for s in reversed(active) if s.mono_ns >= injected_ns}
    kept: list[Seen] = []
    for s in ordered:
        since = begun.get(s.key, None if s.key in old else injected_ns)
        ends_nothing = s.stage == "resolved" and all(k.key != s.key for k in kept)
        late = s.began_ns is not None and s.began_ns < injected_ns - CLOCKS_NS  # told now of what was before
        if since is not None and s.mono_ns >= since and not ends_nothing and not late:
            kept.append(s)
    return kept


def _openings(seen: Iterable[Seen]) -> dict[str, str]:
    """By which stage each alert is known to be on: some systems say only that they received it, or that they told somebody."""
    found: dict[str, str] = {}
    for s in seen:
        if s.stage in OPENINGS:
            found[s.key] = min(s.stage, found.get(s.key, s.stage), key=OPENINGS.index)
    return found


def taken_back(told: Iterable[Seen], before: Sequence[Seen], now_ns: int, since_ns: int) -> list[Seen]:
    """What a source tells now (`now_ns`), its last answer being of `since_ns`; an alert that it had called resolved and that
    fires again with its old date was never over: it is dated to when that was seen."""
    opening = _openings([*before, *told])
    found = []
    for s in told:
        again = s.stage == opening.get(s.key) and any(
            (r.source, r.key, r.stage) == (s.source, s.key, "resolved") and r.mono_ns >= s.mono_ns for r in before
        )
        error_s = max(s.error_s, (now_ns - since_ns) / 1e9)
        found.append(replace(s, mono_ns=now_ns, error_s=error_s) if again else s)
    return found


@dataclass(frozen=True, slots=True)
class AlertEnding:
    """How the alerts of a fault ended, as one source tells it."""

    resolved: Seen | None
    """The last all-clear; None while one of them is on, or where none was."""
    flaps: Mapping[str, int]
    """How often each alert was resolved and fired again, by name; without those that never did."""


def ending(own: Iterable[Seen], source: str, alert: str | None) -> AlertEnding:
    """Of what belongs to the fault (see `fresh`); with an expected `alert` that fired only its end counts."""
    mine = sorted((s for s in own if s.source == source), key=lambda s: s.mono_ns)
    opening = _openings(mine)
    if any(s.alert == alert and s.key in opening for s in mine):
        mine = [s for s in mine if s.alert == alert]
    over: dict[str, Seen | None] = {}
    flaps: dict[str, int] = {}
    for s in mine:
        if s.stage == opening.get(s.key):
            flaps[s.alert] = flaps.get(s.alert, 0) + (over.get(s.key) is not None)
            over[s.key] = None
        elif s.stage == "resolved":
            over[s.key] = s
    ended = [s for s in over.values() if s is not None]
    last = max(ended, key=lambda s: s.mono_ns) if ended and len(ended) == len(over) else None
    return AlertEnding(last, {name: times for name, times in flaps.items() if times})


@dataclass(frozen=True, slots=True)
class AllClear:
    """Whether the alerts of a fault are over, by the marks of a run: at every source that knew of them, or it is not over."""

    last: Mark | None
    """The last all-clear that was given; later ones may be due."""
    due: tuple[str, ...]
    """Sources, by name, that told of an alert and give none yet."""

    @property
    def given(self) -> Mark | None:
        """The end of it all."""
        return None if self.due else self.last


def all_clear(marks: Iterable[Mark], telling: Collection[str]) -> AllClear:
    """`telling`: the sources, by name, that say when an alert is resolved."""
    marks = [*marks]
    over = [m for m in marks if m.name == "resolved"]
    known = dict.fromkeys(m.source for m in marks if m.name in OPENINGS and m.source in telling)
    due = tuple(source for source in known if source not in {m.source for m in over})
    return AllClear(max(over, key=lambda m: m.mono_ns, default=None), due)


def unseen(told: Iterable[Seen], seen: Sequence[Seen]) -> list[Seen]:
    """What of a source's memory is new: not the same stage of the same alert within the errors of both."""

    def same(a: Seen, b: Seen) -> bool:
        close = abs(a.mono_ns - b.mono_ns) <= (a.error_s + b.error_s) * 1e9
        return close and (a.source, a.key, a.stage) == (b.source, b.key, b.stage)

    return [one for one in told if not any(same(one, other) for other in seen)]


def sooner(seen: Seen, known: Iterable[Mark]) -> bool:
    """Whether it is before every one of these moments, further than both can be wrong."""
    return all(m.mono_ns - seen.mono_ns > (m.error_s + seen.error_s) * 1e9 for m in known)


def _firing(seen: Sequence[Seen], before_ns: int) -> set[str]:
    """Alerts that fired before that moment and were not resolved before it."""
    state: dict[str, bool] = {}
    opening = _openings(seen)
    for s in sorted(seen, key=lambda s: s.mono_ns):
        if s.mono_ns < before_ns and s.stage in (opening.get(s.key), "resolved"):
            state[s.key] = s.stage != "resolved"
    return {key for key, firing in state.items() if firing}


def problems(
    seen: Sequence[Seen], wanted: Wanted, injected_ns: int, *, hurt: bool, unwatched: str = ""
) -> list[AlertProblem]:
    """What is wrong with the alerts of a run; `hurt` says whether users felt the fault, so that an alert was due.

    `unwatched` says that a source could not be asked: an alert that nobody saw is then not missing but unknown.
    """
    own = fresh(seen, injected_ns)
    opening = _openings(own)
    known = [s for s in own if s.stage == opening.get(s.key)]
    fired = [s for s in known if s.stage == "firing"] or known
    return [
        *_before(seen, injected_ns),
        *_expected(fired, wanted, hurt=hurt, unwatched=unwatched),
        *_team(fired, wanted),
        *_drill(fired, wanted),
    ]


def _before(seen: Sequence[Seen], injected_ns: int) -> Iterable[AlertProblem]:
    old = _firing(seen, injected_ns)
    for name in sorted({s.alert for s in seen if s.key in old}):
        yield AlertProblem(
            kind="already-firing",
            sentence=f"{name} was firing already before the fault: it does not count as detection",
        )


def _expected(fired: Sequence[Seen], wanted: Wanted, *, hurt: bool, unwatched: str) -> Iterable[AlertProblem]:
    due = hurt and not fired if wanted.alert is None else all(s.alert != wanted.alert for s in fired)
    if due and unwatched:
        what = "an alert" if wanted.alert is None else f"the expected alert {wanted.alert}"
        yield AlertProblem(kind="unknown", sentence=f"whether {what} fired is unknown: {unwatched}")
        return
    if wanted.alert is None:
        if due:
            yield AlertProblem(kind="missing", sentence="users were affected, but no alert fired")
        return
    if due:
        others = ", ".join(sorted({s.alert for s in fired}))
        instead = f"; instead there was {others}" if others else ""
        yield AlertProblem(kind="missing", sentence=f"the expected alert {wanted.alert} did not fire{instead}")
    elif fired[0].alert != wanted.alert:
        late = next(s.mono_ns for s in fired if s.alert == wanted.alert) - fired[0].mono_ns
        said = f"{fired[0].alert} fired first, the expected {wanted.alert} {late / 1e9:.1f}s after it"
        yield AlertProblem(kind="other-first", sentence=said)


def _team(fired: Sequence[Seen], wanted: Wanted) -> Iterable[AlertProblem]:
    for s in fired:
        wrong = {k: s.labels.get(k) for k, v in wanted.labels.items() if s.labels.get(k) != v}
        if wrong and (wanted.alert is None or s.alert == wanted.alert):
            is_ = ", ".join(f"{k}={v!r}" if v is not None else f"no {k}" for k, v in wrong.items())
            asked = ", ".join(f"{k}={wanted.labels[k]!r}" for k in wrong)
            yield AlertProblem(
                kind="wrong-team", sentence=f"{s.alert} went to the wrong team: it has {is_}, expected is {asked}"
            )


def _drill(fired: Sequence[Seen], wanted: Wanted) -> Iterable[AlertProblem]:
    def drilled(s: Seen) -> bool:
        return all(s.labels.get(k) == v for k, v in wanted.drill.items())

    if wanted.drill and fired and all(drilled(s) for s in fired):
        label = ", ".join(f"{k}={v!r}" for k, v in wanted.drill.items())
        names = ", ".join(sorted({s.alert for s in fired}))
        said = (
            f"{names} fired with the label of the drill only ({label}): a real fault like this would not have alerted"
        )
        yield AlertProblem(kind="drill-only", sentence=said)


def watched_only(seconds: float, limit_s: float) -> str:
    """Why what was not seen within a limit may yet have come within it: nobody looked for so long."""
    return f"watched for {units.format_duration(seconds)} only, of {units.format_duration(limit_s)}"


def unnotified(
    marked: Iterable[str], floor: Floor, fault_s: float, *, listened: bool, muted: Sequence[str] = ()
) -> str | None:
    """Why an alert that fired reached nobody; None where it did, where none fired, or where we do not listen for notifications.

    `muted` says of every alert that fired why its system kept it to itself; empty where it did not do so with all of them.
    """
    names = set(marked)
    if not listened or not names & {"firing", "received"} or "notified" in names:
        return None
    how, wait = "fired" if "firing" in names else "received", floor.parts.get("group_wait")
    if muted:
        return f"{how}, not notified: {'; '.join(muted)}"
    if wait is not None and fault_s < floor.seconds:
        return f"{how}, not notified: the fault ({fault_s:.1f}s) was shorter than the pipeline takes, group_wait ({wait:g}s) included"
    return f"{how}, not notified: no notification was received while chaos-run listened"
