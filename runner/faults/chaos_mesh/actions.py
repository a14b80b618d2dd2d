"""Actions: inject a fault of Chaos Mesh and wait until it is in effect, and end what a run made; for any Chaos Toolkit experiment."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from runner import clock, error_text, errors
from runner.faults import identity
from runner.faults.chaos_mesh import status, undoing, wanted
from runner.faults.chaos_mesh.api import Api
from runner.faults.chaos_mesh.status import State, Status
from runner.faults.chaos_mesh.wanted import Wanted
from runner.faults.cluster_api import ClusterApi, told, troubles

VACUOUS_S = 4.0
"""A selector that has found nothing for so long finds nothing: the controller does not look again."""
GIVEN_UP_S = 8.0
"""How long an object that failed may take to go before the action says that it is stuck."""
EVERY_S = 0.2


def inject(
    kind: str,
    spec: Mapping[str, Any],
    ns: str = "default",
    duration: str = "",
    within: str = "15s",
    secrets: Mapping[str, Any] | None = None,
) -> list[str]:
    """Make one object of Chaos Mesh and wait until its fault is in every target: their names are returned.

    `kind` and `spec` as Chaos Mesh has them, without a duration. `duration`: how long the fault lasts; `within`: how long the injection
    may take, by which the object's own duration is longer. Raises EnvironmentFailure where the fault is not in effect by then: what was
    made is deleted first.
    """
    run = identity.run_id()
    given = {"kind": kind, "spec": spec, "ns": ns, "duration": duration, "within": within}
    fault = wanted.read(run, given)
    with told(fault.said):
        api = Api(ClusterApi(secrets))
        _create(api, fault, run)
        found = _settled(api, fault)
        if found.state is State.INJECTED:
            return [pod.partition("/")[2] for pod in found.pods]
        stuck = _given_up(api, fault, run)
    if stuck:
        raise errors.EnvironmentFailure(f"not in effect: {stuck}")
    raise errors.EnvironmentFailure(f"{fault.said} is not in effect: {found.sentence}; it was deleted again")


def end(ns: str = "default", secrets: Mapping[str, Any] | None = None) -> list[str]:
    """End every fault of Chaos Mesh that this run made in a namespace, as a rollback; gives their names, and raises for what stays."""
    run, ended, problems = identity.run_id(), list[str](), list[str]()
    try:
        api = Api(ClusterApi(secrets))
        for plural in map(str.lower, wanted.ACTIONS):
            for found in api.of_run(plural, ns, run):
                of = undoing.args(plural, ns, found["metadata"]["name"], run, [ns])
                outcome = undoing.end(api, of)
                ended.append(undoing.concerns(of))
                problems += [outcome.error] if outcome.error else []
    except troubles() as problem:
        problems.append(error_text.sentence(problem))
    if problems:
        raise errors.EnvironmentFailure("; ".join(problems))
    return ended


def _create(api: Api, fault: Wanted, run: str) -> None:
    """Make it; where the answer is lost, look whether it is there."""
    from kubernetes.client.rest import ApiException

    try:
        api.create(fault, run)
    except ApiException as problem:
        if problem.status == HTTPStatus.CONFLICT:
            left = "is there already, left by an earlier action or run: chaos-run recover, or kubectl delete, ends it"
            raise errors.EnvironmentFailure(f"{fault.said} {left}") from None
        if problem.status == HTTPStatus.NOT_FOUND and not api.served():
            raise errors.EnvironmentFailure(not_served()) from None
        raise
    except troubles():
        if api.read(fault.plural, fault.namespace, fault.name) is None:
            raise


def not_served() -> str:
    """What a cluster without Chaos Mesh is told."""
    return f"the cluster does not serve {wanted.API}: Chaos Mesh is not installed there"


def _settled(api: Api, fault: Wanted) -> Status:
    """Its status once it is injected, or has found nobody for a while, or when the time for the injection is over."""

    def look() -> Status:
        found = api.read(fault.plural, fault.namespace, fault.name)
        if found is None:
            raise errors.EnvironmentFailure(f"{fault.said}: somebody has deleted it meanwhile")
        return status.read(found)

    first = clock.poll_until(look, min(VACUOUS_S, fault.within_s), EVERY_S, enough=lambda f: f.state is State.INJECTED)
    if first.state in (State.INJECTED, State.VACUOUS):
        return first
    rest_s = fault.within_s - VACUOUS_S
    return clock.poll_until(look, rest_s, EVERY_S, enough=lambda f: f.state in (State.INJECTED, State.VACUOUS))


def _given_up(api: Api, fault: Wanted, run: str) -> str:
    """Delete what is not in effect, so that the controller tries no longer; what is to be known where it does not go, else nothing."""
    of = undoing.args(fault.plural, fault.namespace, fault.name, run, undoing.spaces(fault))
    return undoing.end(api, of, within_s=min(fault.within_s, GIVEN_UP_S)).error or ""
