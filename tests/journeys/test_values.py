"""Configuration is resolved once: whoever acts, checks, undoes or recovers sees the same values, and none runs without one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import vault
from tests.journeys.harness import ROOT, Json, Run, python, started
from tests.waiting import PATIENCE_S, until

UNSEEN = 4
"""The exit code of a whole run whose commands no indicator sees: all was played, and nothing was tested."""


def shell(kind: str, name: str, command: str, **extra: object) -> Json:
    """An activity that is a shell command."""
    return {
        "type": kind,
        "name": name,
        "provider": {"type": "process", "path": "sh", "arguments": ["-c", command]},
        **extra,
    }


def looked_up(folder: Path) -> Json:
    """A value that is another one each time somebody asks."""
    return shell("probe", "look-up", f"echo asked >> {folder}/asked; wc -l < {folder}/asked; date +%s%N")


def document(folder: Path, configuration: Json, *, method: list[Json] | None = None) -> Json:
    """Everybody writes down the value of `${it}` that it sees."""

    def write(who: str) -> str:
        return f'echo {who} "${{it}}" >> {folder}/seen'

    return {
        "title": "values",
        "description": "made by a test",
        "configuration": configuration,
        "steady-state-hypothesis": {"title": "t", "probes": [shell("probe", "look", write("check"), tolerance=0)]},
        "method": [shell("action", "act", write("method"))] if method is None else method,
        "rollbacks": [shell("action", "mend", write("undo"))],
        "extensions": [{"name": "chaos-run", "windows": {"recovery": "20s"}}],
    }


def seen(folder: Path) -> dict[str, set[str]]:
    """Who saw which values; a value of two lines continues on the next."""
    found: dict[str, set[str]] = {}
    words = (folder / "seen").read_text().split()
    for who, *value in zip(*[iter(words)] * 3, strict=True):
        found.setdefault(who, set()).add(" ".join(value))
    return found


def test_a_probe_behind_a_value_is_asked_once_and_all_see_its_answer(tmp_path: Path) -> None:
    with started(tmp_path, document(tmp_path, {"it": looked_up(tmp_path)})) as run:
        assert run.finish() == UNSEEN, run.stderr()
    values = seen(tmp_path)
    assert set(values) == {"check", "method", "undo"}
    assert len(set.union(*values.values())) == 1
    assert (tmp_path / "asked").read_text() == "asked\n"
    assert (tmp_path / "seen").read_text().count("check") >= 3, "before, after, and after the undo"


def recovered(run: Run, **environment: str) -> subprocess.CompletedProcess[str]:
    gone = {"THE_NAME"}
    env = {k: v for k, v in os.environ.items() if k not in gone} | environment
    command = [sys.executable, "-m", "runner", "recover"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def killed(run: Run, folder: Path) -> None:
    """Everybody but the method's own command, which has begun and goes on for a moment."""
    run.until("activity", activity="act", state="started")
    until(lambda: "method" in (folder / "seen").read_text(), "the method's own command has begun")
    run.kill("parent", "worker", "undoer")
    run.process.wait(PATIENCE_S)


@pytest.mark.parametrize("by", ["probe", "environment"])
def test_recover_sees_the_value_that_the_run_saw(by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_NAME", "1 first")
    from_env: Json = {"type": "env", "key": "THE_NAME"}
    act = shell("action", "act", f'echo method "${{it}}" >> {tmp_path}/seen; sleep 60')
    value = looked_up(tmp_path) if by == "probe" else from_env
    with started(tmp_path, document(tmp_path, {"it": value}, method=[act])) as run:
        killed(run, tmp_path)
        done = recovered(run, **({} if by == "environment" else {"THE_NAME": "2 second"}))
    assert done.returncode == 0, done.stderr
    values = seen(tmp_path)
    assert values["undo"] == values["method"]


def test_a_value_that_holds_a_secret_is_not_kept_and_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_SECRET", "hunter2-and-more")
    act = shell("action", "act", f'echo method "${{it}}" >> {tmp_path}/seen; sleep 60')
    probe = shell("probe", "look-up", f"echo asked >> {tmp_path}/asked; echo 1 $THE_SECRET")
    given = document(tmp_path, {"it": probe}, method=[act])
    given["secrets"] = {"team": {"token": {"type": "env", "key": "THE_SECRET"}}}
    with started(tmp_path, given) as run:
        killed(run, tmp_path)
        on_disk = "".join(path.read_text() for path in run.folder.glob("*.json*"))
        assert "hunter2" not in on_disk
        assert recovered(run).returncode == 0
    assert seen(tmp_path)["undo"] == {"1 hunter2-and-more"}
    assert (tmp_path / "asked").read_text() == "asked\n" * 2


FAILS = {
    "exit code": ("echo no such pod >&2; exit 3", "its probe 'look-up' failed: it ended with exit code 3: no such pod"),
    "nothing": ("true", "the configuration value 'it' has no value, and the probe 'look' needs it"),
}


@pytest.mark.parametrize("how", FAILS)
def test_a_probe_behind_a_value_that_tells_nothing_stops_the_run_before_the_first_change(
    how: str, tmp_path: Path
) -> None:
    command, said = FAILS[how]
    with started(tmp_path, document(tmp_path, {"it": shell("probe", "look-up", command)})) as run:
        assert run.finish() == 7
        assert said in run.stderr()
    assert not (tmp_path / "seen").exists()


def test_an_empty_entry_that_a_rollback_needs_stops_the_run_before_the_first_change(tmp_path: Path) -> None:
    given = document(tmp_path, {"it": "1 x", "gone": None})
    given["rollbacks"][0]["provider"]["arguments"][1] += " $gone"
    with started(tmp_path, given) as run:
        assert run.finish() == 7
        assert "the configuration value 'gone' has no value, and the action 'mend' needs it" in run.stderr()
        assert not run.named("phase"), "nobody waits for a baseline that leads nowhere"
    assert not (tmp_path / "seen").exists()
    given["rollbacks"][0]["provider"]["arguments"][1] = "true"
    with started(tmp_path, given) as run:
        assert run.finish() == UNSEEN, "nobody needs it"


@pytest.mark.filterwarnings("ignore:The raise_on_deleted_version:DeprecationWarning")  # chaoslib's, of hvac
def test_a_vault_that_goes_away_meanwhile_keeps_no_rollback_from_its_secret(tmp_path: Path) -> None:
    pytest.importorskip("hvac", reason="the extra vault is not installed")
    told = python("tells", "tell", {"path": str(tmp_path / "told")})
    told["provider"]["secrets"] = ["team"]
    act = shell("action", "act", f"until [ -f {tmp_path}/closed ]; do sleep 0.05; done")
    with contextlib.ExitStack() as opened:
        url = opened.enter_context(vault.serving("team", {"token": "s3cret-of-the-vault"}, "let-me-in"))
        given = document(tmp_path, {"it": "1 x", "vault_addr": url, "vault_token": "let-me-in"}, method=[act])
        given["secrets"] = {"team": {"token": {"type": "vault", "path": "team", "key": "token"}}}
        given["rollbacks"] = [told]
        with started(tmp_path, given) as run:
            run.until("activity", activity="act", state="started")
            opened.close()
            (tmp_path / "closed").touch()
            assert run.finish() == UNSEEN, run.stderr()
    assert (tmp_path / "told").read_text() == "s3cret-of-the-vault"
