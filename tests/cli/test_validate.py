"""`validate` and its companions as a user meets them: real processes, exit codes, no network, nothing heavy imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = "experiments/pod-kill.yaml"
BAD = """title: t
description: d
method:
  - {type: acton, name: a, provider: {type: http, url: "http://x", timeout: 1}}
rollbacks: []
extensions: [{name: chaos-run, abort: [{duration: 5 parsecs}]}]
"""
WARN = "title: t\ndescription: d\nmethod: []\nconfiguration: {x: {type: env, key: CR_NOT_SET}}\n"


def chaos_run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env={**os.environ, **env})


@pytest.fixture
def bad(tmp_path: Path) -> str:
    (tmp_path / "bad.yaml").write_text(BAD)
    return str(tmp_path / "bad.yaml")


def test_a_good_file_passes_in_one_line() -> None:
    done = chaos_run("validate", GOOD)
    assert (done.returncode, done.stdout) == (0, "1 file, no errors, no warnings\n")


def test_every_error_has_its_place_a_caret_and_a_hint(bad: str) -> None:
    done = chaos_run("validate", bad)
    assert done.returncode == 2
    assert f"{bad}:4:12: error: an activity cannot be of type 'acton' [activity-type]\n" in done.stdout
    assert "           ^^^^^\n        hint: did you mean 'action'?" in done.stdout
    assert f"{bad}:6:51: error: 'duration': '5 parsecs' is not a duration" in done.stdout
    assert "1 file, 2 errors" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_folder_means_the_experiments_in_it(bad: str) -> None:
    (Path(bad).parent / "warn.yaml").write_text(WARN)
    (Path(bad).parent / "notes.txt").write_text("no experiment")
    assert "2 files, 2 errors" in chaos_run("validate", str(Path(bad).parent)).stdout


def test_json_holds_what_the_text_says(bad: str) -> None:
    told = json.loads(chaos_run("validate", "--json", bad).stdout)
    assert (told["files"], told["errors"]) == (1, 2)
    first = told["findings"][0]
    assert (first["rule"], first["line"], first["column"], first["severity"]) == ("activity-type", 4, 12, "error")


def test_warnings_fail_only_when_strict_and_variables_are_seen(tmp_path: Path) -> None:
    (tmp_path / "warn.yaml").write_text(WARN)
    path = str(tmp_path / "warn.yaml")
    assert chaos_run("validate", path).returncode == 0
    assert chaos_run("validate", "--strict", path).returncode == 2
    assert chaos_run("validate", "--strict", "--var", "x=1", path).returncode == 0
    assert chaos_run("validate", "--strict", path, CR_NOT_SET="1").returncode == 0


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = chaos_run("validate", str(tmp_path / "nope.yaml"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_validate_imports_no_client_and_opens_no_connection() -> None:
    script = f"""
import socket, sys
def refuse(*a, **k): raise SystemExit("a connection")
socket.socket.connect = refuse
from runner.__main__ import main
from runner.cli.main import app
app.main(["validate", "{GOOD}"], standalone_mode=False)
heavy = {{"chaoslib", "chaosk8s", "kubernetes", "boto3", "httpx", "aiohttp", "requests", "sqlalchemy", "rich", "asyncio", "yaml"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_the_catalogue_lists_what_is_shipped() -> None:
    listed = {entry["name"]: entry for entry in json.loads(chaos_run("catalog", "--json").stdout)}
    assert set(listed) >= {"pod-kill"}
    assert listed["pod-kill"]["risk"] == "low"
    assert listed["pod-kill"]["needs"] == ["cluster"]
    assert listed["pod-kill"]["missing"] == []
    assert "pod-kill" in chaos_run("catalog").stdout


@pytest.mark.parametrize("what", ["experiment", "block"])
def test_a_schema_is_printed_as_json(what: str) -> None:
    assert json.loads(chaos_run("schema", what).stdout)["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(shell: str) -> None:
    done = chaos_run("completion", shell)
    assert done.returncode == 0
    assert "_CHAOS_RUN_COMPLETE" in done.stdout


STYLE = """title: t
description: d
method:
  - {type: action, name: a, provider: {type: process, path: "true"}}
"""
MISSING = STYLE + "configuration: {x: {type: env, key: CR_NOT_SET}}\n"
HARDLY = STYLE + "rollback: []\n"


@pytest.mark.parametrize(
    ("text", "failing"),
    [
        (STYLE, ["--strict", "--strict=style"]),
        (MISSING, ["--strict", "--strict=style", "--strict=missing"]),
        (HARDLY, ["--strict", "--strict=style", "--strict=missing", "--strict=wrong"]),
    ],
    ids=["style", "missing", "wrong"],
)
def test_strict_has_levels(text: str, failing: list[str], tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)
    path = str(tmp_path / "x.yaml")
    levels = ["--strict", "--strict=style", "--strict=missing", "--strict=wrong"]
    assert [level for level in levels if chaos_run("validate", level, path).returncode == 2] == failing
    assert chaos_run("validate", path).returncode == 0
    apart = [level for level in levels[1:] if chaos_run("validate", *level.split("="), path).returncode == 2]
    assert apart == [level for level in failing if level != "--strict"]


def test_an_error_fails_at_every_level_and_a_level_that_is_none_is_named(bad: str) -> None:
    assert {chaos_run("validate", f"--strict={level}", bad).returncode for level in ("missing", "wrong")} == {2}
    done = chaos_run("validate", "--strict=hard", bad)
    assert done.returncode == 2
    assert "'style', 'missing', 'wrong'" in done.stderr


def test_each_finding_has_its_level(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(MISSING + "rollback: []\n")
    done = chaos_run("validate", str(tmp_path / "x.yaml"))
    assert "(2 of style, 1 missing here, 1 probably wrong)" in done.stdout
    told = json.loads(chaos_run("validate", "--json", str(tmp_path / "x.yaml")).stdout)
    assert sorted(f["level"] for f in told["findings"]) == ["missing", "style", "style", "wrong"]
