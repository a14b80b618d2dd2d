"""A gate that crashes has said before what became of each file."""

from __future__ import annotations

import json
import signal
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import errors
from runner.app.gate import Gate, ResultFiles
from runner.cli import main
from runner.timeline import result


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_crash_of_ours_keeps_its_traceback_and_both_files_tell_of_it(tmp_path: Path) -> None:
    method = [{"type": "action", "name": "noop", "provider": {"type": "process", "path": "true"}}]
    for name in ("a", "b"):
        document = {"title": name, "description": "made by a test", "method": method}
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    given = {"variables": {}, "secret_variables": {}, "an option that is none": 1}
    results = ResultFiles(tmp_path / "out.xml", tmp_path / "out.md")
    gate = Gate(
        [str(tmp_path / "a.json"), str(tmp_path / "b.json")], given, results, as_json=False, warn=lambda one: None
    )
    with pytest.raises(TypeError):
        gate.play()
    root = ET.parse(tmp_path / "out.xml").getroot()
    assert [e.get("type") for e in root.iter("error")] == [result.CRASHED, result.NOT_RUN]
    assert "TypeError" in (tmp_path / "out.md").read_text()


def test_a_crash_while_the_files_are_checked_is_told_in_both_too(tmp_path: Path) -> None:
    results = ResultFiles(tmp_path / "out.xml", tmp_path / "out.md")
    document = {"title": "a", "description": "made by a test", "method": []}
    (tmp_path / "a.json").write_text(json.dumps(document))
    gate = Gate(
        [str(tmp_path / "a.json")],
        {"variables": None, "secret_variables": 3},
        results,
        as_json=False,
        warn=lambda one: None,
    )
    with pytest.raises(TypeError):
        gate.play()
    root = ET.parse(tmp_path / "out.xml").getroot()
    assert [e.get("type") for e in root.iter("error")] == [result.NOT_RUN]
    assert "chaos-run itself crashed" in (tmp_path / "out.md").read_text()


def test_the_summary_is_appended_to_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "out.md").write_text("before\n")
    assert main.entry(["gate", str(tmp_path / "none.yaml"), "--summary", str(tmp_path / "out.md")], main.app, "x") == 2
    assert (tmp_path / "out.md").read_text().startswith("before\n## ")
    assert (tmp_path / "out.md").read_text().count("## ") == 1


def test_the_worst_is_what_is_still_broken_then_what_hurt_users_then_what_did_not_happen() -> None:
    code = errors.ExitCode
    order = [code.UNDO_FAILED, code.ABORTED, code.FAIL, code.ENVIRONMENT, code.REFUSED, code.USAGE, code.INCONCLUSIVE,
             code.INTERRUPTED, code.PASS]  # fmt: skip
    assert sorted(order) == sorted(code)
    for at in range(len(order)):
        assert errors.worst(reversed(order[at:])) is order[at]
    assert errors.worst([]) is code.PASS


@pytest.mark.parametrize(
    "files", [("out.docx", "out.md"), ("-", "out.md"), ("out", "out")], ids=["suffix", "standard output", "the same"]
)
def test_results_that_cannot_be_are_said_at_once(
    tmp_path: Path, files: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    junit, summary = files
    assert main.entry(["gate", "x.yaml", "--junit", junit, "--summary", summary], main.app, "chaos-run") == 2
    assert "JUnit" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
