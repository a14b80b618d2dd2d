"""Options that several commands share: variables (`--var`, `--var-file`, as in Chaos Toolkit) and labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--var",
        multiple=True,
        metavar="NAME[:TYPE]=VALUE",
        help="A value for an entry of `configuration`; may be repeated.",
    ),
    click.option(
        "--var-file", multiple=True, type=click.Path(), help="Values from a YAML, JSON or .env file; may be repeated."
    ),
)


def variables_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --var and --var-file; the command gets them as `var` and `var_file`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


LABELS = click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="KEY=VALUE",
    envvar="CHAOS_RUN_LABEL",
    help="Kept with the run, to find and sort runs by; may be repeated.",
)
"""What a run is given; from the environment several, separated by blanks."""
SEED = click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Draw random choices of targets from this number; by default a new one, which is kept with the run.",
)
PIN = click.option(
    "--pin",
    "pins",
    multiple=True,
    metavar="TARGET",
    help="Aim the action that could hit this target of the plan (pod/shop/shop-7d9) at it and no other; may be repeated.",
)
WITH_LABEL = click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="Only runs with this label; may be repeated."
)


def read_labels(given: Sequence[str]) -> dict[str, str]:
    """By key. Raises UsageError."""
    from runner import errors
    from runner.timeline import asked

    try:
        return asked.labels(given)
    except ValueError as problem:
        raise errors.UsageError(f"--label: {problem}") from None


def read_variables(var: Sequence[str], var_file: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration and the secret variables; those of `.env` files go into the environment, as in Chaos Toolkit.

    Raises UsageError for a malformed option or file.
    """
    from runner.experiment import variables

    given = variables.from_files(var_file)
    os.environ.update(given.env)
    return given.configuration | variables.from_options(var), given.secrets
