"""Plot: the timeline of one run as an inline SVG: phases shaded, marks named, error ratio and latency of each indicator.

Colours come from the classes of `templates/report.css`; without it the shapes are still there in black.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from runner.report import plotdata, scale, words
from runner.report.plotdata import Bin, PlotSeries, StreamSamples
from runner.report.scale import Scale
from runner.timeline.mark import Mark, Window
from runner.timeline.record import ObjectiveResult, RunRecord
from runner.timeline.vocabulary import MarkName

WIDTH = 1000
LEFT, RIGHT = 62, 132
ROW, BAND, BETWEEN, GAP = 17, 20, 22, 34
ERRORS, LATENCY = 92, 132
"""Heights of the two panels of an indicator, in SVG units."""
HEADLINE = 36
"""Height of the verdict above a picture that stands alone."""
_CHARACTER = 6.9
"""A generous width of one character of a mark's label."""


@dataclass(frozen=True, slots=True)
class Label:
    """A mark's name, where it stands, in which row."""

    x: float
    row: int
    text: str
    name: str
    when: str


def timeline_svg(record: RunRecord, samples: Mapping[str, StreamSamples]) -> Markup:
    """The timeline of a run; `samples` by indicator name, an indicator without any is drawn empty and says so."""
    height, parts = _draw(record, samples)
    return _wrap(record, height, parts)


def standalone_svg(record: RunRecord, samples: Mapping[str, StreamSamples], style: str) -> str:
    """The timeline as a file of its own, with verdict, style and ground, for a README: light and dark, all on one scale."""
    height, parts = _draw(record, samples, worst=1.0)
    colour = {"good": "var(--good)", "warn": "var(--warn)"}.get(words.tone(record.verdict), "var(--bad)")
    said = f"{words.sign(record.verdict)} {words.title(record.verdict)}"
    head = (
        f"<style>{style}</style>"
        f'<rect y="{-HEADLINE}" width="{WIDTH}" height="{height + HEADLINE:.0f}" rx="10" style="fill:var(--card)"/>'
        f'<text x="{LEFT}" y="-12" style="font-size:17px;font-weight:700;fill:{colour}">{said}</text>'
    )
    drawn = str(_wrap(record, height, (head, *parts), above=HEADLINE))
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _draw(record: RunRecord, samples: Mapping[str, StreamSamples], worst: float = 0.0) -> tuple[float, tuple[str, ...]]:
    """Its height and its parts; the error panel reaches up to `worst` at the least."""
    x = Scale(0.0, plotdata.span_s(record), LEFT, WIDTH - RIGHT)
    labels = place(record, x)
    top = 6 + ROW * (max((label.row for label in labels), default=-1) + 1)
    parts: list[str] = []
    y = top + BAND + 10
    for indicator in record.indicators:
        data = plotdata.series(record, indicator, samples.get(indicator.name, ()))
        asked = [o for o in record.objectives if o.indicator == indicator.name]
        counted = plotdata.counted(samples.get(indicator.name, ()))
        parts += _title(indicator.name, data, y, ("events", "bad events") if counted else ("requests", "bad answers"))
        parts += _errors(data, asked, x, y, worst)
        if counted:
            y += ERRORS + GAP
            continue
        parts += _latency(data, asked, x, y + ERRORS + BETWEEN)
        y += ERRORS + BETWEEN + LATENCY + GAP
    bottom = y - GAP + 4
    return bottom + 26, (*_phases(record, x, top, bottom), *parts, *_axis(x, bottom), *_marks(labels, bottom))


def place(record: RunRecord, x: Scale) -> list[Label]:
    """Names of marks in rows, so that no name lies on another name or on another mark's line."""
    placed: list[Label] = []
    for mark in words.in_order(_shown(record.marks)):
        seconds = (mark.mono_ns - record.started_mono_ns) / 1e9
        at, when = (
            x(seconds),
            f"+{words.seconds(round(seconds, 1)) if seconds >= 1 else words.seconds(max(0.0, seconds))}",
        )
        above = [p.row for p in placed if at <= p.x + 12 + _CHARACTER * len(f"{p.text} {p.when}")]
        row = max(above, default=-1) + 1
        placed.append(Label(at, row, words.mark_title(mark.name), mark.name, when))
    return placed


def _shown(marks: Iterable[Mark]) -> Iterable[Mark]:
    """The first of each name; the start of the undo only where nothing else stands there."""
    first = {m.name: m for m in reversed(tuple(marks)) if m.name in words.MARKS}
    began = first.get(MarkName.UNDO_STARTED)
    if began and any(abs(m.mono_ns - began.mono_ns) < 1e9 for m in first.values() if m is not began):
        del first[MarkName.UNDO_STARTED]
    return first.values()


def _wrap(record: RunRecord, height: float, parts: Iterable[str], above: int = 0) -> Markup:
    name = f"timeline-{escape(words.clean(record.run))}"
    return Markup(
        f'<svg class="plot" viewBox="0 {-above} {WIDTH} {height + above:.0f}" role="img" aria-labelledby="{name}-t {name}-d" '
        f'preserveAspectRatio="xMidYMid meet"><title id="{name}-t">Timeline of the run</title>'
        f'<desc id="{name}-d">{escape(describe(record))}</desc>{"".join(parts)}</svg>'
    )


def describe(record: RunRecord) -> str:
    """The plot in words, for those who do not see it."""
    start = record.started_mono_ns
    phases = [
        f"{words.phase_title(w.phase)} from {_s(w.start_ns, start)} to {_s(w.end_ns, start)}" for w in record.windows
    ]
    marks = [f"{words.mark_title(m.name)} at {_s(m.mono_ns, start)}" for m in record.marks]
    rows = [f"{o.name}: {o.bad} bad of {o.total}" for o in record.objectives]
    return words.clean(f"Error ratio and latency over time. {'; '.join((*phases, *marks, *rows))}.")


def _s(moment: int, start: int) -> str:
    return words.seconds(max(0.0, (moment - start) / 1e9))


def _phases(record: RunRecord, x: Scale, top: float, bottom: float) -> Iterable[str]:
    for window in record.windows:
        left, right = (x((n - record.started_mono_ns) / 1e9) for n in (window.start_ns, window.end_ns))
        wide = max(0.5, right - left)
        name = words.phase_title(window.phase)
        cls = f"phase phase-{escape(window.phase)}"
        box = f'x="{left}" y="{top}" width="{wide:.1f}" height="{bottom - top:.1f}"'
        yield f'<rect class="{cls}" {box}><title>{_tip(window)}</title></rect>'
        if wide >= len(name) * _CHARACTER + 6:
            yield f'<text class="phase-name" x="{left + wide / 2:.1f}" y="{top + 14}">{escape(name)}</text>'


def _tip(window: Window) -> Markup:
    return escape(f"{words.phase_title(window.phase)}: {words.seconds(max(0, window.end_ns - window.start_ns) / 1e9)}")


def _marks(labels: Sequence[Label], bottom: float) -> Iterable[str]:
    for label in labels:
        y = 6 + ROW * label.row
        yield (
            f'<g class="mark mark-{escape(label.name)}"><line x1="{label.x}" x2="{label.x}" y1="{y}" y2="{bottom:.1f}"/>'
            f'<text x="{label.x + 5}" y="{y + 11}">{escape(label.text)} <tspan>{label.when}</tspan></text></g>'
        )


def _axis(x: Scale, bottom: float) -> Iterable[str]:
    yield f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom:.1f}" y2="{bottom:.1f}"/>'
    for tick in scale.time_ticks(x.high):
        at = x(tick)
        yield f'<line class="axis" x1="{at}" x2="{at}" y1="{bottom:.1f}" y2="{bottom + 4:.1f}"/>'
        yield f'<text class="tick mid" x="{at}" y="{bottom + 17:.1f}">{words.seconds(tick) if tick else "0s"}</text>'


def _title(name: str, data: PlotSeries, y: float, what: tuple[str, str]) -> Iterable[str]:
    """In the right margin, where no mark's line crosses it."""
    total, at, plain = sum(b.total for b in data.bins), WIDTH - RIGHT + 8, words.clean(name)
    short = plain if len(plain) <= 17 else plain[:16] + "…"
    yield f'<text class="panel-title" x="{at}" y="{y + 11:.1f}">{escape(short)}<title>{escape(plain)}</title></text>'
    said = (f"{words.count(total)} {what[0]}", f"{words.seconds(data.width_s)} a bar") if total else ("no data",)
    for number, line in enumerate((what[1], *said)):
        yield f'<text class="panel-name" x="{at}" y="{y + 27 + 15 * number:.1f}">{line}</text>'


def _errors(data: PlotSeries, asked: Sequence[ObjectiveResult], x: Scale, y: float, worst: float) -> Iterable[str]:
    allowed = [1 - (o.slice_target or o.target) for o in asked if o.threshold_s is None]
    ratios = [b.error_ratio for b in data.bins if b.error_ratio is not None]
    up = Scale(0.0, max(worst, scale.ratio_top(ratios, allowed)), y + ERRORS, y)
    yield from _grid(up, y, ERRORS, "", words.ratio)
    for b in data.bins:
        if b.error_ratio:
            left, right = x(b.start_s), x(b.start_s + data.width_s)
            high = up(b.error_ratio)
            tip = escape(f"+{words.seconds(b.start_s)}: {b.bad} bad of {b.total} = {words.ratio(b.error_ratio)}")
            wide, tall = max(1.5, right - left - 0.4), y + ERRORS - high
            yield f'<rect class="bad" x="{left}" y="{high}" width="{wide:.1f}" height="{tall:.1f}"><title>{tip}</title></rect>'
    yield from _gaps(data, x, y, ERRORS)
    for value in dict.fromkeys(allowed):
        yield from _threshold(up(value), f"objective: at most {words.ratio(value)} bad")


def _latency(data: PlotSeries, asked: Sequence[ObjectiveResult], x: Scale, y: float) -> Iterable[str]:
    limits = [o.threshold_s for o in asked if o.threshold_s is not None]
    lines = {name: [(b, _value(b, name)) for b in data.bins] for name in ("p50", "p95", "p99")}
    known = [value for line in lines.values() for _, value in line if value is not None]
    up = scale.latency(known, limits, y + LATENCY, y)
    yield from _grid(up, y, LATENCY, f"latency{' (log)' if up.log else ''}", lambda v: words.seconds(v) if v else "0")
    for name, line in lines.items():
        yield f'<path class="line line-{name}" d="{_path(line, data.width_s, x, up)}"/>'
    for value in dict.fromkeys(limits):
        yield from _threshold(up(value), f"objective: within {words.seconds(value)}")
    yield from _ends(lines, up, y)


def _value(b: Bin, name: str) -> float | None:
    return {"p50": b.p50_s, "p95": b.p95_s, "p99": b.p99_s}[name]


def _path(line: Sequence[tuple[Bin, float | None]], width: float, x: Scale, up: Scale) -> str:
    """Points joined while there is data; a gap in the data is a gap in the line, a lonely point a dash."""
    path, open_ = [], False
    for b, value in line:
        if value is not None:
            path.append(f"{'L' if open_ else 'M'}{x(b.start_s + width / 2)},{up(value)}{'' if open_ else 'h0.1'}")
        open_ = value is not None
    return "".join(path)


def _ends(lines: Mapping[str, Sequence[tuple[Bin, float | None]]], up: Scale, y: float) -> Iterable[str]:
    """Names of the lines at their right end, pushed apart."""
    ends = [
        (up(v[-1]), name) for name, line in lines.items() if (v := [value for _, value in line if value is not None])
    ]
    floor = y + LATENCY + 4
    for height, name in sorted(ends, reverse=True):
        at = min(height + 4, floor)
        floor = at - 13
        yield f'<text class="line-name line-{name}" x="{WIDTH - RIGHT + 8}" y="{at:.1f}">{name}</text>'


def _grid(up: Scale, y: float, tall: float, name: str, show: Callable[[float], str]) -> Iterable[str]:
    yield f'<rect class="panel" x="{LEFT}" y="{y:.1f}" width="{WIDTH - LEFT - RIGHT}" height="{tall}"/>'
    for tick in up.ticks():
        at = up(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>'
        yield f'<text class="tick end" x="{LEFT - 6}" y="{at + 4:.1f}">{show(tick)}</text>'
    yield f'<text class="panel-name" x="{WIDTH - RIGHT + 8}" y="{y + 11:.1f}">{name}</text>'


def _gaps(data: PlotSeries, x: Scale, y: float, tall: float) -> Iterable[str]:
    """Neighbouring empty bins as one box that says so."""
    for has_data, group in itertools.groupby(data.bins, key=lambda b: b.total > 0):
        bins = list(group)
        if has_data:
            continue
        left, right = x(bins[0].start_s), x(bins[-1].start_s + data.width_s)
        box = f'x="{left}" y="{y:.1f}" width="{right - left:.1f}" height="{tall}"'
        yield f'<rect class="gap" {box}><title>no data</title></rect>'
        if right - left > 50:
            yield f'<text class="tick mid" x="{(left + right) / 2:.1f}" y="{y + tall / 2 + 4:.1f}">no data</text>'


def _threshold(at: float, said: str) -> Iterable[str]:
    yield f'<line class="threshold" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>'
    yield f'<text class="threshold-name" x="{LEFT + 6}" y="{at - 4:.1f}">{said}</text>'


def interval_svg(objective: ObjectiveResult) -> Markup:
    """The bad ratio of one objective with its bounds against what is allowed; empty without data."""
    if not objective.total:
        return Markup("")
    allowed, measured = 1 - objective.target, objective.bad / objective.total
    x = Scale(0.0, scale.ratio_top([objective.upper, measured], [allowed]), 4, 236)
    low, high, at, limit = x(objective.lower), x(objective.upper), x(measured), x(allowed)
    said = escape(
        f"{words.ratio(measured)} bad, {words.bounds(objective)} with 95 % confidence each; allowed {words.ratio(allowed)}"
    )
    return Markup(
        f'<svg class="interval" viewBox="0 0 240 34" role="img" aria-label="{said}"><title>{said}</title>'
        f'<rect class="allowed" x="4" y="3" width="{limit - 4:.1f}" height="16"/>'
        f'<line class="axis" x1="4" x2="236" y1="19" y2="19"/>'
        f'<line class="threshold" x1="{limit}" x2="{limit}" y1="1" y2="22"/>'
        f'<path class="whisker" d="M{low},7v8M{low},11H{high}M{high},7v8"/><circle class="dot" cx="{at}" cy="11" r="3.6"/>'
        f'<text class="tick" x="4" y="31">0</text><text class="tick end" x="236" y="31">{words.ratio(x.high)}</text></svg>'
    )
