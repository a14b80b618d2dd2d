"""The ledger is played without giving a secret away, and without waiting for the same dead server again and again."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from runner.rundir.ledger import SILENCE, Ledger
from runner.rundir.start_message import PlaygroundProcess
from runner.undo import player, steps
from tests.fakes.listening import Quiet, listening
from tests.rundir.starts import start


def test_a_secret_that_only_the_step_itself_could_read_is_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_TOKEN", "hunter2-and-more")
    provider = {
        "type": "python",
        "module": "tests.fakes.actions",
        "func": "give_away_and_fail",
        "secrets": ["team"],
    }
    document = {
        "rollbacks": [{"type": "action", "name": "gives-away", "provider": provider}],
        "secrets": {"team": {"token": {"type": "env", "key": "THE_TOKEN"}}},
    }
    begun = start(tmp_path, document=document, hide=())
    Ledger(tmp_path).open("rollback", "gives-away", index=0)
    told: list[object] = []
    assert not player.play(tmp_path, begun, told.append)
    (outcome,) = Ledger(tmp_path).outcomes()
    assert "failed with" in outcome["error"], "it was played, and had the secret"
    assert "hunter2-and-more" not in f"{told} {Ledger(tmp_path).path.read_text()}"


@pytest.mark.filterwarnings("ignore:The raise_on_deleted_version:DeprecationWarning")  # chaoslib's, of hvac
def test_a_rollback_without_secrets_does_not_wait_for_a_vault_that_hangs(tmp_path: Path) -> None:
    pytest.importorskip("hvac", reason="the extra vault is not installed")
    file = tmp_path / "state"
    provider = {"type": "process", "path": "touch", "arguments": ["${state}"], "timeout": 2}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        vault = f"http://127.0.0.1:{silent.getsockname()[1]}"
        document = {
            "configuration": {"vault_addr": vault, "vault_token": "t", "state": str(file)},
            "rollbacks": [{"type": "action", "name": "mend", "provider": provider}],
            "secrets": {"team": {"token": {"type": "vault", "path": "p", "key": "k"}}},
        }
        begun = start(tmp_path, document=document)
        Ledger(tmp_path).open("rollback", "mend", index=0)
        assert player.play(tmp_path, begun, lambda _: None)
    assert file.exists()


@pytest.mark.parametrize(("answers", "clean"), [(("no", "no", "yes"), True), (("no", "no", "no"), False)])
def test_a_step_that_fails_is_tried_three_times(answers: tuple[str, ...], clean: bool, tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("\n".join(answers) + "\n")
    script = "head -1 answers | tee -a asked | grep -q yes; code=$?; sed -i 1d answers; exit $code"
    provider = {"type": "process", "path": "sh", "arguments": ["-c", f"cd {tmp_path}; {script}"]}
    document = {"rollbacks": [{"type": "action", "name": "mend", "provider": provider}]}
    begun = start(tmp_path, document=document)
    Ledger(tmp_path).open("rollback", "mend", index=0)
    assert player.play(tmp_path, begun, lambda _: None) is clean
    assert (tmp_path / "asked").read_text().split() == list(answers)


@pytest.mark.parametrize(("answer", "clean"), [("True", True), ("None", True), ("False", False)])
def test_a_rollback_that_answers_false_has_not_put_anything_back(answer: str, clean: bool, tmp_path: Path) -> None:
    arguments = {"answer": {"True": True, "None": None, "False": False}[answer]}
    provider = {"type": "python", "module": "tests.fakes.actions", "func": "give", "arguments": arguments}
    document = {"rollbacks": [{"type": "action", "name": "mend", "provider": provider}]}
    begun = start(tmp_path, document=document)
    Ledger(tmp_path).open("rollback", "mend", index=0)
    assert player.play(tmp_path, begun, lambda _: None) is clean
    (outcome,) = Ledger(tmp_path).outcomes()
    assert outcome["state"] == ("undone" if clean else "failed")


@pytest.mark.slow("waits for a server that is dead")
def test_a_dead_alertmanager_is_waited_for_once_and_not_for_every_silence(tmp_path: Path) -> None:
    asked: list[str] = []
    by_then: list[int] = []

    class Dead(Quiet):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.answer(b"", 503)

    begun = start(tmp_path)
    with listening(Dead) as url:
        for number in range(3):
            args = {"alertmanager": url, "secrets": None, "timeout_s": 5, "number": number, "ends": "soon"}
            Ledger(tmp_path).open(SILENCE, f"end silence {number}", **args, patience_s=0.4)
        assert not player.play(tmp_path, begun, lambda _: by_then.append(len(asked)))
    first, second, third = by_then[
        3::2
    ]  # after the end of the method's processes, what each has begun with is told too
    assert first >= 3
    assert (second - first, third - second) == (1, 1)
    states = [(o["state"], "by: chaos-run recover" in o["error"]) for o in Ledger(tmp_path).outcomes()]
    assert states == [("failed", True)] * 3


def test_a_rollback_is_not_played_without_a_value_that_it_needs(tmp_path: Path) -> None:
    """A probe behind it that nobody asked, or whose answer is not known here: never with the text, nor with nothing."""
    file = tmp_path / "state"
    provider = {"type": "process", "path": "touch", "arguments": [f"{file}${{gone}}"], "timeout": 2}
    probe = {"type": "probe", "name": "look-up", "provider": {"type": "process", "path": "false"}}
    document = {
        "configuration": {"gone": probe},
        "rollbacks": [{"type": "action", "name": "mend", "provider": provider}],
    }
    begun = start(tmp_path, document=document)
    Ledger(tmp_path).open("rollback", "mend", index=0)
    assert not player.play(tmp_path, begun, lambda _: None)
    (outcome,) = Ledger(tmp_path).outcomes()
    assert outcome["error"] == "the configuration value 'gone' has no value, and the action 'mend' needs it"
    assert not list(tmp_path.glob("state*"))
    assert player.play(tmp_path, replace(begun, configuration={"gone": "-known"}), lambda _: None)
    assert (tmp_path / "state-known").exists()


def test_how_long_a_rollback_may_take_is_known_with_the_values_of_its_variables(tmp_path: Path) -> None:
    rollback = {
        "type": "action",
        "name": "mend",
        "provider": {"type": "http", "url": "http://127.0.0.1", "timeout": "${patience}"},
        "pauses": {"after": "${pause}"},
    }
    begun = start(document={"rollbacks": [rollback]}, variables={"pause": 100}, configuration={"patience": 7})
    Ledger(tmp_path).open("rollback", "mend", index=0)
    (record,) = Ledger(tmp_path).outstanding()
    assert steps.deadline(record, begun) == 7 + 5 + 100


def test_what_went_with_its_playground_is_closed_and_not_played(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.open("uncordon", "uncordon node n1", node="n1")
    another = PlaygroundProcess(pid=os.getpid(), created=0.0)  # the id is somebody else's by now
    told: list[dict[str, object]] = []
    assert player.play(tmp_path, start(tmp_path, playground=another), lambda step: told.append(step.fields))
    (outcome,) = ledger.outcomes()
    assert outcome["state"] == "already"
    assert told[-1] == {"step": 1, "what": "uncordon node n1", "state": "already", "error": "the playground is gone"}


@pytest.mark.parametrize(("status", "clean"), [(204, True), (404, True), (410, True), (403, False), (500, False)])
def test_what_is_not_there_any_more_needs_no_removal_and_a_refusal_is_none(
    status: int, clean: bool, tmp_path: Path
) -> None:
    class Answer(Quiet):
        def do_DELETE(self) -> None:
            self.answer(b"", status)

    with listening(Answer) as url:
        provider = {"type": "http", "url": url, "method": "DELETE", "timeout": 30}
        document = {"rollbacks": [{"type": "action", "name": "remove", "provider": provider}]}
        Ledger(tmp_path).open("rollback", "remove", index=0)
        assert player.play(tmp_path, start(tmp_path, document=document), lambda *_, **__: None) is clean
