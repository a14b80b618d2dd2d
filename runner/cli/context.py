"""Options that several commands share: where a run happens (cluster, playground, record), and who sends a live run a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_OPTIONS = (
    click.option("--context", help="The kubeconfig's context to strike; its current one by default."),
    click.option(
        "--kubeconfig", type=click.Path(), help="The kubeconfig file; KUBECONFIG or ~/.kube/config by default."
    ),
    click.option("--namespace", help="The shop's namespace in the shipped experiments (sets SHOP_NAMESPACE)."),
    click.option("--playground", is_flag=True, help="Strike the playground on this machine instead of a cluster."),
    click.option(
        "--no-cluster", is_flag=True, help="Strike no cluster: programs of the experiment get an empty kubeconfig."
    ),
    click.option(
        "--settings", type=click.Path(), help="Chaos Toolkit's settings; ~/.chaostoolkit/settings.yaml by default."
    ),
    click.option(
        "--store", help="The record of all runs: a path or a database URL; by default a file of this machine."
    ),
)


def where_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --context, --kubeconfig, --namespace, --playground, --no-cluster, --settings and --store."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


SHARED_STORE = click.option(
    "--store", help="The record that a run on another machine shares: a database URL or a path."
)


def message_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --by and --store, for a command that sends a live run a message."""
    return click.option("--by", default="", help="Who says so; the user's name by default.")(SHARED_STORE(function))
