"""The secrets of an experiment, resolved as Chaos Toolkit does, and a mask over their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chaoslib.configuration import load_configuration
from chaoslib.exceptions import ChaosException
from chaoslib.secret import load_secrets

from runner.timeline.mask import Mask

Variables = tuple[Mapping[str, Any], Mapping[str, Any]]


def resolve(document: Mapping[str, Any], variables: Variables) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and secrets of an experiment. Raises what Chaos Toolkit raises for a missing key."""
    configuration = load_configuration(document.get("configuration") or {}, dict(variables[0]))
    return configuration, load_secrets(document.get("secrets") or {}, configuration, dict(variables[1]))


def learn(document: Mapping[str, Any], variables: Variables) -> list[str]:
    """Every secret value; secrets that cannot be resolved cannot leak either."""
    try:
        return values(resolve(document, variables)[1])
    except ChaosException:
        return []


def mask(hidden: list[str]) -> Callable[[Any], Any]:
    """What a process applies to everything that it says."""
    return Mask(hidden).value


def values(secrets: Any) -> list[str]:
    """Every text in a tree of secrets."""
    if isinstance(secrets, Mapping):
        return [text for value in secrets.values() for text in values(value)]
    if isinstance(secrets, list | tuple):
        return [text for value in secrets for text in values(value)]
    return [secrets] if isinstance(secrets, str) else []
