"""A Vault that speaks no more than its KV store, version 2: one secret, for those who show the token."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from tests.fakes.listening import Quiet, listening


@contextlib.contextmanager
def serving(path: str, secret: dict[str, str], token: str) -> Iterator[str]:
    """Its URL; the secret stands under the mount point `secret`."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            if self.headers.get("X-Vault-Token") != token:
                self.answer(json.dumps({"errors": ["permission denied"]}).encode(), 403)
            elif self.path != f"/v1/secret/data/{path}":
                self.answer(json.dumps({"errors": []}).encode(), 404)
            else:
                self.answer(json.dumps({"data": {"data": secret, "metadata": {"version": 1}}}).encode())

    with listening(Handler) as url:
        yield url
