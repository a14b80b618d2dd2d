"""Where results go is looked at first: the same answer whichever command asks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner import errors, files
from runner.cli import main


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all kinds of things in it."""
    place = tmp_path / "place"
    (place / "folder").mkdir(parents=True)
    (place / "file").write_text("before")
    os.mkfifo(place / "fifo.xml")
    (place / "loop.xml").symlink_to(place / "loop.xml")
    (place / "to-nowhere.xml").symlink_to(place / "not" / "there.xml")
    monkeypatch.chdir(place)
    return place


@pytest.mark.parametrize(
    "name",
    ["folder", "fifo.xml", "none/out.xml", "file/out.xml", "loop.xml", "to-nowhere.xml", "/dev/null", "/proc/x.xml"],
)
def test_a_place_where_no_file_can_be_is_a_usage_error_and_the_look_leaves_nothing(place: Path, name: str) -> None:
    before = sorted(place.rglob("*"))
    with pytest.raises(errors.UsageError) as problem:
        files.check_output(Path(name), "the page")
    assert name in problem.value.message
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("name", ["new.xml", "folder/new.XML", "file", "to-file.xml"])
def test_a_place_where_a_file_can_be_stays_as_it_is(place: Path, name: str) -> None:
    (place / "to-file.xml").symlink_to(place / "file")
    before = sorted(place.rglob("*"))
    files.check_output(Path(name), "the page", suffixes=(".xml", ""))
    assert sorted(place.rglob("*")) == before
    assert (place / "file").read_text() == "before"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["run", "x.yaml", "--report", "out.pdf"], "the report"),
        (["run", "x.yaml", "--report", "folder"], "the report"),
        (["metrics", "--plot", "out.png"], "the plot"),
        (["metrics", "--plot", "folder"], "the plot"),
        (["export", "last", "-o", "out.tar"], "the bundle"),
        (["export", "last", "-o", "none/out.zip"], "the bundle"),
        (["report", "last", "-o", "out.png"], "no report can be out.png"),
        (["gameday", "run", "zone-outage", "--playground", "--out", "file"], "the summary"),
        (["gameday", "run", "zone-outage", "--playground", "--out", "/proc/x"], "the summary"),
        (["gameday", "schedule", "--ics", "out.docx"], "the calendar"),
    ],
    ids=" ".join,
)
def test_every_command_looks_before_it_does_anything(
    place: Path, command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(place.rglob("*"))
    assert main.entry(command, main.app, "chaos-run") == errors.ExitCode.USAGE
    assert said in capsys.readouterr().err
    assert sorted(place.rglob("*")) == before


def test_a_folder_may_be_there_or_be_made(place: Path) -> None:
    files.check_folder(place / "folder", "the summary")
    files.check_folder(place / "new" / "and" / "below", "the summary")
    assert not (place / "new").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["gate", "x.yaml", "--junit", "x" * 300 + ".xml"],
        ["validate", "x" * 300 + ".yaml"],
        ["gate", "x" * 300],
        ["x" * 300],
    ],
)
def test_a_name_that_cannot_be_is_a_usage_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.entry(words, main.app, "chaos-run") == errors.ExitCode.USAGE
    assert "Traceback" not in capsys.readouterr().err
