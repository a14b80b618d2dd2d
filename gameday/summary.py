"""Summary: a GameDay for the debriefing, as Markdown and as one self-contained HTML page; what only people know is left to fill in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gameday import pages
from gameday.record import GameDay, Outcome, StepResult
from runner import errors, units
from runner.timeline import mttd_mttr
from runner.timeline.mttd_mttr import Estimate
from runner.timeline.way_back import PutBack

if TYPE_CHECKING:
    import jinja2

ACTION_COLUMNS = ("id", "title", "type", "priority", "owner", "due", "experiment to rerun")
ACTION_ROWS = 3
RATINGS = "P performed without challenges · S with some challenges · M with major challenges · U unable (FEMA HSEEP)"
QUESTIONS = ("What went well", "What went wrong", "Where we were lucky")
SYMBOLS: dict[Outcome, str] = {
    "met": "✔",
    "missed": "✘",
    "censored": "?",
    "not measured": "?",
    "no impact": "✔",
    "no target": "–",
}
MARKS = (
    "injected", "effective", "detected", "pending", "firing", "received", "notified", "acknowledged", "mitigated",
    "aborted", "undo_started", "undone", "resolved", "recovered",
)  # fmt: skip
ACK = ("acknowledged",)
PAGED = ("received", "notified")
"""Stages of an alert by which somebody was told."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One line of the day's timeline."""

    at: str
    """UTC, to the second."""
    offset: str
    what: str


def markdown(day: GameDay) -> str:
    """The summary as Markdown."""
    return _template("summary.md.j2", autoescape=False).render(**_values(day))


def html(day: GameDay, plots: Mapping[str, str] | None = None) -> str:
    """The summary as a page without scripts or outside files. `plots` holds an SVG a run, where there is one."""
    from markupsafe import Markup

    from gameday import drawing
    from runner.report import html as report

    return _template("summary.html.j2", autoescape=True).render(
        **_values(day),
        drawing=Markup(drawing.day(day)),
        plots={run: Markup(svg) for run, svg in (plots or {}).items()},
        css=report.css(),
        chip=report.chip,
    )


def plots(day: GameDay, store: str | None = None) -> dict[str, str]:
    """The timeline of each run that the record of all runs still knows, by its id. Raises EnvironmentFailure."""
    from runner.report import plot, plotdata
    from runner.store import Store

    drawn: dict[str, str] = {}
    with Store.open(store) as runs:
        for step in day.steps:
            with contextlib.suppress(errors.UsageError):  # a run that was thrown away: the day tells what it knows
                run = runs.get(step.run)
                drawn[step.run] = plot.timeline_svg(run, plotdata.read(run))
    return drawn


def write(day: GameDay, folder: Path, plots: Mapping[str, str] | None = None) -> tuple[pages.Written, pages.Written]:
    """Both forms into a folder; what became of Markdown and HTML. What people have written into one is never overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    return (
        pages.write(folder / f"{day.id}.md", markdown(day)),
        pages.write(folder / f"{day.id}.html", html(day, plots)),
    )


def format_outcome(value_s: float | None, censored: bool, unaffected: bool) -> str:
    """A measured time; a censored one as the lower bound that it is."""
    if value_s is None and unaffected:
        return "users unaffected"
    if value_s is None:
        return "never seen" if censored else "not measured"
    return units.format_measured(value_s, at_least=censored)


def format_target(value_s: float | None) -> str:
    """A target for detection or recovery."""
    return "none" if value_s is None else f"≤ {units.format_duration(value_s)}"


def mean_times(values: Sequence[tuple[float | None, bool]]) -> tuple[str, str]:
    """MTTD or MTTR over the steps as `chaos-run metrics` gives it: the mean, and in how far to trust it.

    A censored time counts as the lower bound that it is, and makes the figures lower bounds (≥).
    """
    found = mttd_mttr.summarise([mttd_mttr.CensoredTime(value, cut) for value, cut in values if value is not None])
    unknown = sum(1 for value, cut in values if value is None and cut)
    unseen = f", {unknown} never detected or recovered" if unknown else ""
    if found.mean is None or found.median is None:
        return ("none ended", f"n = 0{unseen}") if unknown else ("nothing", "no user impact was measured, n = 0")
    return f"mean {_format_figure(found.mean)}", (
        f"median {_format_figure(found.median)}, n = {found.n}, censored {found.censored}{unseen}"
    )


def _format_figure(figure: Estimate) -> str:
    return units.format_measured(figure.seconds, at_least=figure.at_least)


def timeline(day: GameDay) -> Iterator[Moment]:
    """Every step, every mark, and what people said, in the order they happened."""
    moments = [(day.started, "the day begins"), *((said.at, said.sentence) for said in day.said)]
    for step in day.steps:
        moments.append((step.started, f"{step.name} begins"))
        moments += [(at, f"{step.name}: {name.replace('_', ' ')}") for name, at in step.marks if name in MARKS]
        moments += [(said.at, f"{step.name}: {said.sentence}") for said in step.said]
        moments.append((step.ended, f"{step.name} ends: {step.verdict}"))
    for at, what in sorted(moments, key=lambda moment: moment[0]):
        seconds = (at - day.started).total_seconds()
        offset = units.format_duration(seconds) if seconds >= 0.001 else "0s"
        yield Moment(at=f"{at:%H:%M:%S}", offset=f"+{offset}", what=what)


def capabilities(day: GameDay) -> Iterator[tuple[str, str]]:
    """What a GameDay trains, and what the machine saw of it; the rating is the team's."""
    steps = day.steps
    felt = [s for s in steps if _has(s, "effective") or _has(s, "detected")]
    noticed = sum(_has(s, "detected") for s in steps)
    begun = [s for s in steps if any(name == "injected" for name, _ in s.marks)]
    yield (
        "Steady state verified before each fault",
        f"{len(begun)} of {len(day.planned)} steps injected after a good baseline",
    )
    yield (
        "The alert fired, and the right one first",
        f"{noticed} of {len(felt)} steps with user impact were detected"
        if felt
        else "no user impact was measured: nothing to detect",
    )
    yield "Time to detect within target", _outcome_counts(s.detection for s in steps)
    yield "Time to recover within target", _outcome_counts(s.recovery for s in steps)
    yield (
        "Mitigated without the injector's help",
        f"{sum(_has(s, 'mitigated') for s in steps)} steps were mitigated by people, "
        f"{sum(_has(s, 'aborted') for s in steps)} were ended by an abort",
    )
    yield "Undo clean", _undo_sentence(steps)
    yield (
        "The right team was paged, and acknowledged in time",
        "; ".join(map(_paging_sentence, felt)) or "nothing to page for",
    )
    yield "The runbook was found and is current", ""
    yield "Roles held, communication at the agreed pace", ""
    yield "Action items have an owner and a date", ""


def _undo_sentence(steps: Sequence[StepResult]) -> str:
    """How many steps are known to be put back, and of each other what is known instead."""
    broke = [s for s in steps if s.put_back not in ("", PutBack.NOTHING)]
    others = [f"{s.name}: {s.way_back}" for s in broke if s.put_back != PutBack.PROVEN]
    known = f"{len(broke) - len(others)} of {len(broke)} steps put back and verified"
    return "; ".join([known, *others]) if broke else "nothing was changed"


def _paging_sentence(step: StepResult) -> str:
    """Whether people were told and said that they had noticed, with how long each took since users felt it."""
    told, noticed = (next((_after(step, name) for name in names if _has(step, name)), None) for names in (PAGED, ACK))
    paged = "paging was not watched" if told is None else f"paged after {units.format_duration(told)}"
    if noticed is None:
        return f"{step.name}: {paged}, not acknowledged"
    limit = step.detect_within
    late = "" if limit is None else ", in time" if noticed <= limit else f", later than {units.format_duration(limit)}"
    return f"{step.name}: {paged}, acknowledged after {units.format_duration(noticed)}{late}"


def _after(step: StepResult, name: str) -> float:
    """Seconds from users' feeling it, or else from the injection, to the first mark of that name."""
    first = dict(reversed(step.marks))
    since = first.get("effective") or first.get("injected") or step.started
    return max(0.0, (first[name] - since).total_seconds())


def _values(day: GameDay) -> dict[str, Any]:
    return {
        "day": day,
        "steps": day.steps,
        "unreached": [name for name in day.planned if name not in {s.name for s in day.steps}],
        "length": units.format_duration((day.ended - day.started).total_seconds()),
        "measured": format_outcome,
        "target": format_target,
        "symbols": SYMBOLS,
        "mttd": mean_times([(s.ttd_s, s.ttd_censored) for s in day.steps if s.run]),
        "mttr": mean_times([(s.ttr_s, s.ttr_censored) for s in day.steps if s.run]),
        "timeline": list(timeline(day)),
        "capabilities": list(capabilities(day)),
        "words": {"already": "nothing to do"},
        "ratings": RATINGS,
        "questions": QUESTIONS,
        "columns": ACTION_COLUMNS,
        "rows": list(range(1, ACTION_ROWS + 1)),
        "reruns": list(dict.fromkeys(Path(s.experiment).name for s in day.steps)),
    }


def _template(name: str, *, autoescape: bool) -> jinja2.Template:
    import jinja2

    text = resources.files("gameday").joinpath(name).read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=autoescape, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )  # fmt: skip
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    return environment.from_string(text)


def _has(step: StepResult, mark: str) -> bool:
    return any(name == mark for name, _ in step.marks)


def _outcome_counts(outcomes: Iterator[Outcome]) -> str:
    found = list(outcomes)
    return ", ".join(f"{found.count(one)} {one}" for one in dict.fromkeys(found)) or "no step was run"
