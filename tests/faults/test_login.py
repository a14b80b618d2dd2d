"""A login helper's own words reach the error, and nothing that could be a token does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.faults.kubernetes import login
from tests.waiting import ended, until

V1 = "client.authentication.k8s.io/v1"


def handed(folder: Path, user: Any) -> dict[str, str]:
    """The environment of a run whose kubeconfig has this user."""
    (folder / "config").write_text(json.dumps({"users": [{"name": "u", "user": user}]}), "utf-8")
    return {"KUBECONFIG": str(folder / "config"), "PATH": "/usr/bin:/bin"}


def helper(code: str, **more: Any) -> Any:
    return {"exec": {"apiVersion": V1, "command": sys.executable, "args": ["-c", code], **more}}


def credential(**status: str) -> str:
    return f"import json; print(json.dumps({ {'apiVersion': V1, 'kind': 'ExecCredential', 'status': status}!r}))"


def complaint(folder: Path, user: Any, within_s: float = 10.0) -> str:
    with pytest.raises(errors.EnvironmentFailure) as caught:
        login.check(handed(folder, user), within_s)
    return caught.value.message


@pytest.mark.parametrize(
    "user",
    [
        helper(credential(token="t")),
        helper(credential(clientCertificateData="c", clientKeyData="k")),
        helper("import sys; print('a warning', file=sys.stderr); " + credential(token="t")),
        {"token": "no helper"},
        {},
    ],
)
def test_who_is_let_in_hears_nothing(tmp_path: Path, user: Any) -> None:
    login.check(handed(tmp_path, user))


def test_without_a_kubeconfig_of_ours_nobody_is_asked(tmp_path: Path) -> None:
    login.check({})
    (tmp_path / "yaml").write_text("users: []", "utf-8")
    login.check({"KUBECONFIG": str(tmp_path / "yaml")})


def test_an_expired_session_is_told_in_the_helpers_words(tmp_path: Path) -> None:
    said = complaint(tmp_path, helper("import sys; sys.exit('SSO session has expired, run login')"))
    assert said.endswith("failed with exit code 1: SSO session has expired, run login")


def test_of_a_traceback_the_last_line_is_told(tmp_path: Path) -> None:
    said = complaint(tmp_path, helper("def f():\n  raise OSError('token has expired')\nf()"))
    assert said.endswith("exit code 1: OSError: token has expired")


def test_a_helper_that_is_not_there_is_told_with_how_to_install_it(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": V1, "command": "no-such-helper", "installHint": "install it first"}}
    assert complaint(tmp_path, user) == "the login helper 'no-such-helper' is not there: install it first"


def test_a_helper_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    (tmp_path / "helper").write_text("no program", "utf-8")
    user = {"exec": {"apiVersion": V1, "command": str(tmp_path / "helper")}}
    assert "cannot be started: Permission denied" in complaint(tmp_path, user)


def test_a_helper_that_waits_for_a_person_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"echo open https://sso.example >&2; sleep 1000 & echo $! > {tmp_path / 'pid'}; wait"
    user = {"exec": {"apiVersion": V1, "command": "sh", "args": ["-c", script]}}
    said = complaint(tmp_path, user, within_s=1.5)
    assert said.endswith("has not answered within 1.5 s: open https://sso.example")
    pid = int((tmp_path / "pid").read_text())
    until(lambda: ended(pid), "what it started has ended")


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("print('please log in')", "no credential: please log in"),
        ("print('eyJhbGciOiJSUzI1NiJ9.hush')", "no credential"),
        ("print('[1, 2]')", "no credential"),
        ('print(\'{"status": {"token": "hush hush"}}\')', "speaks None, and the kubeconfig expects"),
        (credential(), "neither a token nor a certificate"),
        (credential(clientCertificateData="hush"), "neither a token nor a certificate with its key"),
        ('import sys; print(\'{"token": "hush hush"}\'); sys.exit(3)', "failed with exit code 3"),
        ("import sys; print('run az login'); sys.exit(1)", "failed with exit code 1: run az login"),
    ],
)
def test_an_answer_that_is_no_credential_is_told_and_never_shown_if_it_could_be_one(
    tmp_path: Path, code: str, what: str
) -> None:
    said = complaint(tmp_path, helper(code))
    assert what in said
    assert "hush" not in said


def test_what_the_client_complains_of_and_goes_on_without_is_an_error(tmp_path: Path) -> None:
    import logging

    with pytest.raises(errors.EnvironmentFailure, match="exec: process returned 1"), login.heard():
        logging.error("exec: process returned 1. no session")
    with login.heard():
        logging.getLogger("chaostoolkit").error("of no concern")
