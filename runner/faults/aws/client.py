"""Client: AWS in the account and region that chaosaws would use, with an end to every call."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from runner import errors

PREFIX = "aws_"
"""Of the secrets and the configuration that lead to an account, as chaosaws reads them."""
CONNECT_S, READ_S, ATTEMPTS = 3.0, 5.0, 2
"""An undo may not wait for the minute that is the default of the SDK."""
KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
ROLE, SESSION = "aws_assume_role_arn", "aws_assume_role_session_name"


def client(service: str, configuration: Mapping[str, Any], secrets: Mapping[str, Any]) -> Any:
    """A client of one service: region, profile, role and keys by chaosaws' own names. Raises EnvironmentFailure without a region."""
    region = configuration.get("aws_region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise errors.EnvironmentFailure(
            "no AWS region is set", hint="aws_region in the file's configuration, or AWS_REGION in the environment"
        )
    keys = tuple((k, str(secrets[k])) for k in KEYS if secrets.get(k))
    role = tuple(str(configuration[k]) for k in (ROLE, SESSION) if configuration.get(k))
    endpoints = tuple((k, v) for k, v in sorted(os.environ.items()) if k.startswith("AWS_ENDPOINT_URL"))
    return _made(service, str(region), configuration.get("aws_profile_name"), role, keys, endpoints)


@lru_cache(maxsize=32)
def _made(
    service: str,
    region: str,
    profile: str | None,
    role: tuple[str, ...],
    keys: tuple[tuple[str, str], ...],
    endpoints: tuple[tuple[str, str], ...],
) -> Any:
    """Made once: it takes a third of a second. `endpoints` are read by the SDK itself, and only tell one client from another."""
    import boto3
    from botocore.config import Config

    limits = Config(
        connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard", "total_max_attempts": ATTEMPTS}
    )
    with answered("AWS"):
        session = boto3.session.Session(profile_name=profile, region_name=region, **dict(keys))
        if role:
            arn, name = (*role, "chaos-run")[:2]
            lent = session.client("sts", config=limits).assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"]
            session = boto3.session.Session(
                aws_access_key_id=lent["AccessKeyId"],
                aws_secret_access_key=lent["SecretAccessKey"],
                aws_session_token=lent["SessionToken"],
                region_name=region,
            )
        return session.client(service, config=limits)


@contextmanager
def answered(what: str) -> Iterator[None]:
    """Raises EnvironmentFailure with AWS' own words where a call fails or is not answered."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as problem:
        said = problem.response.get("Error", {})
        raise errors.EnvironmentFailure(
            f"{what} answers {said.get('Code', 'an error')}: {said.get('Message') or problem}"
        ) from None
    except (BotoCoreError, Boto3Error) as problem:
        raise errors.EnvironmentFailure(f"{what} does not answer: {problem}") from None
    except ResponseParserError as problem:
        raise errors.EnvironmentFailure(f"{what} answers what nobody understands: {problem}") from None
