"""Secrets that a vault does not give are none, and why is known; nothing of that is in the way of whoever has to undo."""

from __future__ import annotations

import socket
import time

import pytest

from runner.chaostoolkit import secrets
from tests.fakes import vault


@pytest.mark.filterwarnings("ignore:The raise_on_deleted_version:DeprecationWarning")  # chaoslib's, of hvac
@pytest.mark.parametrize(
    ("path", "key", "why"),
    [("monitoring", "promtheus", "KeyError: 'promtheus'"), ("elsewhere", "prometheus", "InvalidPath")],
)
def test_a_vault_without_that_secret_is_told_and_raises_nothing(path: str, key: str, why: str) -> None:
    pytest.importorskip("hvac", reason="the extra vault is not installed")
    with vault.serving("monitoring", {"prometheus": "s3cret"}, "let-me-in") as url:
        document = {
            "configuration": {"vault_addr": url, "vault_token": "let-me-in"},
            "secrets": {"team": {"token": {"type": "vault", "path": path, "key": key}}},
        }
        known, trouble = secrets.read(document, ({}, {}))
        assert (known, why in trouble) == ({}, True)
        assert secrets.secret_values(document, ({}, {})) == []
        document["secrets"]["team"]["token"] |= {"path": "monitoring", "key": "prometheus"}
        assert secrets.read(document, ({}, {})) == ({"team": {"token": "s3cret"}}, "")


@pytest.mark.filterwarnings("ignore:The raise_on_deleted_version:DeprecationWarning")  # chaoslib's, of hvac
def test_a_vault_that_hangs_keeps_no_undo_waiting() -> None:
    pytest.importorskip("hvac", reason="the extra vault is not installed")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        document = {
            "configuration": {"vault_addr": f"http://127.0.0.1:{silent.getsockname()[1]}", "vault_token": "t"},
            "secrets": {"team": {"token": {"type": "vault", "path": "p", "key": "k"}}},
        }
        began = time.monotonic()
        assert secrets.secret_values(document, ({}, {}), within_s=0.3) == []
        assert time.monotonic() - began < 15, "the client itself gives up after 30 s"
