"""The secrets of an experiment, resolved as Chaos Toolkit does, and a mask over their values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chaoslib.configuration import load_configuration
from chaoslib.exceptions import ChaosException
from chaoslib.secret import load_secrets

from runner.process.isolated import Forked
from runner.timeline.mask import Mask

Variables = tuple[Mapping[str, Any], Mapping[str, Any]]
LEARN_S = 2.0
"""How long a vault may keep an undo waiting for what is to be masked."""
_resolved: set[str] = set()
"""Every secret value that this process has had in its hands."""


def resolve(document: Mapping[str, Any], variables: Variables) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and secrets of an experiment. Raises what Chaos Toolkit raises for a missing key."""
    configuration = load_configuration(document.get("configuration") or {}, dict(variables[0]))
    found = load_secrets(document.get("secrets") or {}, configuration, dict(variables[1]))
    _resolved.update(values(found))
    return configuration, found


def secret_values(document: Mapping[str, Any], variables: Variables, within_s: float = LEARN_S) -> list[str]:
    """Every secret value, or none where a vault does not give them within that time: an undo does not wait for it.

    What it gives later, to a step of the undo, is for `known` to mask.
    """
    answer = Forked(lambda: values(read(document, variables)[0]), within_s).wait()
    return list(answer.get("value") or [])


def unmasked(value: Any) -> Any:
    """For an answer that stays in this process."""
    return value


def read(document: Mapping[str, Any], variables: Variables) -> tuple[dict[str, Any], str]:
    """All groups of secrets, or none and why a vault did not give them."""
    try:
        return resolve(document, variables)[1], ""
    except troubles() as problem:
        return {}, f"{type(problem).__name__}: {problem}" if asks_vault(document.get("secrets")) else ""


def troubles() -> tuple[type[Exception], ...]:
    """What Chaos Toolkit lets through: its own, those of a vault's client and connection, of a path without that key."""
    found: tuple[type[Exception], ...] = (ChaosException, OSError, LookupError, TypeError, AttributeError, ValueError)
    if "hvac" in sys.modules:
        from hvac.exceptions import VaultError

        found += (VaultError,)
    return found


def asks_vault(secrets: Any) -> bool:
    """Whether any of them is a vault's."""
    if not isinstance(secrets, Mapping):
        return False
    return secrets.get("type") == "vault" or any(asks_vault(value) for value in secrets.values())


def mask(hidden: Iterable[str]) -> Callable[[Any], Any]:
    """What a process applies to everything that it says."""
    return Mask(hidden).value


def known(value: Any) -> Any:
    """The value, masked by what this process itself has resolved: for a forked call, whose caller may not have been able to."""
    return Mask(_resolved).value(value)


def values(secrets: Any) -> list[str]:
    """Every text in a tree of secrets."""
    if isinstance(secrets, Mapping):
        return [text for value in secrets.values() for text in values(value)]
    if isinstance(secrets, list | tuple):
        return [text for value in secrets for text in values(value)]
    return [secrets] if isinstance(secrets, str) else []
