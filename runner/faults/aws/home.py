"""Where a change in AWS is made: services, tasks, functions and databases have the same names in the accounts of all stages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from runner import errors
from runner.faults import home
from runner.faults.aws import client as clients

CLOUD = "AWS itself"
_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
_WAY = {"account": "AWS_PROFILE=…", "region": "AWS_REGION={}", "endpoint": "AWS_ENDPOINT_URL={}"}


def of(
    client: Any, configuration: Mapping[str, Any], secrets: Mapping[str, Any], *, account: bool = True
) -> dict[str, str]:
    """Account, region and endpoint that a client of a service leads to; the account is empty where STS does not say it, or is not asked."""
    url = str(client.meta.endpoint_url)
    cloud = str(urlsplit(url).hostname).endswith(_HOSTS)
    return {
        "account": _account(clients.client("sts", configuration, secrets)) if account else "",
        "region": str(client.meta.region_name),
        "endpoint": CLOUD if cloud else url,
    }


def elsewhere(
    made: Mapping[str, Any] | None, client: Any, configuration: Mapping[str, Any], secrets: Mapping[str, Any]
) -> str:
    """Why a client does not lead to where a change was made; empty where it does, or nobody knows."""
    if not made:
        return ""
    return home.elsewhere(made, of(client, configuration, secrets, account=bool(made.get("account"))), _WAY)


@lru_cache(maxsize=32)
def _account(sts: Any) -> str:
    """Asked once of a client, which stands for its credentials; each try without an answer takes seconds."""
    try:
        with clients.answered("AWS STS"):
            return str(sts.get_caller_identity()["Account"])
    except errors.EnvironmentFailure:  # no way to STS from here, as in a closed network: the rest is compared
        return ""
