"""Options that say where: kubeconfig, context, namespace, playground, store. Shared by the commands that run something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_OPTIONS = (
    click.option("--context", help="The kubeconfig's context to strike; its current one by default."),
    click.option(
        "--kubeconfig", type=click.Path(), help="The kubeconfig file; KUBECONFIG or ~/.kube/config by default."
    ),
    click.option("--namespace", help="The namespace of the shop (SHOP_NAMESPACE) in the shipped experiments."),
    click.option("--playground", is_flag=True, help="Use the embedded target, whatever kubeconfig there is."),
    click.option(
        "--no-cluster", is_flag=True, help="Hand the experiment no cluster: its programs find an empty kubeconfig."
    ),
    click.option(
        "--settings", type=click.Path(), help="Chaos Toolkit's settings; ~/.chaostoolkit/settings.yaml by default."
    ),
    click.option("--store", help="The record: a folder's SQLite file by default, or any database URL."),
)


def where_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --context, --kubeconfig, --namespace, --playground, --no-cluster, --settings and --store."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
