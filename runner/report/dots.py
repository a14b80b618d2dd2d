"""Dots: every TTD and TTR of every experiment as an SVG, one row an experiment, so that nobody has to trust a mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape

from runner.report import scale, words
from runner.report.scale import Scale
from runner.timeline import mttd_mttr
from runner.timeline.mttd_mttr import CensoredTime

WIDTH, LEFT, RIGHT = 1000, 62, 24
PANEL, BETWEEN, TOP, BOTTOM = 110, 46, 70, 6
_COLOURS = {"TTD": "var(--warn)", "TTR": "var(--p95)"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Dot:
    """One duration of one run."""

    at: datetime
    value: CensoredTime


Panels = Mapping[str, Mapping[str, Sequence[Dot]]]
"""Experiment to `TTD` and `TTR` to dots."""


def render(panels: Panels, style: str) -> str:
    """The picture as a file of its own; a panel without any dot says so. Raises ValueError without a panel."""
    if not panels:
        raise ValueError("nothing to draw")
    x = _time([dot.at for kinds in panels.values() for dots in kinds.values() for dot in dots])
    height = TOP + len(panels) * (PANEL + BETWEEN) + BOTTOM
    drawn = [_panel(name, kinds, x, TOP + i * (PANEL + BETWEEN)) for i, (name, kinds) in enumerate(panels.items())]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>Time to detect and time to recover of every run</title><style>{style}</style>"
        f'<rect width="{WIDTH}" height="{height}" rx="10" style="fill:var(--card)"/>{_legend()}{"".join(drawn)}</svg>\n'
    )


def _time(moments: Sequence[datetime]) -> Scale:
    low, high = (min(moments).timestamp(), max(moments).timestamp()) if moments else (0.0, 0.0)
    spare = max(3600.0, (high - low) * 0.02)
    return Scale(low - spare, high + spare, LEFT, WIDTH - RIGHT)


def _legend() -> str:
    told = "each dot is a run; open with an arrow: at least that long; the band holds the median with 95 %"
    parts = [
        _dot(x, 24, _COLOURS[name], False) + f'<text x="{x + 10}" y="28">{name}</text>'
        for x, name in ((LEFT, "TTD"), (LEFT + 60, "TTR"))
    ]
    return f'{"".join(parts)}<text class="tick" x="{LEFT + 120}" y="28">{told}</text>'


def _panel(name: str, kinds: Mapping[str, Sequence[Dot]], x: Scale, top: float) -> str:
    found = [dot.value.seconds for dots in kinds.values() for dot in dots]
    title = f'<text class="panel-title" x="{LEFT}" y="{top - 8}">{escape(words.clean(name))}{_counts(kinds)}</text>'
    ground = f'<rect class="panel" x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{PANEL}"/>'
    if not found:
        return f'{title}{ground}<text class="tick" x="{LEFT + 12}" y="{top + PANEL / 2}">no user impact</text>'
    y = scale.latency(found, (), top + PANEL, top)
    parts = [*_grid(y), *_days(x, top + PANEL)]
    for kind, dots in kinds.items():
        parts += _band([dot.value for dot in dots], y, _COLOURS[kind])
        parts += [
            _dot(x(d.at.timestamp()), y(d.value.seconds), _COLOURS[kind], d.value.censored)
            for d in sorted(dots, key=lambda dot: dot.value.censored)
        ]
    return title + ground + "".join(parts)


def _counts(kinds: Mapping[str, Sequence[Dot]]) -> Markup:
    said = []
    for kind, dots in kinds.items():
        median = mttd_mttr.summarise([dot.value for dot in dots]).median
        bound = "≥ " if median and median.at_least else ""
        said.append(
            f"{kind} n = {len(dots)}, median {bound}{words.seconds(median.seconds) if median else words.NO_DATA}"
        )
    return Markup("<tspan>  {}</tspan>").format("; ".join(said))


def _grid(y: Scale) -> Iterator[str]:
    for tick in y.ticks():
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick)}" y2="{y(tick)}"/>'
        yield f'<text class="tick end" x="{LEFT - 6}" y="{y(tick) + 4}">{words.seconds(tick) if tick else "0"}</text>'


def _days(x: Scale, bottom: float, most: int = 6) -> Iterator[str]:
    for number in range(most):
        moment = x.low + (x.high - x.low) * number / (most - 1)
        anchor = "" if number == 0 else "end" if number == most - 1 else "mid"
        day = f"{datetime.fromtimestamp(moment).astimezone():%Y-%m-%d}"
        yield f'<text class="tick {anchor}" x="{x(moment)}" y="{bottom + 15}">{day}</text>'


def _band(values: Sequence[CensoredTime], y: Scale, colour: str) -> Iterator[str]:
    found = mttd_mttr.summarise(values)
    if found.median_low and found.median_high:
        high, low = y(found.median_high.seconds), y(found.median_low.seconds)
        width = WIDTH - LEFT - RIGHT
        style = f"fill:{colour};opacity:.16"
        yield f'<rect x="{LEFT}" width="{width}" y="{high}" height="{max(2.0, low - high)}" style="{style}"/>'


def _dot(x: float, y: float, colour: str, censored: bool) -> str:
    if not censored:
        return f'<circle cx="{x}" cy="{y}" r="4.5" style="fill:{colour}"/>'
    style = f"fill:none;stroke:{colour};stroke-width:1.6"
    arrow = f"M{x} {y - 4.5}v-9m-3.5 4l3.5 -4l3.5 4"
    return f'<circle cx="{x}" cy="{y}" r="4.5" style="{style}"/><path d="{arrow}" style="{style}"/>'
