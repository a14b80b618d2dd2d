"""Ending: the last picture of a run on a terminal, which stays: verdict, objectives, TTD and TTR, the way back, the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.report import incident_times, lanes, screen, words
from runner.report.scene import Scene
from runner.timeline.vocabulary import UndoState

COLOURS = {"PASS": "green", "INCONCLUSIVE": "yellow", "INTERRUPTED": "yellow"}


def picture(scene: Scene, width: int) -> RenderableType:
    """The end of the run from its verdict event; without one it says that there was none."""
    width = min(width, 140)
    fields = scene.verdict
    if fields is None:
        return Text(scene.unended, "yellow")
    return Group(*_blocks(scene, fields, width))


def _blocks(scene: Scene, fields: Mapping[str, Any], width: int) -> Iterable[RenderableType]:
    yield Text(scene.title, style="bold").append(f"  {scene.context} · {scene.run}", style=screen.DIM)
    yield Text()
    yield _banner(str(fields.get("verdict", "")), words.clean(fields.get("sentence", "")), width)
    yield Text()
    if fields.get("objectives"):
        yield _objectives(fields["objectives"], width)
        yield Text()
    stages = fields.get("stages") or {}
    if "injected" in stages:
        yield _pipeline(stages, width, str(fields.get("unwatched") or ""))
        yield Text()
    yield _facts(scene, fields, width)


def _banner(verdict: str, sentence: str, width: int) -> Table:
    colour = COLOURS.get(verdict, "red")
    banner = Table.grid(padding=(0, 2, 0, 0))
    banner.add_column(no_wrap=True)
    banner.add_column(max_width=max(30, width - len(words.title(verdict)) - 8))
    badge = Text(f" {words.sign(verdict)} {words.title(verdict)} ", style=f"bold white on {colour}")
    banner.add_row(badge, Text(sentence, style="bold"))
    return banner


def _objectives(objectives: Sequence[Mapping[str, Any]], width: int) -> Table:
    gap = 2 if width >= 90 else 1
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style=screen.DIM, width=min(width, 110))
    for head, justify in (("objective", "left"), ("", "left"), ("asked", "left"), ("bad", "right"), ("of", "right")):
        table.add_column(head, justify=justify, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]
    table.add_column("bad ratio, 95 % bounds", overflow="fold")
    table.add_column("budget", justify="right", no_wrap=True)
    for o in objectives:
        table.add_row(*_objective(o))
    return table


def _objective(o: Mapping[str, Any]) -> list[RenderableType]:
    verdict = str(o.get("verdict", ""))
    bad, total = int(o.get("bad") or 0), int(o.get("total") or 0)
    goal = words.ratio(o.get("target"))
    if o.get("threshold_s"):
        goal += f" in {words.seconds(o['threshold_s'])}"
    if o.get("slice_target"):
        goal = f"{words.ratio(o.get('target'))} of {words.seconds(o['slice_s'])} slices"
    known = bool(total) and o.get("lower") is not None
    bounds = f"{words.ratio(bad / total)} ({words.ratio(o['lower'])}–{words.ratio(o['upper'])})" if known else "no data"
    return [
        Text(words.clean(o.get("name", "")), style="bold"),
        Text(f"{words.sign(verdict)} {words.title(verdict)}", style=COLOURS.get(verdict, "red")),
        Text(goal),
        Text(words.count(bad)),
        Text(words.count(total)),
        Text(bounds),
        Text(words.ratio(o.get("budget_spent")), style=screen.DIM),
    ]


_LANES = {"fault": "yellow", "users": "red", "alert": "magenta", "people": "cyan"}


def _pipeline(stages: Mapping[str, float], width: int, unwatched: str = "") -> Table:
    """Fault, users, alert and people as bars over one time."""
    picture = Table.grid(padding=(0, 2, 0, 0))
    picture.add_column(width=10, style=screen.DIM, no_wrap=True)
    picture.add_column(no_wrap=True)
    picture.add_column(style="bold")
    cells = max(20, min(72, width - 44))
    for name, bar, said in lanes.lines(stages, max(stages.values()), cells, unwatched=unwatched):
        picture.add_row(name, Text(bar, style=_LANES[name]), said)
    return picture


def _facts(scene: Scene, fields: Mapping[str, Any], width: int) -> Table:
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(width=10, style=screen.DIM, no_wrap=True)
    facts.add_column(max_width=max(30, width - 12), overflow="fold")
    if "inject" in scene.phases:
        facts.add_row("targets", Text(words.listed(fields.get("targets") or scene.targets) or "none"))
        facts.add_row("detected", _elapsed("ttd", fields))
        facts.add_row("recovered", _elapsed("ttr", fields))
    if scene.way_back:
        facts.add_row("put back", Text(scene.way_back))
    for number, line in enumerate(_undo(scene), int(bool(scene.way_back))):
        facts.add_row("put back" if number == 0 else "", line)
    for number, sentence in enumerate(scene.cleared):
        facts.add_row("proof" if number == 0 else "", Text("✔ ", "green").append(sentence, "default"))
    for severity, message in scene.findings:
        if severity != "info":
            facts.add_row(Text(severity, style="red" if severity == "error" else "yellow"), Text(message))
    if fields.get("report"):
        facts.add_row("report", Text(words.clean(fields["report"]), style="underline"))
    return facts


def _elapsed(name: str, fields: Mapping[str, Any]) -> Text:
    said = incident_times.elapsed_told(fields, name)
    if fields.get(f"{name}_s") is None:
        return Text(said, screen.DIM)
    after = incident_times.since(felt=incident_times.felt_told(fields))
    why = f", {words.clean(told)}" if (told := fields.get(f"{name}_why")) else ""
    return Text(said, style="bold").append(f" {after}{why}", style=screen.DIM)


def _undo(scene: Scene) -> list[Text]:
    played = [u for step, u in sorted(scene.undo.items()) if step or u.state != UndoState.ALREADY]
    if not played and scene.way_back:
        return []
    if not played:
        return [Text("nothing had to be undone" if scene.undo else "nothing was changed")]
    return [_step(u.what, u.state) for u in played]


def _step(what: str, state: str) -> Text:
    if state in ("undone", "already"):
        return (
            Text("✔ ", "green")
            .append(what, "default")
            .append(" (nothing to do)" if state == "already" else "", screen.DIM)
        )
    return Text("✘ ", "bold red").append(what, "default").append(f" {state}", "bold red")
