"""Text: the end of a run in a few plain lines, for terminals, `show` and mail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runner.characters import harmless
from runner.report import answered, incident_times, lanes, words
from runner.timeline.record import ObjectiveResult, RunRecord


def render(record: RunRecord, *, report: str | None = None) -> str:
    """The verdict, the objectives with k of n and bounds, TTD and TTR, the way back, and where more is; ends in a newline."""
    lines = [f"{words.sign(record.verdict)} {words.title(record.verdict)}  {words.clean(record.sentence)}", ""]
    lines += [f"  {line}".rstrip() for line in table(record.objectives)]
    lines += [f"  {name:<10} {value}" for name, value in facts(record)]
    lines += pipeline(record)
    lines += [f"  {f.severity}: {words.clean(f.message)}" for f in record.findings if f.severity != "info"]
    if report:
        lines.append(f"  {'report':<10} {report}")
    return harmless("\n".join(lines) + "\n")


def pipeline(record: RunRecord) -> list[str]:
    """Fault, users, alert and people as bars over one time; nothing where no alerts were watched."""
    at = lanes.moments(record)
    if record.alerting is None or "injected" not in at:
        return []
    rows = lanes.lines(at, max(at.values()), 60, record.alerting.unnotified, record.alerting.unwatched)
    return ["", *(f"  {name:<10} {bar}  {said}" for name, bar, said in rows), ""]


def table(objectives: Sequence[ObjectiveResult]) -> Iterable[str]:
    """The objectives as aligned columns, with a blank line after them."""
    if not objectives:
        return
    rows = [("objective", "", "asked", "bad", "95 % bounds of bad", "budget spent"), *(_row(o) for o in objectives)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""


def _row(o: ObjectiveResult) -> tuple[str, ...]:
    bad = f"{words.count(o.bad)}/{words.count(o.total)}" + (f" = {words.ratio(o.bad / o.total)}" if o.total else "")
    spent = f"{words.ratio(o.budget_spent)} ({words.seconds(o.outage_s)} of outage)"
    verdict = f"{words.sign(o.verdict)} {words.title(o.verdict)}"
    return words.clean(o.name), verdict, words.objective_goal(o), bad, words.bounds(o), spent


def facts(record: RunRecord) -> Iterable[tuple[str, str]]:
    """Names and values of what is known of the whole run."""
    yield "targets", words.listed(record.targets) or "none"
    for label, name in (("detected", "ttd"), ("recovered", "ttr")):
        why = incident_times.why_censored(record, name)
        yield label, incident_times.elapsed_of(record, name) + (f", {why}" if why else "")
    for indicator in record.indicators:
        if said := answered.sentence(indicator):
            yield "traffic", f"{words.clean(indicator.name)}: {said}"
    yield "put back", words.undo_line(record)
    for residue in record.residue:
        yield "LEFT", words.clean(residue)
    for cleared in record.cleared:
        yield "proof", words.clean(cleared)
    yield "run", f"{record.run} on {words.clean(record.context or 'no cluster')}"
