"""Secrets that a vault does not give are none, and why is known; nothing of that is in the way of whoever has to undo."""

from __future__ import annotations

import pytest

from runner.inject import secrets
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
        assert secrets.learn(document, ({}, {})) == []
        document["secrets"]["team"]["token"] |= {"path": "monitoring", "key": "prometheus"}
        assert secrets.read(document, ({}, {})) == ({"team": {"token": "s3cret"}}, "")
