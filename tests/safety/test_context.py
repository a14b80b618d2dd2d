"""The context is found as the client that strikes finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import errors
from runner.safety import context


def test_a_kubeconfig_that_cannot_be_read_does_not_show_its_tokens(tmp_path: Path) -> None:
    broken = tmp_path / "config"
    broken.write_text('{"users": [{"name": "me"}\n "token": "hush-hush"}', "utf-8")
    with pytest.raises(errors.UsageError, match="is not a kubeconfig") as caught:
        context.find(str(broken), None, env={})
    assert not isinstance(caught.value, errors.InvalidFile)
    assert "hush-hush" not in str(caught.value)
