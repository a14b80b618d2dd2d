"""The live view: calm at every width, plain lines without a terminal, and words for an impatient Ctrl-C."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from runner.report import screen
from runner.report.terminal import TerminalView
from runner.timeline.event import Name
from runner.timeline.status import BudgetStatus, GuardStatus, IndicatorStatus, Status
from tests.report import made


def status(indicators: int = 2, t: float = 12.0) -> Status:
    history = (0.0, 0.0, 1.0, None, 0.2)
    return Status(
        phase="inject",
        elapsed_s=t - 10,
        planned_s=15,
        t=t,
        indicators=tuple(
            IndicatorStatus(
                name=f"stream-{i}",
                requests=1234,
                rate=100,
                error_ratio=0.2,
                p95_s=0.02,
                errors=history,
                latencies=history,
            )
            for i in range(indicators)
        ),
        budgets=(BudgetStatus(objective="availability", target=0.99, spent=0.12, burn_rate=14.4, outage_s=3),),
        guards=(GuardStatus(name="storefront: more than 30 % bad over 5s", value=0.2, limit=0.3),),
        hypothesis_met=False,
    )


def shown(width: int, indicators: int = 2, *, end: bool = False, interrupts: int = 0) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, height=40, force_terminal=True, color_system=None, legacy_windows=False)
    record = made.failed()[0]
    with TerminalView(console=console) as live:
        for event in made.told(record)[: None if end else 6]:
            live.event(event)
        live.tick(status(indicators))
        for count in range(interrupts):
            live.interrupted(count + 1)
        live._draw(at_once=True)
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 110, 200])
@pytest.mark.parametrize("indicators", [1, 4])
def test_no_line_is_wider_than_the_terminal(width: int, indicators: int) -> None:
    lines = shown(width, indicators, end=True).splitlines()
    assert max(len(line.split("\r")[-1]) for line in lines if "\x1b" not in line) <= width


def test_the_picture_names_phase_traffic_budget_guard_and_target() -> None:
    seen = shown(110)
    for word in (
        "fault",
        "13s left",
        "stream-1",
        "1,234",
        "12 % spent",
        "20 % of 30 %",
        "does not hold",
        "shop-6d5f7c9b8-x2x9k",
    ):
        assert word in seen


@pytest.mark.parametrize(
    ("counted", "head"), [(("requests", "requests"), "requests"), (("requests", "events"), "events")]
)
def test_what_a_source_counted_is_not_called_requests(counted: tuple[str, ...], head: str) -> None:
    seen = tuple(replace(i, what=what) for i, what in zip(status().indicators, counted, strict=True))
    out = io.StringIO()
    Console(file=out, width=110).print(screen._indicators(seen, 110))
    assert out.getvalue().split()[:2] == ["traffic", head]


def test_the_end_stays_with_verdict_numbers_and_report() -> None:
    seen = shown(110, end=True)
    for word in ("FAIL", "Users were hurt", "3,500", "7.8 %–9.4 %", "1.2s", "/tmp/report.html"):
        assert word in seen


def test_a_second_interrupt_says_that_the_undo_goes_on_and_how_to_watch() -> None:
    assert "chaos-run show 20261124-120301-7f3a" in shown(140, interrupts=2)


def test_without_a_terminal_each_event_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalView() as live:
        for event in made.told(made.left_behind()[0]):
            live.event(event)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "+10.0s  !   injected kill-one-pod" in out
    assert "FAILED: the API server did not answer" in out


def test_an_unchanged_hypothesis_is_told_once_and_its_changes_each(capsys: pytest.CaptureFixture[str]) -> None:
    probe = {"name": "answers", "met": False, "value": 503, "expected": 200}
    with TerminalView() as live:
        for second, met in enumerate((True, True, True, False, False, True, True)):
            live.event(made.event(Name.HYPOTHESIS, second, when="during", met=met, probes=[] if met else [probe]))
    told = [line for line in capsys.readouterr().out.splitlines() if "hypothesis" in line]
    assert [line.split()[0] for line in told] == ["+0.0s", "+3.0s", "+5.0s"]
    assert "answers: 503, expected 200" in told[1]


def test_what_is_known_only_later_is_told_where_it_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalView() as live:
        live.event(made.event(Name.PHASE, 27.6, phase="recover", planned_s=120.0))
        live.tick(status(1, t=32.7))
        live.event(made.event(Name.RECOVERED, 27.7, stable_s=5.0, error_s=0.1))
    assert "+32.7s  ok  recovered: the objectives held for 5s (since +27.7s)" in capsys.readouterr().out


def test_a_warning_and_a_lower_bound_stand_in_the_ending() -> None:
    out = io.StringIO()
    console = Console(file=out, width=110, height=40, force_terminal=True, color_system=None, legacy_windows=False)
    with TerminalView(console=console) as live:
        for event in (*made.told(made.failed()[0])[:-1], *made.told(made.aborted()[0])[-1:]):
            live.event(event)
    assert "the only replica was hit" in out.getvalue()
    assert "≥ 4.1s ± 150ms since the impact, the run was stopped then" in out.getvalue()


def test_plain_progress_comes_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalView(plain=True) as live:
        for tenth in range(200):
            live.tick(status(1, t=tenth / 10))
    assert capsys.readouterr().out.count("stream-0") == 3


def test_a_guard_without_data_has_no_headroom_to_show() -> None:
    assert GuardStatus(name="x", value=None, limit=1).headroom is None
    assert GuardStatus(name="x", value=2, limit=1).headroom == 0


@pytest.mark.parametrize(
    ("when", "said"),
    [("before", "✔ held before the method"), ("during", "✔ holds"), ("after", "✔ held after the method")],
)
def test_a_hypothesis_holds_only_while_somebody_looks(when: str, said: str) -> None:
    out = io.StringIO()
    console = Console(file=out, width=110, height=40, color_system=None, legacy_windows=False)
    with TerminalView(console=console) as live:
        live.event(made.event(Name.HYPOTHESIS, 10, when=when, met=True))
        live.scene.run = "20261124-120301-7f3a"
        console.print(screen.picture(live.scene, 110, 40))
        live.scene.status = replace(status(), hypothesis_met=True)
        console.print(screen.picture(live.scene, 110, 40))
    assert said in out.getvalue()


def test_the_screen_says_how_to_stop_until_there_is_nothing_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    said = "to stop it and undo: Ctrl-C here, or chaos-run stop in any terminal"
    assert said in shown(80)
    told = made.told(made.passed()[0])
    with TerminalView(plain=True) as live:
        for event in told:
            live.event(event)
        assert live.scene.way_out == "", "it is over"
    assert capsys.readouterr().out.count(said) == 1
