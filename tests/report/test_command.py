"""`chaos-run report`: every format from the record, into a file or to the standard output."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runner import errors
from runner.cli import main
from runner.slo import sample
from runner.store import Store
from tests.report import made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stored run whose tape lies in this folder."""
    record, samples = made.failed()
    head = sample.HEADER.pack(sample.MAGIC, made.T0, 0, 1, 0, 100.0, 1.0)
    tape = head + b"".join(sample.RECORD.pack(*row) for row in samples["storefront"])
    (tmp_path / "storefront.tape").write_bytes(tape)
    with Store.open(None) as store:
        store.save(replace(record, folder=str(tmp_path)), made.told(record))
    return tmp_path


def run(*arguments: str) -> int:
    return main.entry(["report", *arguments], main.app, "chaos-run")


def test_html_goes_to_the_run_s_folder_with_the_samples_of_its_tape(folder: Path) -> None:
    assert run() == 0
    page = (folder / "report.html").read_text("utf-8")
    assert "4,500 requests" in page
    assert "13 events" in page


@pytest.mark.parametrize(
    ("name", "sign"),
    [("a.md", "## ❌"), ("a.xml", "<testsuites"), ("a.json", '"verdict": "FAIL"'), ("a.svg", "✘ FAIL</text>")],
)
def test_the_file_s_name_chooses_the_format(folder: Path, name: str, sign: str) -> None:
    assert run("last", "-o", str(folder / name)) == 0
    assert sign in (folder / name).read_text("utf-8")


def test_json_to_the_standard_output_is_nothing_but_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("last", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["run"] == made.failed()[0].run


@pytest.mark.parametrize("place", ["none/a.html", ".", "a.docx", "a.png", "a", "/proc/a.html", "/dev/null"])
def test_a_place_that_cannot_be_is_one_clear_error_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    before = sorted(folder.rglob("*"))
    assert run("last", "-o", str(folder / place)) == errors.ExitCode.USAGE
    assert str(folder / place) in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before


def test_a_link_is_followed_and_stays_one(folder: Path) -> None:
    (folder / "there").mkdir()
    (folder / "link.html").symlink_to(folder / "there" / "page.html")
    assert run("last", "-o", str(folder / "link.html")) == 0
    assert (folder / "link.html").is_symlink()
    assert "<html" in (folder / "there" / "page.html").read_text()


def test_a_named_format_may_have_any_name(folder: Path) -> None:
    assert run("last", "--format", "md", "-o", str(folder / "a.docx")) == 0
    assert (folder / "a.docx").read_text().startswith("## ")
