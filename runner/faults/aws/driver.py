"""AWS by chaosaws: which account and region an action would strike. Its targets are what the action reports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from runner.faults.base import BaseDriver
from runner.faults.driver import Claim, Environment, Provider, Where

PACKAGE = "chaosaws"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ACCOUNT = re.compile(r"^arn:[^:]*:[^:]*:[^:]*:(\d{12}):")


class Driver(BaseDriver):
    """Its environment is an account and a region, never this machine."""

    name = "aws"
    said = "AWS"

    def claims(self, provider: Provider) -> Claim:
        return Claim.YES if str(provider.get("module") or "").partition(".")[0] == PACKAGE else Claim.NO

    def environment(self, provider: Provider, where: Where) -> Environment:
        """A stand-in for AWS on this machine, where all calls go to one; else the account, as far as it is known here, and the region."""
        known, env = where.configuration, where.env
        if stand_in := _stand_in(known, env):
            return Environment(system=self.name, name=f"stand-in at {stand_in}")
        region = known.get("aws_region") or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "unknown"
        return Environment(system=self.name, name=f"account {_account(known, env)}, region {region}")


def _stand_in(known: Mapping[str, Any], env: Mapping[str, str]) -> str:
    """The endpoint on this machine that stands in for AWS; empty where any call could go elsewhere."""
    if env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return ""
    named = [url for name, url in env.items() if name.startswith("AWS_ENDPOINT_URL_")]
    endpoints = [env.get("AWS_ENDPOINT_URL", ""), *named, *filter(None, [known.get("aws_endpoint")])]
    return endpoints[0] if all(urlsplit(str(url)).hostname in LOOPBACK for url in endpoints) else ""


def _account(known: Mapping[str, Any], env: Mapping[str, str]) -> str:
    """From the role that is assumed; else the name of the profile; else it is what the credentials lead to."""
    found = _ACCOUNT.match(str(known.get("aws_assume_role_arn") or ""))
    profile = known.get("aws_profile_name") or env.get("AWS_PROFILE")
    return found[1] if found else f"of profile {profile}" if profile else "unknown"
