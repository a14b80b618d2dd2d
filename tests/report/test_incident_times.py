"""TTD and TTR: screen, lines without a terminal, report and record say the same of one run."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from runner.report import html, text
from runner.report.terminal import TerminalView
from runner.timeline.event import Name
from runner.timeline.record import RunRecord
from runner.timeline.ttd_ttr import NEVER_MISSED
from tests.report import made


def on_screen(record: RunRecord) -> str:
    """What stays of it, in one line."""
    out = io.StringIO()
    console = Console(file=out, width=140, height=60, force_terminal=True, color_system=None, legacy_windows=False)
    with TerminalView(console=console) as live:
        for event in made.told(record):
            live.event(event)
    return " ".join(out.getvalue().split())


def in_lines(record: RunRecord, capsys: pytest.CaptureFixture[str]) -> str:
    with TerminalView() as live:
        for event in made.told(record):
            live.event(event)
    return " ".join(capsys.readouterr().out.split())


def in_html(record: RunRecord) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.render(record, made.told(record), {})).split())


def in_text(record: RunRecord) -> dict[str, str]:
    return dict(text.facts(record))


def test_the_error_of_a_time_is_printed_wherever_the_time_is(capsys: pytest.CaptureFixture[str]) -> None:
    record = made.failed()[0]
    assert "recovered 3s ± 200ms since the impact" in on_screen(replace(record, ttr_s=3.0, ttr_error_s=0.2))
    assert "detected 1.2s ± 50ms since the impact" in on_screen(record)
    assert "TTD 1.2s ± 50ms" in in_lines(record, capsys)
    assert in_text(record)["detected"] == "1.2s ± 50ms"


def test_what_never_recovered_and_was_not_stopped_is_not_called_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    record = made.failed()[0]
    marks = tuple(m for m in record.marks if m.name != "recovered")
    never = replace(record, marks=marks, ttr_s=62.0, ttr_censored=True, ttr_error_s=0.0)
    assert "recovered ≥ 1m02s since the impact, not recovered until then" in on_screen(never)
    assert "TTR ≥ 1m02s, not recovered until then" in in_lines(never, capsys)
    assert in_text(never)["recovered"] == "≥ 1m02s, not recovered until then"
    assert "≥ 1m02s not recovered until then" in in_html(never)


def test_users_who_felt_it_above_every_objective_are_said_to_have_felt_it(capsys: pytest.CaptureFixture[str]) -> None:
    record = made.failed()[0]
    marks = tuple(replace(m, source=NEVER_MISSED) if m.name == "recovered" else m for m in record.marks)
    held = replace(record, marks=marks, ttr_s=None, ttr_error_s=0.0)
    assert "detected 1.2s ± 50ms since the impact recovered no objective was missed" in on_screen(held)
    assert f"TTR {NEVER_MISSED}" in in_lines(held, capsys)
    assert in_text(held)["recovered"] == NEVER_MISSED
    assert f"recovered after {NEVER_MISSED} users felt the fault" in in_html(held)
    assert "no user impact" not in in_html(held)


def test_users_who_felt_nothing_had_no_impact() -> None:
    unhurt = made.undecided()[0]
    assert "no impact to recover from" in in_text(unhurt)["recovered"]
    (verdict,) = (e for e in made.told(unhurt) if e.event is Name.VERDICT)
    assert verdict.fields["felt"] is False
