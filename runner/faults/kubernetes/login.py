"""Login: the helper program by which a kubeconfig lets us in, asked once before anything else, so that its own words are heard.

The cluster's client only logs what a helper complains of, and then asks the API server without any login.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner import errors

HELPER_S = 10.0
"""How long a helper may take, in seconds; less than a survey may."""
LONGEST = 400
"""Characters of a helper's words that are passed on."""


def check(env: Mapping[str, str] = os.environ, within_s: float = HELPER_S) -> None:
    """Ask the login helper of the handed kubeconfig, where it has one. Raises EnvironmentFailure with the helper's own words."""
    helper = _helper(Path(env.get("KUBECONFIG") or "/nowhere"))
    if helper is None:
        return
    command = str(helper.get("command"))
    try:
        code, said, complained = _asked(helper, env, within_s)
    except FileNotFoundError:
        raise _failure(command, "is not there", str(helper.get("installHint") or "")) from None
    except OSError as problem:
        raise _failure(command, "cannot be started", problem.strerror or str(problem)) from None
    if code is None:
        raise _failure(command, f"has not answered within {within_s:g} s", _words(complained))
    if code:
        raise _failure(command, f"failed with exit code {code}", _words(complained) or _harmless(said))
    if trouble := _trouble(said, str(helper.get("apiVersion"))):
        raise _failure(command, trouble, _words(complained) or _harmless(said))


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """What the client complains of while it logs in, and goes on without, is an error. Raises EnvironmentFailure."""
    ears = _Ears(logging.ERROR)
    logging.getLogger().addHandler(ears)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(ears)
    if ears.heard:
        raise errors.EnvironmentFailure(f"the login of the kubeconfig failed: {_words(ears.heard[0])}")


class _Ears(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "root":  # the client's configuration speaks through no logger of its own
            self.heard.append(record.getMessage())


def _helper(path: Path) -> Mapping[str, Any] | None:
    """Of the kubeconfig's only user; one that was not written by us has none that we would know."""
    try:
        user = json.loads(path.read_text("utf-8"))["users"][0]["user"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    helper = user.get("exec") if isinstance(user, dict) else None
    return helper if isinstance(helper, dict) else None


def _asked(helper: Mapping[str, Any], env: Mapping[str, str], within_s: float) -> tuple[int | None, str, str]:
    """Exit code (None for one that was too slow and is ended), what it printed, and what it complained of. Raises OSError."""
    info = {"apiVersion": helper.get("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    more = {str(e.get("name")): str(e.get("value")) for e in helper.get("env") or () if isinstance(e, Mapping)}
    process = subprocess.Popen(
        [str(helper.get("command")), *map(str, helper.get("args") or ())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**env, **more, "KUBERNETES_EXEC_INFO": json.dumps(info)},
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, complained = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return None, *process.communicate()
    return process.returncode, said, complained


def _trouble(said: str, version: str) -> str:
    """What is wrong with a helper's answer; empty where it lets us in."""
    try:
        answer = json.loads(said)
    except ValueError:
        return "answered with something that is no credential"
    status = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(status, dict):
        return "answered with something that is no credential"
    if answer.get("apiVersion") != version:
        return f"speaks {answer.get('apiVersion')}, and the kubeconfig expects {version}"
    if not status.get("token") and not (status.get("clientCertificateData") and status.get("clientKeyData")):
        return "gave neither a token nor a certificate with its key"
    return ""


def _failure(command: str, what: str, words: str) -> errors.EnvironmentFailure:
    return errors.EnvironmentFailure(f"the login helper {command!r} {what}" + (f": {words}" if words else ""))


def _words(text: str) -> str:
    """The last lines of what it said: of a traceback the last one, which is what happened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = lines[-1:] if any(line.startswith("Traceback") for line in lines) else lines[-3:]
    return " | ".join(kept)[-LONGEST:]


def _harmless(said: str) -> str:
    """What it printed where it should have printed a credential: sentences only, for a token is one long word."""
    words = _words(said)
    return words if " " in words and not said.lstrip().startswith(("{", "[")) else ""
