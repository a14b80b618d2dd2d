"""`chaos-run convert`: one file or a folder of them, never one overwritten, and one clear error for what cannot be converted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.cli import main
from tests.conversion import sampled

Capture = pytest.CaptureFixture[str]
DELAY = str(sampled.FOLDER / "chaos-mesh-delay.yaml")
NIGHTLY = str(sampled.FOLDER / "chaos-mesh-schedule.yaml")


def convert(*words: str) -> int:
    return main.entry(["convert", *words], main.app, "chaos-run")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_experiment_goes_to_the_standard_output_and_the_report_beside_it(capsys: Capture) -> None:
    assert convert(DELAY) == 0
    out, err = capsys.readouterr()
    assert out == sampled.of("chaos-mesh-delay.yaml").text
    assert "lost     line 20: spec.pace = slow: NetworkChaos has no such field" in err


def test_a_file_that_is_there_is_replaced_only_by_force(capsys: Capture) -> None:
    path = Path("mine.yaml")
    path.write_text("mine")
    assert convert(DELAY, "-o", "mine.yaml") == 2
    assert path.read_text() == "mine"
    assert "is there already" in capsys.readouterr().err
    assert convert(DELAY, "-o", "mine.yaml", "--force") == 0
    assert "cart-delay" in path.read_text()


def test_several_experiments_need_a_folder_and_each_gets_its_file(capsys: Capture) -> None:
    assert convert(DELAY, NIGHTLY, DELAY) == 2
    assert "hint: name a folder: -o FOLDER/" in capsys.readouterr().err
    assert convert(DELAY, NIGHTLY, DELAY, "-o", "new") == 0
    assert sorted(p.name for p in Path("new").iterdir()) == [
        "cart-delay-2.yaml",
        "cart-delay.yaml",
        "nightly-kill.yaml",
    ]


def test_nothing_is_written_where_one_of_the_files_is_there(capsys: Capture) -> None:
    Path("new").mkdir()
    Path("new/nightly-kill.yaml").write_text("mine")
    assert convert(DELAY, NIGHTLY, "-o", "new") == 2
    assert [p.name for p in Path("new").iterdir()] == ["nightly-kill.yaml"]


def test_what_cannot_be_converted_is_told_with_its_place_and_the_rest_is_written(capsys: Capture) -> None:
    Path("odd.yaml").write_text("apiVersion: apps/v9\nkind: Gadget\n")
    assert convert("odd.yaml", DELAY, "-o", "new/") == 2
    err = capsys.readouterr().err
    assert "odd.yaml:1:1: error: a Gadget of apps/v9 cannot be converted" in err
    assert "hint: known are" in err
    assert Path("new/cart-delay.yaml").exists()


def test_a_document_that_cannot_be_converted_keeps_none_of_the_others_from_it(capsys: Capture) -> None:
    Path("both.yaml").write_text(f"apiVersion: apps/v9\nkind: Gadget\n---\n{Path(NIGHTLY).read_text()}")
    assert convert("both.yaml", "-o", "new.yaml") == 2
    assert "both.yaml:1:1: error: a Gadget of apps/v9" in capsys.readouterr().err
    assert "nightly-kill" in Path("new.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: a\ndescription: b\nmethod: []\n", "is a Chaos Toolkit experiment already"),
        ("AWSTemplateFormatVersion: '2010-09-09'\nResources: {}\n", "get-experiment-template"),
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n", "nothing in this file that strikes"),
        ("AWSTemplateFormatVersion: '2010-09-09'\nResources: {a: {Ref: !Ref b}}\n", "get-experiment-template"),
        ("just text\n", "not known whose file"),
        ("", "not known whose file"),
        ("a: [\n", "syntax"),
    ],
)
def test_a_file_of_nobody_is_one_error_with_a_hint(text: str, said: str, capsys: Capture) -> None:
    Path("odd.yaml").write_text(text)
    assert convert("odd.yaml") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_terraform_is_told_what_to_give_instead(capsys: Capture) -> None:
    Path("fis.tf").write_text('resource "aws_fis_experiment_template" "a" {}\n')
    assert convert("fis.tf") == 2
    assert "get-experiment-template" in capsys.readouterr().err


def test_what_comes_along_in_the_file_is_named(capsys: Capture) -> None:
    role = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: chaos}\n"
    Path("both.yaml").write_text(f"{role}---\n{Path(NIGHTLY).read_text()}")
    assert convert("both.yaml") == 0
    assert "lost     line 1: a ServiceAccount: permissions" in capsys.readouterr().err


def test_the_report_is_the_same_as_json_on_the_screen_and_in_a_file(capsys: Capture) -> None:
    assert convert(DELAY, "--json", "--report", "report.json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads(Path("report.json").read_text())
    (one,) = shown["experiments"]
    assert one["experiment"]["method"][0]["provider"]["func"] == "inject"
    (pace,) = [loss for loss in one["losses"] if loss["path"] == "spec.pace"]
    assert (pace["kind"], pace["value"], pace["line"]) == ("lost", "slow", 20)
