"""What a cluster says of a pod counts only where it says it: no figure is no rise, and another death is no want of memory."""

from __future__ import annotations

from typing import Any

import pytest

from runner.errors import EnvironmentFailure
from runner.faults.kubernetes import memory, resources, stress


def pod(restarts: int, reason: str, limit: str = "64Mi") -> dict[str, Any]:
    last = {"terminated": {"reason": reason, "exitCode": 137, "finishedAt": "2026-11-27T19:09:57Z"}} if reason else {}
    limits = {"resources": {"limits": {"memory": limit}}} if limit else {}
    return {
        "metadata": {"namespace": "shop", "name": "a"},
        "spec": {"containers": [{"name": "c", **limits}]},
        "status": {"containerStatuses": [{"name": "c", "restartCount": restarts, "lastState": last}]},
    }


def test_a_kill_for_want_of_memory_is_told_by_the_nodes_own_account() -> None:
    assert "container c of pod/shop/a was killed for want of memory (OOMKilled, exit code 137)" in resources.killed(
        pod(2, "OOMKilled"), {"c": 1}
    )
    assert resources.killed(pod(2, "Error"), {"c": 1}) == "", "it died of something else"
    assert resources.killed(pod(1, "OOMKilled"), {"c": 1}) == "", "that was before"


def test_memory_that_nothing_limits_is_not_filled() -> None:
    assert memory.limit_mib(pod(0, ""), "c") == 64
    with pytest.raises(EnvironmentFailure, match="has no memory limit"):
        memory.limit_mib(pod(0, "", limit=""), "c")


def test_cpu_has_to_rise_by_half_of_what_was_to_be_taken() -> None:
    expected = {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}
    now = {"a": 0.4, "b": 0.3, "c": 0.5}
    assert stress.risen({"a": 0.1, "b": 0.1, "d": 0.1}, now, expected) == {"a": pytest.approx(0.3)}


def test_the_first_wish_of_a_new_autoscaler_is_no_scaling() -> None:
    """It wants nothing until it has looked at its metrics: seen on a real cluster, where 0 became 3 without any stress."""
    listed = [{"metadata": {"name": n}, "status": s} for n, s in (("new", {"desiredReplicas": 0}), ("newer", None))]
    known = {"metadata": {"name": "shop"}, "status": {"desiredReplicas": 3}}
    assert resources.wishes([*listed, known]) == {"shop": 3}
    assert stress.grown(resources.wishes(listed), {"new": 3, "shop": 3}) == []
    assert stress.grown({"shop": 3}, {"shop": 5}) == ["the HPA shop wants 5 replicas, before 3"]


@pytest.mark.parametrize(("text", "number"), [("250m", 0.25), ("29630536n", 0.029630536), ("2", 2.0), ("64Mi", 2**26)])
def test_quantities_of_the_api_are_read(text: str, number: float) -> None:
    assert resources.quantity(text) == pytest.approx(number)
