"""Screen: a scene as one picture of the running experiment, for terminals 60 columns wide and wider."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from runner.report import words
from runner.report.scene import Scene
from runner.timeline.status import BudgetStatus, GuardStatus, IndicatorStatus, Status, TargetStatus, UndoStatus
from runner.timeline.vocabulary import Phase

TONES = {"plain": "default", "good": "green", "warn": "yellow", "bad": "bold red"}
DIM = "bright_black"
_UNDO = {"undone": ("✔", "green"), "already": ("✔", "green"), "failed": ("✘", "bold red"), "started": ("▸", "yellow")}
_TARGET = {"hit": ("✘", "yellow"), "undone": ("✔", "green"), "failed": ("✘", "bold red")}
PREPARING = "▸ preparing: processes start, targets are resolved, the plan is drawn …"
_LABEL = 11
"""Width of the left column: what a block of lines is about."""


def picture(scene: Scene, width: int, height: int | None) -> RenderableType:
    """The whole view; on a low terminal the newest moments are kept and the older ones left out."""
    width = min(width, 140)
    blocks = [*_header(scene, width), Text(), _phases(scene, width) if scene.run else Text(PREPARING, style=DIM)]
    status = scene.status
    if status:
        blocks += [Text(), *_measured(scene, status, width)]
    below = [*_targets(scene, width), *_undo(scene, width)]
    foot = [Text(), Text(scene.interrupted, style="bold yellow")] if scene.interrupted else []
    if scene.way_out:
        foot = [Text(), Text(scene.way_out, style=DIM, no_wrap=True, overflow="ellipsis")]
    used = sum(_lines(b) for b in (*blocks, *below, *foot)) + 3
    room = 12 if height is None else max(1, height - used)
    return Group(*blocks, *below, *_moments(scene, width, room), *foot)


def _lines(block: RenderableType) -> int:
    return block.row_count if isinstance(block, Table) else 1


def _header(scene: Scene, width: int) -> list[RenderableType]:
    where = " · ".join(part for part in (scene.context, scene.environment, scene.run) if part)
    head = Table.grid(expand=False, padding=(0, 1))
    head.add_column(no_wrap=True, overflow="ellipsis", width=max(20, width - len(where) - 1))
    head.add_column(no_wrap=True, justify="right")
    head.add_row(Text(scene.title or "chaos-run", style="bold"), Text(where, style=DIM))
    rule = Table.grid()
    rule.add_column(width=width)
    rule.add_row(Rule(style=DIM))
    return [head, rule]


def _phases(scene: Scene, width: int) -> RenderableType:
    """`✔ baseline 10s   ▸ fault 4s of 15s ━━━───   ○ undo   ○ recovery`."""
    line, status = Text(), scene.status
    gap, cells = ("   ", 10) if width >= 90 else ("  ", 6)
    for phase in (*(["notice"] if "notice" in scene.phases else []), *words.PHASES):
        if phase == Phase.JUDGE:
            continue
        began, ended = scene.phases.get(phase, (None, None))
        name = words.phase_title(phase)
        if began is None:
            line.append(f"○ {name}{gap}", style=DIM)
        elif ended is not None:
            line.append("✔ ", style="green").append(f"{name} ").append(
                f"{words.seconds(ended - began)}{gap}", style=DIM
            )
        else:
            line.append("▸ ", style="bold cyan").append(f"{name} ", style="bold").append_text(
                _time_left(status, phase, cells)
            )
            line.append(gap)
    return line


def _time_left(status: Status | None, phase: str, cells: int) -> Text:
    if status is None or status.phase != phase:
        return Text("…", style=DIM)
    spent = words.seconds(int(status.elapsed_s))
    if not status.planned_s:
        return Text(spent, style="cyan")
    left = status.planned_s - status.elapsed_s
    bar = gauge(status.elapsed_s / status.planned_s, cells, "cyan")
    most = "≤ " if phase == Phase.RECOVER else ""  # it is over as soon as users are well
    rest = f"{most}{words.seconds(round(left))} left" if left >= 1 else spent if left < -1 else "now"
    return bar.append(f" {rest}", style="cyan")


def gauge(share: float, width: int, style: str) -> Text:
    """A bar of `width` cells filled to `share`."""
    full = min(width, max(0, round(share * width)))
    return Text("━" * full, style=style).append("━" * (width - full), style=DIM)


def _measured(scene: Scene, status: Status, width: int) -> Iterable[RenderableType]:
    if status.indicators:
        yield _indicators(status.indicators, width)
    if status.hypothesis_met is not None:
        yield _labelled("hypothesis", [_hypothesis(status.hypothesis_met, scene.looked)], width)
    if status.budgets:
        yield Text()
        yield _labelled("budget", [_budget(b, width) for b in status.budgets], width)
    if status.guards:
        yield Text()
        yield _labelled("guards", [_guard(g, width) for g in status.guards], width)


def _labelled(label: str, lines: Sequence[Text], width: int) -> Table:
    table = Table.grid(padding=0)
    table.add_column(width=_LABEL, no_wrap=True, style=DIM)
    table.add_column(width=max(20, width - _LABEL), no_wrap=True, overflow="ellipsis")
    for number, line in enumerate(lines):
        table.add_row(label if number == 0 else "", line)
    return table


def _indicators(indicators: Sequence[IndicatorStatus], width: int) -> Table:
    plot = max(10, (width - _LABEL - 46) // 2)
    table = Table.grid(padding=(0, 2, 0, 0))
    for justify, size in (("left", 14), ("right", 9), ("right", 8), ("left", plot), ("right", 8), ("left", plot)):
        table.add_column(justify=justify, width=size, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]
    counted = {i.what for i in indicators}
    heads = ("traffic", "requests" if counted <= {"requests"} else "events", "bad now", "", "p95 now", "")
    table.add_row(*(Text(h, style=DIM) for h in heads))
    for i in indicators:
        bad = "bold red" if i.error_ratio else "default"
        table.add_row(
            Text(words.clean(i.name), style="bold"),
            words.count(i.requests),
            Text(words.ratio(i.error_ratio).replace(" ", ""), style=bad),
            _errors(i.errors, plot),
            words.seconds(i.p95_s),
            Text(words.spark(i.latencies, plot), style="cyan"),
        )
    return table


def _errors(values: Sequence[float | None], plot: int) -> Text:
    """Red where there are errors; a calm line where there are none."""
    line = Text()
    for value, block in zip(values[-plot:], words.spark(values, plot, top=0.05), strict=True):
        line.append(block, style="red" if value else DIM)
    return line


def _hypothesis(met: bool, looked: str) -> Text:
    """What was seen when somebody looked last: only `during` is a look that is repeated."""
    if looked in ("", "during"):
        return Text("✔ holds", style="green") if met else Text("✘ does not hold", style="bold red")
    when = f" {words.WHEN[looked]}" if looked in words.WHEN else ""
    return Text(f"✔ held{when}", style="green") if met else Text(f"✘ did not hold{when}", style="bold red")


def _budget(b: BudgetStatus, width: int) -> Text:
    tone = "red" if b.spent >= 0.5 else "yellow" if b.spent >= 0.1 else "green"
    line = Text(f"{words.clean(b.objective):<16.16} ").append_text(gauge(b.spent, _gauge_cells(width), tone))
    line.append(f" {words.ratio(b.spent)} spent", style=tone if b.spent >= 0.1 else "default")
    if not b.spent:
        return line
    burn = "" if b.burn_rate is None else f" · burns {b.burn_rate:.1f}×"
    return line.append(f" · {words.seconds(b.outage_s)} of outage{burn}", style=DIM)


def _gauge_cells(width: int) -> int:
    return 20 if width >= 100 else 6


def _guard(g: GuardStatus, width: int) -> Text:
    if g.value is None:
        gauge_text, tone = Text("━" * _gauge_cells(width), style=DIM), DIM
    else:
        share = 1.0 if g.tripped else 1 - (g.headroom or 0.0)
        tone = "bold red" if g.tripped else "yellow" if share >= 0.7 else "green"
        gauge_text = gauge(share, _gauge_cells(width), tone)
    numbers = "no data yet" if g.value is None else f"{quantity(g.value, g.unit)} of {quantity(g.limit, g.unit)}"
    if g.tripped:
        numbers = f"TRIPPED {numbers}"
    elif g.value is not None and g.value > g.limit:
        numbers += " so far"  # of a window that is not full yet
    name = max(24, min(44, width - _LABEL - _gauge_cells(width) - 24))
    return Text(f"{words.clean(g.name):<{name}.{name}} ").append_text(gauge_text).append(f" {numbers}", style=tone)


def quantity(value: float | None, unit: str) -> str:
    """A guard's number in its unit."""
    if value is None:
        return "no data"
    return {"ratio": words.ratio, "seconds": _rounded}.get(unit, "{:g}".format)(value)


def _rounded(value: float) -> str:
    """Seconds without the digits that only flicker."""
    return words.seconds(round(value, 1)) if value >= 0.05 else "0s"


def _targets(scene: Scene, width: int) -> list[RenderableType]:
    known = scene.status.targets if scene.status else ()
    shown = known or tuple(TargetStatus(name=name) for name in scene.targets)
    if not shown:
        return []
    lines = []
    for target in shown[:6]:
        glyph, style = _TARGET.get(target.state, ("○", DIM))
        lines.append(
            Text(f"{glyph} ", style=style).append(words.clean(target.name)).append(f"  {target.state}", style=style)
        )
    if len(shown) > 6:
        lines.append(Text(f"  and {len(shown) - 6} more", style=DIM))
    return [Text(), _labelled("targets", lines, width)]


def _undo(scene: Scene, width: int) -> list[RenderableType]:
    told = {u.step: u for u in (scene.status.undo if scene.status else ())} | scene.undo
    if told.get(0) and told[0].state in ("started", "already"):  # no process was left to end
        del told[0]
    if not told:
        return []
    return [Text(), _labelled("undo", [_step(u) for _, u in sorted(told.items())][-6:], width)]


def _step(step: UndoStatus) -> Text:
    glyph, style = _UNDO.get(step.state, ("○", DIM))
    state = {"already": "nothing to do"}.get(step.state, step.state)
    return Text(f"{glyph} ", style=style).append(words.clean(step.what), "default").append(f"  {state}", style=style)


def _moments(scene: Scene, width: int, room: int) -> list[RenderableType]:
    if not scene.moments:
        return []
    lines = [
        Text(f"+{t:.1f}s ".rjust(9), style=DIM).append(said, style=TONES[tone]) for _, t, tone, said in scene.moments
    ]
    return [Text(), _labelled("moments", lines[-room:], width)]
