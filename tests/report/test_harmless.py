"""Whatever services, files and people have named or answered: no face shows a character that could do something."""

from __future__ import annotations

import dataclasses
import io
import json
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, cast

import pytest
from rich.console import Console

from runner import characters, files
from runner.report import html, junit, markdown, text
from runner.report.terminal import TerminalView
from runner.timeline import record as records
from runner.timeline.event import Event, Name
from runner.timeline.record import RunRecord
from tests.report import made

ODD = "\x1b[31mred\x1b[0m\x1b]0;title\x07 \x00\x07\x08\x0b\x7f\x9b2J\x85 \u202eback\u2066 \u2028 \ud800 \ufffe <b>&\"' ]]> 支付 💥"
KEPT = ("run", "verdict", "folder", "kind", "proof", "state", "severity", "phase", "when")
"""Fields whose values are words of ours."""


def odd(value: Any) -> Any:
    """The same with the odd text behind each text that others wrote."""
    if isinstance(value, str):
        return f"{value}{ODD}"
    if isinstance(value, tuple):
        return tuple(odd(v) for v in value)
    if isinstance(value, dict):
        return {odd(k): odd(v) for k, v in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        own = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **{k: odd(v) for k, v in own.items() if k not in KEPT and k != "name"})
    return value


@pytest.fixture(params=[made.passed, made.failed, made.aborted, made.undecided])
def run(request: pytest.FixtureRequest) -> RunRecord:
    return cast(RunRecord, odd(request.param()[0]))


def harmful(shown: str) -> list[str]:
    """The names of what should not have come through."""
    found = {c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Cn", "Zl", "Zp") and c not in "\n\t"}
    return sorted(map(ascii, found | {c for c in shown if c in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069"}))


FACES: dict[str, Callable[[RunRecord], str]] = {
    "html": lambda r: html.render(r, made.told(r), {}),
    "svg": lambda r: html.picture(r, {}),
    "markdown": markdown.render,
    "summary": lambda r: markdown.summary([r]),
    "junit": lambda r: junit.render([r]),
    "text": text.render,
}


@pytest.mark.parametrize("face", FACES)
def test_a_face_shows_no_character_that_does_something(run: RunRecord, face: str) -> None:
    shown = FACES[face](run)
    assert harmful(shown) == []
    assert "red" in shown
    assert face == "svg" or "支付" in shown
    if face in ("svg", "junit"):
        ET.fromstring(shown)
    if face == "html":
        HTMLParser().feed(shown)
        assert "<b>" not in shown


@pytest.mark.parametrize("plain", [True, False])
def test_the_terminal_shows_only_what_we_draw_ourselves(
    run: RunRecord, plain: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    out = io.StringIO()
    console = None if plain else Console(file=out, width=120, height=50, color_system=None, legacy_windows=False)
    with TerminalView(plain=plain, console=console) as live:
        for event in made.told(run):
            live.event(cast(Event, dataclasses.replace(event, fields=odd_fields(event))))
    shown = characters.on_screen(capsys.readouterr().out, colours=False) if plain else out.getvalue()
    assert harmful(shown) == []


def odd_fields(event: Event) -> dict[str, Any]:
    whole = {k: odd(v) if isinstance(v, str) and k not in KEPT else v for k, v in event.fields.items()}
    return whole | ({"context": ODD} if event.event is Name.RUN_STARTED else {})


def test_json_is_exact_and_whole_in_a_file(run: RunRecord, tmp_path: Any) -> None:
    files.write_atomically(tmp_path / "record.json", run.to_json())
    read = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert read == run.to_json()
    assert records.from_json(read).title == run.title


def test_only_our_own_colours_reach_a_terminal() -> None:
    said = f"{characters.paint('a' + ODD, '1;31')}\x1b[32m{ODD}"
    shown = characters.on_screen(said, colours=True)
    assert shown.startswith("\x1b[1;31mared")
    assert shown.count("\x1b") == 2
    assert "\x1b" not in characters.on_screen(said, colours=False)
