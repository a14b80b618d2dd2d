"""The two functions that each stock action has: one that resolves whom it hits, one that confirms that it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runner.faults.driver import Evidence, FaultTarget

if TYPE_CHECKING:  # the client takes half a second to import, and most experiments on a laptop never need it
    from runner.faults.kubernetes.client import Cluster

NAME = "kubernetes"
Arguments = Mapping[str, Any]
Resolve = Callable[["Cluster", str, Arguments], FaultTarget]
"""From the cluster, the action's name and its arguments to its targets."""
Confirm = Callable[["Cluster", Mapping[str, Any]], Evidence]
"""From the cluster and what was before to the evidence."""
