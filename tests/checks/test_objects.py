"""What the objects of a cluster say of its health: what is unknown is no data, and never good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from runner.checks import objects
from runner.checks.check import Measured, NoData
from runner.checks.objects import Look

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
LONG_AGO, JUST_NOW = "2026-11-20T12:00:00Z", "2026-11-27T11:55:00Z"
Json = dict[str, Any]


def look(limit: float = 0, values: Json | None = None, **lists: list[Json]) -> Look:
    return Look(lists, NOW, values or {}, limit)


def pod(name: str = "one", created: str = LONG_AGO, phase: str = "Running", **status: Any) -> Json:
    containers = [{"name": "app", **status}]
    return {
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": created},
        "spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}}}]},
        "status": {"phase": phase, "containerStatuses": containers},
    }


def restarted(count: int, last: str, created: str = LONG_AGO) -> Json:
    return pod(created=created, restartCount=count, lastState={"terminated": {"finishedAt": last}})


def node(name: str, **conditions: str) -> Json:
    return {
        "metadata": {"name": name},
        "status": {"conditions": [{"type": t, "status": s} for t, s in conditions.items()]},
    }


def test_where_nothing_was_found_nothing_was_looked_at() -> None:
    with pytest.raises(NoData, match="no pods found with namespace shop, labels app=nothing: nothing was looked at"):
        objects.waiting("CrashLoopBackOff")(look(values={"namespace": "shop", "labels": "app=nothing"}, pods=[]))


def test_a_container_that_waits_is_told_by_its_pod_and_an_init_container_counts() -> None:
    waits = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    early = pod("early")
    early["status"]["initContainerStatuses"] = [waits]
    found = objects.waiting("CrashLoopBackOff")(look(pods=[pod("well"), pod("sick", **waits), early]))
    assert found == Measured(2, "shop/sick, shop/early; 3 looked at")


def test_the_pod_that_is_pending_for_longest_counts() -> None:
    pods = [pod(), pod("new", JUST_NOW, "Pending"), pod("newer", "2026-11-27T11:59:00Z", "Pending")]
    assert objects.longest_pending(look(pods=pods)) == Measured(300, "shop/new; 3 looked at")


@pytest.mark.parametrize(
    ("pods", "restarts"),
    [
        ([restarted(57, LONG_AGO)], 0),  # the last one is longer ago than an hour
        ([restarted(57, JUST_NOW, created="2026-11-27T11:10:00Z")], 57),  # all of its life is in the hour
        ([restarted(1, JUST_NOW)], 1),
        ([pod(restartCount=0)], 0),
        ([restarted(9, JUST_NOW)], 9),  # whenever they were, they are not too many
        ([restarted(57, JUST_NOW), restarted(12, JUST_NOW, created="2026-11-27T11:10:00Z")], 57),
    ],
)
def test_restarts_are_those_of_the_last_hour(pods: list[Json], restarts: float) -> None:
    assert objects.restarts_an_hour(look(10, pods=pods)).value == restarts


def test_many_restarts_of_a_pod_that_is_older_than_an_hour_may_be_old_too() -> None:
    with pytest.raises(NoData, match=r"shop/one has restarted 57 times .* the API does not say when"):
        objects.restarts_an_hour(look(10, pods=[restarted(57, JUST_NOW)]))


def test_a_service_without_ready_endpoints_is_told_and_one_that_selects_nothing_is_not() -> None:
    def service(name: str, **spec: Any) -> Json:
        return {"metadata": {"name": name, "namespace": "shop"}, "spec": spec}

    def piece(of: str, *ready: bool | None) -> Json:
        endpoints = [{"conditions": {} if r is None else {"ready": r}} for r in ready]
        return {"metadata": {"namespace": "shop", "labels": {"kubernetes.io/service-name": of}}, "endpoints": endpoints}

    services = [service(n, selector={"app": n}) for n in ("well", "unsaid", "sick", "gone")] + [service("outside")]
    pieces = [piece("well", False), piece("well", True), piece("unsaid", None), piece("sick", False, False)]
    found = objects.services_without_endpoints(look(services=services, endpointslices=pieces))
    assert found == Measured(2, "shop/sick, shop/gone; 4 looked at")
    with pytest.raises(NoData, match="no service here selects pods"):
        objects.services_without_endpoints(look(services=[service("outside")], endpointslices=[]))


def test_a_node_that_is_silent_is_not_ready_and_its_pressure_is_unknown() -> None:
    nodes = [node("a", Ready="True", DiskPressure="False"), node("b", Ready="Unknown", DiskPressure="Unknown")]
    assert objects.nodes_with("Ready", healthy="True")(look(nodes=nodes)) == Measured(1, "b; 2 looked at")
    with pytest.raises(NoData, match="DiskPressure of b is not known"):
        objects.nodes_with("DiskPressure", healthy="False")(look(nodes=nodes))
    pressed = [*nodes, node("c", DiskPressure="True")]
    assert objects.nodes_with("DiskPressure", healthy="False")(look(nodes=pressed)) == Measured(1, "c; 3 looked at")


def test_use_is_compared_with_the_request_of_the_very_container() -> None:
    def used(cpu: str, memory: str, name: str = "app", at: str = "2026-11-27T11:59:30Z") -> Json:
        return {
            "timestamp": at,
            "metadata": {"name": "one", "namespace": "shop"},
            "containers": [{"name": name, "usage": {"cpu": cpu, "memory": memory}}],
        }

    found = look(pods=[pod()], podmetrics=[used("240000000n", "32Mi")])
    assert objects.usage_of_requests("cpu")(found) == Measured(0.96, "shop/one; 1 looked at")
    assert objects.usage_of_requests("memory")(found).value == 0.5
    with pytest.raises(NoData, match="every metric of a pod is older than 120 s"):
        objects.usage_of_requests("cpu")(look(pods=[pod()], podmetrics=[used("1", "1Ki", at=JUST_NOW)]))
    with pytest.raises(NoData, match="no container that is measured requests cpu"):
        objects.usage_of_requests("cpu")(look(pods=[pod()], podmetrics=[used("1", "1Ki", name="sidecar")]))


def scaler(name: str, asked: int, wanted: int, **more: str) -> Json:
    meta = {"name": name, "namespace": "shop", "creationTimestamp": LONG_AGO}
    target = {"scaleTargetRef": {"kind": "Deployment", "name": name}}
    return {"metadata": meta, "spec": target, "status": {"currentReplicas": asked, "desiredReplicas": wanted, **more}}


def deployment(name: str, replicas: int, failing: str | None = None) -> Json:
    conditions = [{"type": "ReplicaFailure", "status": "True", "lastTransitionTime": failing}] if failing else []
    return {"metadata": {"name": name, "namespace": "shop"}, "status": {"replicas": replicas, "conditions": conditions}}


@pytest.mark.parametrize(
    ("scalers", "targets", "found"),
    [
        ([scaler("well", 2, 2)], [deployment("well", 2)], Measured(0, "1 looked at")),
        ([scaler("well", 2, 2)], [], Measured(0, "1 looked at")),  # its target is of another kind
        (
            [scaler("well", 2, 2), scaler("behind", 2, 5, lastScaleTime=JUST_NOW)],
            [],
            Measured(300, "shop/behind; 2 looked at"),
        ),
        ([scaler("full", 5, 5)], [deployment("full", 4, JUST_NOW)], Measured(300, "shop/full; 1 looked at")),
        (
            [scaler("slow", 5, 5, lastScaleTime=JUST_NOW)],
            [deployment("slow", 4)],
            Measured(300, "shop/slow; 1 looked at"),
        ),
    ],
)
def test_an_autoscaler_lacks_replicas_by_its_own_word_or_by_its_target_s(
    scalers: list[Json], targets: list[Json], found: Measured
) -> None:
    seen = look(horizontalpodautoscalers=scalers, deployments=targets, statefulsets=[])
    assert objects.longest_mismatch(seen) == found


@pytest.mark.parametrize(
    ("done", "overdue"),
    [
        ("2026-11-27T05:30:00Z", 0),  # in time
        ("2026-11-27T06:20:00Z", 0),  # late, and done
        ("2026-11-26T05:30:00Z", 21600),  # yesterday's is not today's
        (None, 21600),
    ],
)
def test_a_batch_is_overdue_until_it_is_done(done: str | None, overdue: float) -> None:
    job = {"metadata": {"name": "nightly", "namespace": "shop"}, "status": {"lastSuccessfulTime": done}}
    found = objects.longest_overdue(look(cronjobs=[job], values={"by": "06:00", "zone": "UTC"}))
    assert found.value == overdue


def test_before_its_time_of_day_nobody_asks_for_todays_batch() -> None:
    job = {"metadata": {"name": "nightly"}, "status": {"lastSuccessfulTime": "2026-11-26T19:00:00Z"}}
    assert objects.longest_overdue(look(cronjobs=[job], values={"by": "20:00", "zone": "UTC"})).value == 0
    berlin = {"by": "12:30", "zone": "Europe/Berlin"}  # 11:30 UTC: half an hour ago
    assert objects.longest_overdue(look(cronjobs=[job], values=berlin)).value == 0
    job["status"] = {"lastSuccessfulTime": "2026-11-26T11:00:00Z"}
    assert objects.longest_overdue(look(cronjobs=[job], values=berlin)).value == 1800


@pytest.mark.parametrize("by", ["25:00", "noon"])
def test_a_time_of_day_that_is_none_is_no_data(by: str) -> None:
    job = {"metadata": {"name": "nightly"}, "status": {}}
    with pytest.raises(NoData, match="is no time of day"):
        objects.longest_overdue(look(cronjobs=[job], values={"by": by, "zone": "UTC"}))
