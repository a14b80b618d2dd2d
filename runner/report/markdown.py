"""Markdown: one run or several for a CI's step summary, a ticket or a chat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from runner.characters import harmless
from runner.report import incident_times, plotdata, text, words
from runner.timeline.record import ObjectiveResult, RunRecord
from runner.timeline.result import ExperimentResult

Samples = Mapping[str, plotdata.StreamSamples]
ICONS = {
    "PASS": "✅",
    "FAIL": "❌",
    "INCONCLUSIVE": "❔",
    "ABORTED": "🛑",
    "UNDO_FAILED": "🚨",
    "ENVIRONMENT": "⚠️",
    "INTERRUPTED": "✋",
    "INVALID": "⚠️",
    "REFUSED": "⛔",
    "NOT RUN": "⏭️",
    "NOT FINISHED": "⚠️",
    "CRASHED": "💥",
}
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")
WIDTH = 60
"""Cells of a sparkline: fits a step summary without wrapping."""


def render(record: RunRecord, samples: Samples | None = None) -> str:
    """One run as GitHub-flavoured Markdown; ends in a newline."""
    lines = [f"## {_icon(record.verdict)} {_safe(record.title)}", "", *_body(record, samples or {})]
    return harmless("\n".join(lines) + "\n")


def summary(runs: Sequence[RunRecord | ExperimentResult]) -> str:
    """Several runs as one table, then each of them, in full what did not pass; ends in a newline."""
    passed = sum(r.verdict == "PASS" for r in runs)
    icon = "✅" if runs and passed == len(runs) else "❌"
    lines = [f"## {icon} Resilience gate: {passed} of {words.plural(len(runs), 'experiment')} passed", ""]
    if not runs:
        lines = ["## ❔ Resilience gate: no experiment ran", ""]
    else:
        lines += ["| | experiment | verdict | bad | detected | recovered | put back |", "|---|---|---|---|---|---|---|"]
    for run in runs:
        record = run.record if isinstance(run, ExperimentResult) else run
        lines.append(_row(record) if record else _row_unrun(cast(ExperimentResult, run)))
    for run in runs:
        record = run.record if isinstance(run, ExperimentResult) else run
        lines += ["", *(_details(record) if record else _details_unrun(cast(ExperimentResult, run)))]
    return harmless("\n".join(lines) + "\n")


def _row_unrun(one: ExperimentResult) -> str:
    nothing = [words.NO_DATA] * 4
    return f"| {' | '.join((_icon(one.verdict), _safe(one.name), words.title(one.verdict), *nothing))} |"


def _details_unrun(one: ExperimentResult) -> list[str]:
    head = f"<details open><summary>{_icon(one.verdict)} {_safe(one.name)}</summary>"
    said = ["", f"> **{words.title(one.verdict)}** {_safe(one.sentence)}", ""]
    text = ["```text", *map(_code, one.details.splitlines()), "```", ""] if one.details else []
    return [head, *said, *text, "</details>"]


def _row(r: RunRecord) -> str:
    worst = max(r.objectives, key=lambda o: o.bad / o.total if o.total else -1.0, default=None)
    bad = f"{words.count(worst.bad)}/{words.count(worst.total)}" if worst else words.NO_DATA
    ttd, ttr = (incident_times.elapsed_of(r, name, exact=False) for name in ("ttd", "ttr"))
    cells = (_icon(r.verdict), _safe(r.title), words.title(r.verdict), bad, ttd, ttr, words.put_back(r))
    return f"| {' | '.join(cells)} |"


def _details(record: RunRecord) -> list[str]:
    opened = "" if record.verdict == "PASS" else " open"
    head = f"<details{opened}><summary>{_icon(record.verdict)} {_safe(record.title)}</summary>"
    return [head, "", *_body(record, {}), "", "</details>"]


def _body(record: RunRecord, samples: Samples) -> Iterable[str]:
    yield f"> **{words.title(record.verdict)}** {_safe(record.sentence)}"
    yield ""
    if record.objectives:
        yield "| objective | verdict | asked | bad | 95 % bounds of bad | budget spent |"
        yield "|---|---|---|---|---|---|"
        yield from (_objective(o) for o in record.objectives)
        yield ""
    yield from _sparks(record, samples)
    yield from (f"- **{name}**: {_safe(value)}" for name, value in text.facts(record))
    yield from (
        f"- **fault**: `{_code(f.name)}` {f.proof}: {_safe(f.evidence or 'no evidence kept')}" for f in record.faults
    )
    yield from (
        f"- **hypothesis {h.when}**: {'held' if h.met else f'did NOT hold: {_safe(h.sentence)}'}"
        for h in record.hypothesis
    )
    yield from (f"- {_safe(f.severity)}: {_safe(f.message)}" for f in record.findings)


def _objective(o: ObjectiveResult) -> str:
    share = f" = {words.ratio(o.bad / o.total)}" if o.total else ""
    cells = (
        _safe(o.name),
        f"{_icon(o.verdict)} {words.title(o.verdict)}",
        words.objective_goal(o),
        f"{words.count(o.bad)}/{words.count(o.total)}{share}",
        words.bounds(o),
        words.ratio(o.budget_spent),
    )
    return f"| {' | '.join(cells)} |"


def _sparks(record: RunRecord, samples: Samples) -> Iterable[str]:
    """Error ratio and p95 of each indicator over the whole run, in a code block: it needs a fixed pitch."""
    rows = []
    for indicator in record.indicators:
        series = plotdata.series(record, indicator, samples.get(indicator.name, ()), cells=WIDTH)
        if series.bins:
            rows.append(
                f"{indicator.name[:16]:<16} bad {words.spark([b.error_ratio for b in series.bins], WIDTH, top=0.05)}"
            )
            rows.append(f"{'':<16} p95 {words.spark([b.p95_s for b in series.bins], WIDTH)}")
    if rows:
        yield from ("```text", *(_code(r) for r in rows), "```", "")


def _icon(verdict: str) -> str:
    return ICONS.get(verdict, "•")


def _safe(value: object) -> str:
    """Text that cannot become markup, a table cell's end or a mention."""
    return _SPECIAL.sub(r"\\\1", words.clean(value)).replace("@", "@\u200b")


def _code(value: object) -> str:
    return words.clean(value).replace("`", "ˋ")
