"""Scaling: whether more pods of a service run than before, and if not, whose fault it is: an autoscaler that asks for none, or no room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner import errors
from runner.faults.kubernetes import resources, running_pods
from runner.faults.kubernetes.node_pods import Pod
from runner.faults.kubernetes.signatures import Arguments

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

SCALED = "scaled"
"""How the answer begins once more pods run: what a tolerance looks for."""


def before(cluster: Cluster, arguments: Arguments, hpa: str) -> int:
    """How many pods run. Raises EnvironmentFailure where none does, or where the autoscaler is not there or wants nothing yet."""
    space = running_pods.space(arguments)
    if hpa not in resources.scaled(cluster, space):
        why = resources.why_not_scaled(cluster, space, hpa)
        raise errors.EnvironmentFailure(f"the HorizontalPodAutoscaler {space}/{hpa} would scale nothing: {why}")
    if not (pods := running_pods.chosen(cluster, arguments)):
        raise errors.EnvironmentFailure(f"no running pod in {space} matches {arguments.get('label_selector')!r}")
    return len(pods)


def since(cluster: Cluster, arguments: Arguments, hpa: str, was: int) -> str:
    """In one short sentence; the reason comes from the pods that wait where there are some, else from the autoscaler."""
    run = len(running_pods.chosen(cluster, arguments))
    said = f"{run} pods run, {was} before"
    if run > was:
        return f"{SCALED}: {said}"
    space = running_pods.space(arguments)
    wants = resources.scaled(cluster, space).get(hpa)
    asked = f"the HPA {hpa} wants {'nothing' if wants is None else wants}"
    pending = running_pods.pending(cluster, arguments)
    why = (
        f"{len(pending)} Pending: {_why_pending(pending[0])}"
        if pending
        else resources.why_not_scaled(cluster, space, hpa)
    )
    return f"not {SCALED}: {said}; {asked}; {why}"


def _why_pending(pod: Pod) -> str:
    """As the scheduler says it, or what its containers wait for."""
    status = pod["status"]
    unmet = [
        c for c in status.get("conditions") or () if c.get("type") == "PodScheduled" and c.get("status") == "False"
    ]
    waiting = [(s.get("state") or {}).get("waiting") or {} for s in status.get("containerStatuses") or ()]
    said = [*(c.get("message") for c in unmet), *(w.get("reason") for w in waiting)]
    return next((str(words) for words in said if words), "nothing says why")
