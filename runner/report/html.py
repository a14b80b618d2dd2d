"""HTML: one run as one self-contained page: no script, no font, no image from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, cast

from markupsafe import Markup

from runner import clock
from runner.characters import harmless
from runner.report import incident_times, lanes, plot, plotdata, words
from runner.report.narrator import Narrator
from runner.report.plotdata import StreamSamples
from runner.slo.sample import Sample
from runner.timeline.event import Event
from runner.timeline.record import RunRecord
from runner.timeline.vocabulary import MarkName, Proof
from runner.timeline.way_back import PutBack

if TYPE_CHECKING:
    from jinja2 import Template

_GOOD = ("PASS", "proven", "held", "undone", "already")
_BAD = ("FAIL", "ABORTED", "UNDO_FAILED", "ENVIRONMENT", "vacuous", "broken", "failed", "error")
_PLAIN = ("info",)
_CHIP_WORDS = {"already": "nothing to do"}


def render(record: RunRecord, events: Iterable[Event], samples: Mapping[str, StreamSamples]) -> str:
    """The page of one run; `samples` by indicator name, whatever is missing is said to be missing."""
    narrator = Narrator()
    told = [said for e in events if (said := narrator.tell(e))]
    health = [(i, plotdata.health(seen)) for i in record.indicators if (seen := _requests(samples, i.name))]
    page = _template().render(
        r=record,
        css=css(),
        tiles=list(_tiles(record)),
        timeline=plot.timeline_svg(record, samples),
        noticed=lanes.svg(record),
        floor=lanes.floor(record),
        undo_line=words.undo_line(record),
        met=[i for i in record.indicators if i.new is not None],
        health=health,
        log=told,
        environment=list(_environment(record)),
    )
    return harmless(page)


def _requests(samples: Mapping[str, StreamSamples], name: str) -> Sequence[Sample]:
    """Our own requests of an indicator; none of one that a source counted."""
    seen = samples.get(name, ())
    return () if plotdata.counted(seen) else cast(Sequence[Sample], seen)


def prepare() -> None:
    """Do what takes time before there is a record: compile the page."""
    _template()
    css()


@cache
def css() -> Markup:
    """The style sheet of reports and plots, to be put into a `<style>`."""
    return Markup(resources.files("runner.report").joinpath("templates/report.css").read_text("utf-8"))


def picture(record: RunRecord, samples: Mapping[str, StreamSamples]) -> str:
    """The timeline alone, as an SVG file."""
    return harmless(plot.standalone_svg(record, samples, css()))


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("runner.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "clean": words.clean,
        "title_of": words.title,
        "sign": words.sign,
        "ratio": words.ratio,
        "seconds": words.seconds,
        "count": words.count,
        "goal": words.objective_goal,
        "bounds": words.bounds,
        "mark_title": words.mark_title,
        "in_order": words.in_order,
        "interval": plot.interval_svg,
        "chip": chip,
        "clock": clock.rfc3339,
    }
    return environment.get_template("report.html")


def chip(word: str) -> Markup:
    """A verdict or a state as a coloured word with its sign."""
    tone = "good" if word in _GOOD else "bad" if word in _BAD else "plain" if word in _PLAIN else "warn"
    sign = {"good": "✔", "bad": "✘", "warn": "?", "plain": "·"}[tone]
    return Markup('<span class="chip {}">{} {}</span>').format(
        tone, sign, _CHIP_WORDS.get(word, words.title(words.clean(word)))
    )


def _tiles(record: RunRecord) -> Iterable[tuple[str, str, str]]:
    """The figures one looks for first: name, value, remark."""
    for label, name in (("detected after", "ttd"), ("recovered after", "ttr")):
        yield label, incident_times.elapsed_of(record, name, exact=False), _remark(name, record)
    worst = max(record.objectives, key=lambda o: o.budget_spent, default=None)
    if worst:
        yield (
            "error budget spent",
            words.ratio(worst.budget_spent),
            f"{words.clean(worst.name)}: {words.seconds(worst.outage_s)} of outage",
        )
    proven = sum(f.proof == Proof.PROVEN for f in record.faults)
    yield "faults proven", f"{proven} of {len(record.faults)}", words.plural(len(record.targets), "target")
    yield "put back", words.put_back(record), _undone_by(record)


def _undone_by(record: RunRecord) -> str:
    """Who put it back: undo steps of ours, or the target system itself, which leaves nothing to undo."""
    if (
        not record.undo
        and record.back.put_back == PutBack.PROVEN
        and any(f.undo_owner == "system" for f in record.faults)
    ):
        return "by the target system itself"
    return words.plural(len(words.last_steps(record.undo)), "undo step") if record.undo else "no undo step"


def _remark(name: str, record: RunRecord) -> str:
    """What stands below a TTD or TTR: its error, and what a lower bound is due to."""
    value, error_s = (record.ttd_s, record.ttd_error_s) if name == "ttd" else (record.ttr_s, record.ttr_error_s)
    if value is None:
        if not record.mark(MarkName.INJECTED):
            return "nothing was injected"
        if not record.watched:
            return "no request was measured"
        return "users felt the fault" if incident_times.was_felt(record) else "no user impact"
    return (
        incident_times.why_censored(record, name)
        or f"{f'± {words.seconds(error_s)}, ' if error_s else ''}{incident_times.since(felt=incident_times.was_felt(record))}"
    )


def _environment(record: RunRecord) -> Iterable[tuple[str, str]]:
    yield from (("experiment", record.experiment), ("experiment hash", record.experiment_hash))
    yield from (("started", clock.rfc3339(record.started)), ("ended", clock.rfc3339(record.ended)))
    yield from (("run", record.run), ("exit code", str(record.exit_code)))
    if record.gameday:
        yield "gameday", record.gameday
    yield from ((f"label {key}", value) for key, value in record.labels.items())
    for name, value in sorted(record.environment.items()):
        yield str(name).replace("_", " "), _plain(value)


def _plain(value: object) -> str:
    """A value without the brackets and quotes of a program, where it is simple enough."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return "; ".join(value)
    return json.dumps(value, default=str, ensure_ascii=False)
