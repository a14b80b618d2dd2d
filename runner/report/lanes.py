"""Lanes: who noticed, and when, as four bars over one time: the fault, what users felt, the alert, and the people who were told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from runner.report import scale, words
from runner.report.scale import Scale
from runner.timeline.alerting import OPENINGS, STAGES
from runner.timeline.record import RunRecord

WIDTH, LEFT, RIGHT = 1000, 76, 190
ROW, BAR = 46, 18
_CHARACTER = 6.6


@dataclass(frozen=True, slots=True)
class Lane:
    """One row: bars as (begin, end, kind) and named moments as (when, name), in seconds of the run; `said` is its upshot."""

    name: str
    bars: tuple[tuple[float, float, str], ...]
    points: tuple[tuple[float, str], ...]
    said: str


def moments(record: RunRecord) -> dict[str, float]:
    """When each stage was reached first, in seconds of the run."""
    first: dict[str, int] = {m.name: m.mono_ns for m in sorted(record.marks, key=lambda m: m.mono_ns, reverse=True)}
    return {name: (first[name] - record.started_mono_ns) / 1e9 for name in STAGES if name in first}


def lanes(at: Mapping[str, float], end: float, unnotified: str = "", unwatched: str = "") -> list[Lane]:
    """The rows of a run; `end` is where a bar without an end ends, `unwatched` who could not be asked."""
    hurt = at.get("effective")
    fired = next((at[name] for name in OPENINGS if name in at), None)
    return [
        _bar("fault", at, ("injected", "undone"), end, "nothing was injected"),
        _bar("users", at, ("effective", "recovered"), end, "no impact"),
        Lane(
            "alert",
            tuple(_alert_bars(at, end)),
            _points(at, "pending", "firing", "received", "resolved"),
            _alert_summary(at, hurt, unwatched),
        ),
        Lane(
            "people",
            tuple(_people_bars(at, end)),
            _points(at, "notified", "acknowledged", "mitigated"),
            _people_summary(at, fired, unnotified, unwatched),
        ),
    ]


def _bar(name: str, at: Mapping[str, float], ends: tuple[str, str], end: float, none: str) -> Lane:
    begin, close = at.get(ends[0]), at.get(ends[1])
    if begin is None:
        return Lane(name, (), (), none)
    until = max(begin, end if close is None else close)
    open_ = "≥ " if close is None else ""
    return Lane(name, ((begin, until, name),), _points(at, *ends), f"{open_}{_short(until - begin)}")


def _alert_bars(at: Mapping[str, float], end: float) -> Iterable[tuple[float, float, str]]:
    pending, firing, resolved = at.get("pending"), at.get("firing", at.get("received")), at.get("resolved", end)
    if pending is not None:
        yield pending, firing if firing is not None else min(resolved, end), "pending"
    if firing is not None:
        yield firing, max(firing, resolved), "firing"


def _people_bars(at: Mapping[str, float], end: float) -> Iterable[tuple[float, float, str]]:
    told = at.get("notified", at.get("acknowledged"))
    if told is not None:
        yield told, max(told, at.get("acknowledged", at.get("resolved", end))), "told"
    if "acknowledged" in at:
        yield at["acknowledged"], max(at["acknowledged"], at.get("mitigated", at.get("undone", end))), "acting"


def _alert_summary(at: Mapping[str, float], hurt: float | None, unwatched: str) -> str:
    since = hurt if hurt is not None else at.get("injected", 0.0)
    for stage, said in (("firing", "fired"), ("received", "received")):
        if stage in at:
            return f"{said} after {_short(max(0.0, at[stage] - since))}"
    if unwatched:
        return "not known"
    return "pending only, never fired" if "pending" in at else "no alert fired"


def _people_summary(at: Mapping[str, float], fired: float | None, unnotified: str, unwatched: str) -> str:
    if "notified" in at:
        since = at.get("effective", at.get("injected", 0.0))
        took = max(0.0, at.get("acknowledged", 0.0) - at["notified"])
        taken = f", acknowledged {_short(took)} later" if "acknowledged" in at else ""
        return f"notified after {_short(max(0.0, at['notified'] - since))}{taken}"
    if "acknowledged" in at:
        return "a person detected it"
    if unwatched and not unnotified:
        return "not known"
    return "not notified" if unnotified or fired is None else "not watched"


def _points(at: Mapping[str, float], *names: str) -> tuple[tuple[float, str], ...]:
    return tuple(sorted((at[name], name) for name in names if name in at))


def _short(seconds: float) -> str:
    return words.seconds(round(seconds, 1)) if seconds >= 1 else words.seconds(seconds)


def floor(record: RunRecord) -> str:
    """How soon the pipeline can tell anybody at all; empty where that is not known."""
    parts = record.alerting.floor if record.alerting else {}
    if not parts:
        return ""
    spelled = " + ".join(f"{name} {words.seconds(seconds)}" for name, seconds in parts.items())
    return f"Worst-case alerting delay: {words.seconds(sum(parts.values()))} = {spelled}."


def span(at: Mapping[str, float], end: float) -> tuple[float, float]:
    """From a little before the fault to a little after the last stage."""
    begin = at.get("injected", 0.0)
    last = max([*at.values(), begin + 1.0]) if at else end
    margin = (last - begin) * 0.04
    return max(0.0, begin - margin), last + margin


def lines(
    at: Mapping[str, float], end: float, width: int, unnotified: str = "", unwatched: str = ""
) -> list[tuple[str, str, str]]:
    """The rows for a terminal: name, a bar `width` characters long, what it comes to."""
    low, high = span(at, end)
    return [
        (lane.name, _characters(lane, low, high, width), lane.said)
        for lane in lanes(at, min(end, high), unnotified, unwatched)
    ]


def _characters(lane: Lane, low: float, high: float, width: int) -> str:
    def column(seconds: float) -> int:
        return min(width - 1, max(0, round((seconds - low) / (high - low) * (width - 1))))

    row = ["·"] * width
    for begin, close, kind in lane.bars:
        for i in range(column(begin), column(close) + 1):
            row[i] = {"pending": "▒", "told": "─", "acting": "━"}.get(kind, "█")
    if lane.name == "people":
        for when, _ in lane.points:
            row[column(when)] = "●"
    return "".join(row)


def svg(record: RunRecord) -> Markup:
    """The picture for the report; empty where no alerts were watched."""
    at = moments(record)
    if record.alerting is None or "injected" not in at:
        return Markup("")
    end = (max(w.end_ns for w in record.windows) - record.started_mono_ns) / 1e9 if record.windows else max(at.values())
    low, high = span(at, end)
    x = Scale(low, high, LEFT, WIDTH - RIGHT)
    rows = lanes(at, min(end, high), record.alerting.unnotified, record.alerting.unwatched)
    bottom = 34 + ROW * len(rows)
    parts = [*_bracket(at, x, bottom), *_axis(x, at["injected"], bottom)]
    for number, lane in enumerate(rows):
        parts += _lane(lane, x, 34 + ROW * number)
    said = escape("; ".join(f"{lane.name}: {lane.said}" for lane in rows))
    return Markup(
        f'<svg class="plot lanes" viewBox="0 0 {WIDTH} {bottom + 24}" role="img" aria-label="{said}">{"".join(parts)}</svg>'
    )


def _lane(lane: Lane, x: Scale, y: float) -> Iterable[str]:
    yield f'<text class="panel-title" x="4" y="{y + 14}">{lane.name}</text>'
    yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y + BAR / 2}" y2="{y + BAR / 2}"/>'
    for begin, close, kind in lane.bars:
        tall = 6 if kind in ("told", "acting") else BAR
        wide = max(2.0, x(close) - x(begin))
        yield f'<rect class="lane-{kind}" x="{x(begin)}" y="{y + (BAR - tall) / 2}" width="{wide:.1f}" height="{tall}" rx="3"/>'
    if lane.name == "people":
        yield from (f'<circle class="lane-dot" cx="{x(when)}" cy="{y + BAR / 2}" r="6"/>' for when, _ in lane.points)
    yield from _labels(lane.points, x, y + BAR + 13)
    for number, part in enumerate(lane.said.split(", ")):  # beside the picture there is no room for both on one line
        yield f'<text class="lane-said" x="{WIDTH - RIGHT + 12}" y="{y + 14 + 16 * number}">{escape(part)}</text>'


def _labels(points: Sequence[tuple[float, str]], x: Scale, y: float) -> Iterable[str]:
    """Names below the bar, each at its moment or as soon after the one before as there is room."""
    free = 0.0
    for when, name in points:
        at = max(x(when) + 4, free)
        free = at + _CHARACTER * len(name) + 10
        yield f'<text class="tick" x="{at:.1f}" y="{y}">{escape(words.mark_title(name))}</text>'


def _bracket(at: Mapping[str, float], x: Scale, bottom: float) -> Iterable[str]:
    """From when users felt it to when it was noticed: the figure that all this is about."""
    begin = at.get("effective", at["injected"])
    close = min((at[n] for n in ("firing", "notified", "acknowledged") if n in at), default=None)
    if close is None or close <= begin:
        return
    left, right = x(begin), x(close)
    yield f'<path class="lane-bracket" d="M{left},24V16H{right}V24"/>'
    yield f'<text class="lane-figure mid" x="{max(LEFT + 60, (left + right) / 2):.1f}" y="11">detected after {_short(close - begin)}</text>'
    for when in (left, right):
        yield f'<line class="lane-guide" x1="{when}" x2="{when}" y1="24" y2="{bottom}"/>'


def _axis(x: Scale, injected: float, bottom: float) -> Iterable[str]:
    """Seconds since the injection."""
    yield f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>'
    for tick in scale.time_ticks(x.high - injected):
        at = x(injected + tick)
        yield f'<line class="axis" x1="{at}" x2="{at}" y1="{bottom}" y2="{bottom + 4}"/>'
        yield f'<text class="tick mid" x="{at}" y="{bottom + 17}">{"+" + words.seconds(tick) if tick else "fault"}</text>'
