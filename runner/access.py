"""Access: how a group of an experiment's secrets lets us in to a team's own servers; the same words for every kind of source.

`token` (or `bearer_token`), `username` and `password`, `header:NAME`; `ca_file`, whose authorities are trusted instead of the
machine's; `cert_file` and `key_file`, by which the server knows us.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from runner import errors


def settings(
    whose: str, access: Mapping[str, Any], url: str, timeout_s: float, *, verify: bool = True
) -> dict[str, Any]:
    """For a client of httpx about which nothing else decides, least of all the environment. Raises EnvironmentFailure for
    bad certificates."""
    user = access.get("username")
    return {
        "headers": _headers(access),
        "auth": None if user is None else (str(user), str(access.get("password") or "")),
        "timeout": timeout_s,
        "verify": _tls(whose, access, verify=verify) if url.startswith("https:") else False,  # the CAs take 50 ms
        "trust_env": False,
    }


def _headers(access: Mapping[str, Any]) -> dict[str, str]:
    given = {str(k).partition(":")[2].strip(): str(v) for k, v in access.items() if str(k).startswith("header:")}
    token = access.get("token") or access.get("bearer_token")
    return ({"Authorization": f"Bearer {token}"} if token else {}) | given


def _tls(whose: str, access: Mapping[str, Any], *, verify: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(access["ca_file"]) if "ca_file" in access else None)
        if "cert_file" in access:
            context.load_cert_chain(str(access["cert_file"]), str(access["key_file"]) if "key_file" in access else None)
    except OSError as problem:
        said = f"the certificates of {whose} cannot be read: {problem.strerror or 'not PEM'}"
        raise errors.EnvironmentFailure(said, hint="see ca_file, cert_file and key_file in its secrets") from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
