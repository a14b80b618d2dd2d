"""AWS by chaosaws: which account and region an action would strike. Its targets are what the action reports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runner.faults.base import BaseDriver
from runner.faults.driver import Claim, Environment, Provider, Where

PACKAGE = "chaosaws"
_ACCOUNT = re.compile(r"^arn:[^:]*:[^:]*:[^:]*:(\d{12}):")


class Driver(BaseDriver):
    """Its environment is an account and a region, never this machine."""

    name = "aws"
    said = "AWS"

    def claims(self, provider: Provider) -> Claim:
        return Claim.YES if str(provider.get("module") or "").partition(".")[0] == PACKAGE else Claim.NO

    def environment(self, provider: Provider, where: Where) -> Environment:
        """The endpoint, where one is set (a stand-in for AWS); else the account, as far as it is known here, and the region."""
        known, env = where.configuration, where.env
        if endpoint := env.get("AWS_ENDPOINT_URL"):
            return Environment(system=self.name, name=endpoint)
        region = known.get("aws_region") or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "unknown"
        return Environment(system=self.name, name=f"account {_account(known, env)}, region {region}")


def _account(known: Mapping[str, Any], env: Mapping[str, str]) -> str:
    """From the role that is assumed; else the name of the profile; else it is what the credentials lead to."""
    found = _ACCOUNT.match(str(known.get("aws_assume_role_arn") or ""))
    profile = known.get("aws_profile_name") or env.get("AWS_PROFILE")
    return found[1] if found else f"of profile {profile}" if profile else "unknown"
