"""The user's settings for Chaos Toolkit: read where it reads them, and what is not honoured is named."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner import errors
from runner.experiment import findings, load, settings

Json = dict[str, Any]
WHOLE: Json = {"title": "t", "description": "d", "rollbacks": [],
               "method": [{"type": "action", "name": "a", "provider": {"type": "process", "path": "true"}}]}  # fmt: skip


def given(folder: Path, text: str) -> dict[str, str]:
    """An environment whose home has these settings."""
    (folder / ".chaostoolkit").mkdir(exist_ok=True)
    (folder / ".chaostoolkit" / "settings.yaml").write_text(text)
    return {"HOME": str(folder)}


def test_without_a_file_there_is_nothing_and_no_word_of_it(tmp_path: Path) -> None:
    assert settings.read(None, {"HOME": str(tmp_path)}) == settings.Settings()
    with pytest.raises(errors.UsageError, match="there is no file of settings"):
        settings.read(str(tmp_path / "x.yaml"), {})


@pytest.mark.parametrize("text", ["", "# nothing\n", "controls:\n", "runtime: {}\n"])
def test_a_file_that_says_nothing_is_fine(tmp_path: Path, text: str) -> None:
    assert settings.read(None, given(tmp_path, text)).found == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "notifications: [{type: http, url: 'http://x'}]",
            "the section 'notifications' of the settings is not honoured",
        ),
        ("vault: {x: 1}", "the section 'vault' of the settings is not honoured"),
        ("control: {x: 1}", "the section 'control' of the settings is not honoured"),
        ("runtime: {python: {isolated: true}}", "runtime.python is not honoured"),
        (
            "controls: {c: {provider: {type: python, module: not_there}}}",
            "the Python package 'not_there' is not installed",
        ),
    ],
)
def test_what_is_not_honoured_is_a_warning_of_the_experiment(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.json").write_text(json.dumps(WHOLE))
    seen = load.examine(str(tmp_path / "x.json"), env=given(tmp_path, text))
    assert not seen.errors
    assert seen.experiment
    (found,) = [f for f in seen.findings if f.file.endswith("settings.yaml")]
    assert found.message.startswith(said)
    assert [w for w in seen.experiment.warnings if w.startswith(said) and "settings.yaml:1" in w]


@pytest.mark.parametrize(
    "text",
    [
        "controls: [",
        "- x",
        "controls: [x]",
        "controls: {c: x}",
        "runtime: {rollbacks: {strategy: alway}}",
        "auths: {h: x}",
    ],
)
def test_settings_that_cannot_be_read_stop_the_run_for_a_control_may_be_there_to_forbid_it(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "x.json").write_text(json.dumps(WHOLE))
    seen = load.examine(str(tmp_path / "x.json"), env=given(tmp_path, text))
    assert seen.experiment is None
    assert all(f.file.endswith("settings.yaml") for f in seen.errors)


def test_strategies_of_the_settings_hold_where_the_file_asks_for_none(tmp_path: Path) -> None:
    env = given(tmp_path, "runtime: {hypothesis: {strategy: skip}, rollbacks: {strategy: never}}")
    (tmp_path / "x.json").write_text(json.dumps(WHOLE))
    seen = load.examine(str(tmp_path / "x.json"), env=env).experiment
    assert seen
    assert (seen.runtime.hypothesis, seen.runtime.rollbacks) == ("skip", "never")


class Guarded(http.server.BaseHTTPRequestHandler):
    """Gives the experiment only to whoever has the token."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == "bearer XYZ"
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(WHOLE).encode() if known else b"{}")

    def log_message(self, *_: Any) -> None:
        """Silent."""


@pytest.fixture
def guarded() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_auths_let_us_fetch_a_file_from_their_host_and_no_other(tmp_path: Path, guarded: str) -> None:
    env = given(tmp_path, f"auths: {{'{guarded}': {{type: bearer, value: XYZ}}}}")
    assert load.examine(f"http://{guarded}/x.json", env=env).experiment
    env = given(tmp_path, "auths: {'127.0.0.1': {type: bearer, value: XYZ}}")
    with pytest.raises(errors.EnvironmentFailure, match="401"):
        load.examine(f"http://{guarded}/x.json", env=env)


def test_a_token_of_the_settings_is_in_no_representation(tmp_path: Path) -> None:
    assert "XYZ" not in repr(settings.read(None, given(tmp_path, "auths: {h: {type: bearer, value: XYZ}}")))


@pytest.mark.parametrize(
    ("provider", "severity", "said"),
    [
        ("{module: json}", "error", "has no type"),
        ("{type: python}", "error", "does not name its module"),
        ("{type: pyton, module: json}", "warning", "is never called"),
        ("{type: python, module: json.nosuch}", "warning", "cannot be imported, and Chaos Toolkit goes on without it"),
        ("{type: python, module: nosuch}", "warning", "nosuch"),
        ("{type: python, module: json}", "warning", "does nothing"),
    ],
)
def test_a_control_that_would_not_be_called_is_told(tmp_path: Path, provider: str, severity: str, said: str) -> None:
    env = given(tmp_path, f"controls: {{guard: {{provider: {provider}}}}}")
    try:
        found = settings.read(None, env).found
    except findings.BrokenExperiment as problem:
        found = tuple(problem.found)
    (told,) = found
    assert (told.severity, told.line) == (severity, 1)
    assert "'guard'" in told.message
    assert said in told.message
    in_file = tmp_path / "x.json"
    control = {"name": "guard", "provider": yaml.safe_load(provider)}
    in_file.write_text(json.dumps(WHOLE | {"controls": [control]}))
    assert any(f.severity == severity and said in f.message for f in load.examine(str(in_file)).findings)


def test_a_home_that_cannot_be_is_one_without_settings() -> None:
    assert settings.read(None, {"HOME": "/" + "x" * 300}) == settings.Settings()
