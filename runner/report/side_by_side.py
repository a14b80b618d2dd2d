"""Side by side: a comparison as text, a column for each run, that fits 80 columns and cuts nothing off."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator

from rich.cells import cell_len, chop_cells, set_cell_size

from runner import units
from runner.report import incident_times, table, words
from runner.report.comparison import Comparison, FaultPair, ObjectivePair, WaitPair, judged_s
from runner.timeline.record import Fault, ObjectiveResult, RunRecord

TITLES = 14
"""Columns of the words at the left."""
NARROW, WIDE = 80, 120
NONE = "-"
_KIND = {True: "requests", False: "slices"}


def text(found: Comparison) -> str:
    """The whole comparison; as wide as the terminal, within reason, and 80 columns in a pipe."""
    room = shutil.get_terminal_size((NARROW, 24)).columns if sys.stdout.isatty() else NARROW
    column = (max(NARROW, min(WIDE, room)) - TITLES - 4) // 2
    return "\n".join(line.rstrip() for line in _lines(found, column))


def _lines(found: Comparison, column: int) -> Iterator[str]:
    a, b = found.a, found.b
    yield from _row("", ("A", "B"), column)
    yield from _row("run", (a.run, b.run), column)
    yield from _row("started", (f"{run.started.astimezone():%Y-%m-%d %H:%M}" for run in (a, b)), column)
    yield from _row("experiment", (a.title, "same" if a.title == b.title else b.title), column)
    yield from _row("verdict", (a.verdict, b.verdict), column)
    yield from _row("", (_bare(a), _bare(b)), column)
    for title, rows in _sections(found, column):
        if rows:
            yield from ("", title, *rows)


def _sections(found: Comparison, column: int) -> Iterator[tuple[str, list[str]]]:
    yield "Objectives", [line for pair in found.objectives for line in _objective(pair, column)]
    yield "Times", [line for pair in found.waits for line in _wait(pair, found, column)]
    yield "Faults", [line for pair in found.faults for line in _fault(pair, column)]
    ends = (words.put_back(run) for run in (found.a, found.b))
    lengths = (units.format_duration(judged_s(run)) for run in (found.a, found.b))
    yield "Run", [*_row("  put back", ends, column), *_row("  judged over", lengths, column)]
    changed = [line for c in found.changes for line in _row(f"  {c.what}", (c.before, c.after), column)]
    yield "Different besides", changed or ["  nothing that is known"]
    yield "To read it rightly", [line for note in found.notes for line in _note(note, column, "  ")]


def _objective(pair: ObjectivePair, column: int) -> Iterator[str]:
    yield from _row(f"  {pair.name}", (_verdict(pair.a), _verdict(pair.b)), column)
    one, two = (words.objective_goal(o) if o else NONE for o in (pair.a, pair.b))
    yield from _row("    asked", (one, "same" if one == two else two), column)
    yield from _row("    bad", (_bad(pair.a), _bad(pair.b)), column)
    yield from _note(pair.sentence, column, "    ")


def _verdict(objective: ObjectiveResult | None) -> str:
    return objective.verdict if objective else NONE


def _bad(objective: ObjectiveResult | None) -> str:
    if objective is None or not objective.total:
        return NONE if objective is None else "no data"
    share = units.format_ratio(objective.bad / objective.total)
    return f"{share} ({objective.bad:,} of {objective.total:,} {_KIND[objective.slice_s is None]})"


def _wait(pair: WaitPair, found: Comparison, column: int) -> Iterator[str]:
    name = pair.name.lower()
    cells = (
        incident_times.elapsed(
            name, w.seconds, w.censored, w.error_s, watched=run.watched, felt=incident_times.was_felt(run)
        )
        for w, run in ((pair.a, found.a), (pair.b, found.b))
    )
    yield from _row(f"  {pair.name}", cells, column)
    if pair.sentence:
        yield from _note(pair.sentence, column, "    ")


def _fault(pair: FaultPair, column: int) -> Iterator[str]:
    yield from _note(pair.name, column, "  ")
    yield from _row("    proof", (f.proof if f else NONE for f in (pair.a, pair.b)), column)
    yield from _row("    targets", (_targets(pair.a), _targets(pair.b)), column)


def _targets(fault: Fault | None) -> str:
    return words.listed(fault.targets) if fault and fault.targets else NONE


def _bare(run: RunRecord) -> str:
    return run.sentence.removeprefix(f"{run.verdict}:").strip()


def _row(title: str, runs: Iterable[str], column: int) -> Iterator[str]:
    """A cell for each run, folded into its column; colour only for verdicts, which are short."""
    cells = (_folded(title, TITLES), *(_folded(cell, column) for cell in runs))
    for n in range(max(map(len, cells))):
        parts = [cell[n] if n < len(cell) else "" for cell in cells]
        padded = [set_cell_size(part, width) for part, width in zip(parts, (TITLES, column, column), strict=True)]
        yield "  ".join((padded[0], *map(table.coloured, padded[1:])))


def _note(sentence: str, column: int, indent: str = "") -> Iterator[str]:
    """A sentence over the whole width; what follows its first line stands under its words."""
    for n, line in enumerate(_folded(sentence, TITLES + 4 + 2 * column - len(indent))):
        yield f"{indent if n == 0 else ' ' * len(indent)}{line}"


def _folded(value: str, width: int) -> list[str]:
    """At blanks, and within a word that is longer than a line; blanks at the beginning stay."""
    clean = words.clean(value)
    indent = clean[: len(clean) - len(clean.lstrip())]
    lines, line = [], indent
    for word in clean.split():
        for piece in chop_cells(word, max(1, width - len(indent))) or [""]:
            fresh = line.strip() == ""
            if not fresh and cell_len(line) + 1 + cell_len(piece) > width:
                lines.append(line)
                line, fresh = indent, True
            line = f"{line}{piece}" if fresh else f"{line} {piece}"
    return [*lines, line]
