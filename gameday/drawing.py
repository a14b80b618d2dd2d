"""Drawing: the whole day as one SVG: a bar a step, its phases shaded, its marks named."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from gameday.record import GameDay, StepResult
from runner import units

WIDTH, LEFT, RIGHT, ROW, TOP, BAR = 960, 150, 20, 64, 16, 20
NAMES = {
    "injected": "injected",
    "detected": "detected",
    "aborted": "aborted",
    "undone": "undone",
    "recovered": "recovered",
}
NEAR = 62
"""Names of marks that are closer than this many units are written on different lines."""


def day(day: GameDay) -> str:
    """The SVG; colours come from the page's classes."""
    seconds = max(1.0, (day.ended - day.started).total_seconds())
    scale = (WIDTH - LEFT - RIGHT) / seconds
    height = TOP + ROW * max(1, len(day.steps)) + 28
    parts = [
        f'<svg class="day" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Timeline of the day" xmlns="http://www.w3.org/2000/svg">'
    ]
    parts += _axis(seconds, scale, height)
    for number, step in enumerate(day.steps):
        parts += _row(day, step, TOP + number * ROW, scale)
    return "".join([*parts, "</svg>"])


def _axis(seconds: float, scale: float, height: int) -> Iterator[str]:
    spacing = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600) if seconds / s <= 10), 7200)
    for tick in range(0, int(seconds) + 1, spacing):
        x = LEFT + tick * scale
        yield f'<line class="tick-line" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{height - 22}"/>'
        yield f'<text class="small" x="{x:.1f}" y="{height - 6}" text-anchor="middle">{units.format_duration(tick) if tick else 0}</text>'


def _row(day: GameDay, step: StepResult, y: int, scale: float) -> Iterator[str]:
    begin = (step.started - day.started).total_seconds()
    length = (step.ended - step.started).total_seconds()
    yield f'<text x="{LEFT - 10}" y="{y + 15}" text-anchor="end">{escape(step.name)}</text>'
    yield f'<text class="small v-{step.verdict}" x="{LEFT - 10}" y="{y + 30}" text-anchor="end">{step.verdict}</text>'
    yield _bar("bar", LEFT + begin * scale, y, length * scale, f"{step.name}: {units.format_duration(length)}")
    for phase, start, end in step.phases:
        said = f"{phase}: {units.format_duration(end - start)}"
        yield _bar(f"phase-{phase}", LEFT + (begin + start) * scale, y, (end - start) * scale, said)
    yield from _marks(day, step, y, scale)


def _bar(style: str, x: float, y: int, width: float, title: str) -> str:
    shape = f'x="{x:.1f}" y="{y}" width="{max(1.0, width):.1f}" height="{BAR}"'
    return f'<rect class="{escape(style)}" {shape}><title>{escape(title)}</title></rect>'


def _marks(day: GameDay, step: StepResult, y: int, scale: float) -> Iterator[str]:
    first = {name: at for name, at in reversed(step.marks) if name in NAMES}
    level, before = 0, -1000.0
    for name, at in sorted(first.items(), key=lambda mark: mark[1]):
        x = LEFT + (at - day.started).total_seconds() * scale
        level = (level + 1) % 3 if x - before < NEAR else 0
        before = x
        yield f'<line class="moment" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{y + BAR + 3 + 10 * level}"/>'
        anchor = "end" if x > WIDTH - 70 else "start"
        yield f'<text class="small" x="{x + 2:.1f}" y="{y + BAR + 11 + 10 * level}" text-anchor="{anchor}">{NAMES[name]}</text>'
