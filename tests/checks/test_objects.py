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


def test_a_node_whose_pressure_is_unknown_matters_where_it_may_be_one_too_many() -> None:
    nodes = [node("a", DiskPressure="Unknown"), node("b", DiskPressure="True"), node("c", DiskPressure="False")]
    measure = objects.nodes_with("DiskPressure", healthy="False")
    for limit in (0, 2):  # bad whatever it is, and good whatever it is
        assert measure(look(limit, nodes=nodes)) == Measured(1, "b; 3 looked at")
    with pytest.raises(NoData, match="DiskPressure of a is not known"):
        measure(look(1, nodes=nodes))


def used(cpu: str, memory: str, name: str = "app", at: str = "2026-11-27T11:59:30Z", of: str = "one") -> Json:
    return {
        "timestamp": at,
        "metadata": {"name": of, "namespace": "shop"},
        "containers": [{"name": name, "usage": {"cpu": cpu, "memory": memory}}],
    }


def test_a_container_that_is_not_measured_may_use_too_much_unless_it_has_just_begun() -> None:
    def running(since: str) -> list[Json]:
        return [pod("one"), pod("two", state={"running": {"startedAt": since}})]

    busy, idle = used("240m", "1Mi"), used("1m", "1Mi")
    stale = used("1m", "1Mi", at=JUST_NOW, of="two")
    measure = objects.usage_of_requests("cpu")
    for metrics in ([idle], [idle, stale], [idle, used("1m", "1Mi", "sidecar", of="two")]):
        with pytest.raises(NoData, match="shop/two: no metric of the last 120 s, after running for longer"):
            measure(look(0.9, pods=running(JUST_NOW), podmetrics=metrics))
        assert measure(look(0.9, pods=running("2026-11-27T11:58:30Z"), podmetrics=metrics)).value == 0.004
    assert measure(look(0.9, pods=running(JUST_NOW), podmetrics=[busy])).value == 0.96  # bad, whatever the other uses
    over = [pod("one"), pod("two", state={"terminated": {"startedAt": LONG_AGO}})]
    assert measure(look(0.9, pods=over, podmetrics=[idle])).value == 0.004


def test_use_is_compared_with_the_request_of_the_very_container() -> None:
    found = look(pods=[pod()], podmetrics=[used("240000000n", "32Mi")])
    assert objects.usage_of_requests("cpu")(found) == Measured(0.96, "shop/one; 1 looked at")
    assert objects.usage_of_requests("memory")(found).value == 0.5
    with pytest.raises(NoData, match="every metric of a pod is older than 120 s"):
        objects.usage_of_requests("cpu")(look(pods=[pod()], podmetrics=[used("1", "1Ki", at=JUST_NOW)]))
    with pytest.raises(NoData, match="no container that is measured requests cpu"):
        objects.usage_of_requests("cpu")(look(pods=[pod()], podmetrics=[used("1", "1Ki", name="sidecar")]))


YESTERDAY, AN_HOUR_AGO, A_SECOND_AGO = "2026-11-26T12:00:00Z", "2026-11-27T11:00:00Z", "2026-11-27T11:59:59Z"
LIMIT = 300


def condition(kind: str, status: str = "True", at: str = LONG_AGO, reason: str = "") -> Json:
    return {"type": kind, "status": status, "lastTransitionTime": at, "lastUpdateTime": at, "reason": reason}


def scaler(name: str, asked: int, wanted: int, *conditions: Json, kind: str = "Deployment", **more: str) -> Json:
    meta = {"name": name, "namespace": "shop", "creationTimestamp": LONG_AGO}
    status = {"currentReplicas": asked, "desiredReplicas": wanted, "conditions": list(conditions), **more}
    return {"metadata": meta, "spec": {"scaleTargetRef": {"kind": kind, "name": name}}, "status": status}


def target(name: str, replicas: int, *conditions: Json, written: str = "") -> Json:
    """`written` is when its status was."""
    fields = [
        {"manager": "kubectl", "time": A_SECOND_AGO},
        {"manager": "kube-controller-manager", "subresource": "status", "time": written},
    ]
    meta = {
        "name": name,
        "namespace": "shop",
        "creationTimestamp": LONG_AGO,
        "managedFields": fields if written else [],
    }
    return {"metadata": meta, "spec": {}, "status": {"replicas": replicas, "conditions": list(conditions)}}


def mismatch(*scalers: Json, deployments: list[Json] | None = None, statefulsets: list[Json] | None = None) -> Measured:
    lists = {"deployments": deployments or [], "statefulsets": statefulsets or []}
    return objects.longest_mismatch(look(LIMIT, horizontalpodautoscalers=list(scalers), **lists))


@pytest.mark.parametrize(
    ("scalers", "targets", "found"),
    [
        ([scaler("well", 2, 2)], [target("well", 2)], Measured(0, "1 looked at")),
        ([scaler("well", 2, 2)], [], Measured(0, "1 looked at")),  # its target is of another kind
        (
            [scaler("well", 2, 2), scaler("behind", 2, 5, lastScaleTime=JUST_NOW)],
            [],
            Measured(300, "shop/behind; 2 looked at"),
        ),
        (
            [scaler("slow", 5, 5, lastScaleTime=JUST_NOW)],
            [target("slow", 4)],
            Measured(300, "shop/slow; 1 looked at"),
        ),
    ],
)
def test_an_autoscaler_lacks_replicas_by_its_own_word_or_by_its_target_s(
    scalers: list[Json], targets: list[Json], found: Measured
) -> None:
    assert mismatch(*scalers, deployments=targets) == found


def test_pods_that_are_refused_are_lacking_since_the_first_was_whatever_is_wanted_since() -> None:
    full = target("full", 3, condition("ReplicaFailure", at=AN_HOUR_AGO))
    for scaled in (YESTERDAY, A_SECOND_AGO):
        found = mismatch(scaler("full", 4, 4, lastScaleTime=scaled), deployments=[full])
        assert found == Measured(3600, "shop/full; 1 looked at")


@pytest.mark.parametrize(
    ("reason", "at", "lasted"),
    [
        ("ReplicaSetUpdated", A_SECOND_AGO, 1),
        ("ReplicaSetUpdated", AN_HOUR_AGO, 3600),  # it is stuck
        ("ProgressDeadlineExceeded", A_SECOND_AGO, 601),  # said ten minutes after its last progress
        ("NewReplicaSetAvailable", A_SECOND_AGO, 1),  # all pods were there a second ago
    ],
)
def test_the_pods_of_a_rollout_are_too_many_since_its_last_progress(reason: str, at: str, lasted: float) -> None:
    """A surge of one pod, and the autoscaler has last scaled a day ago."""
    rolling = target("shop", 4, condition("Progressing", at=at, reason=reason))
    found = mismatch(scaler("shop", 3, 3, lastScaleTime=YESTERDAY), deployments=[rolling])
    assert found == Measured(lasted, "shop/shop; 1 looked at")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize("written", [A_SECOND_AGO, ""])
def test_where_the_api_does_not_say_since_when_there_is_no_data(kind: str, written: str) -> None:
    """A pod was lost a second ago, or an hour ago: nobody can say it."""
    lists = {f"{kind.lower()}s": [target("shop", 2, written=written)]}
    said = "shop/shop wants 3 replicas and has 2, for at most 24h: the API does not say since when"
    with pytest.raises(NoData, match=said):
        mismatch(scaler("shop", 3, 3, kind=kind, lastScaleTime=YESTERDAY), **lists)


def test_a_mismatch_is_no_younger_than_the_status_that_shows_it() -> None:
    stuck = target("shop", 2, written=AN_HOUR_AGO)
    found = mismatch(scaler("shop", 3, 3, kind="StatefulSet", lastScaleTime=YESTERDAY), statefulsets=[stuck])
    assert found == Measured(3600, "shop/shop; 1 looked at")


@pytest.mark.parametrize(
    ("unsure", "said"),
    [
        (scaler("x", 2, 2, condition("ScalingActive", "False", reason="FailedGetResourceMetric")), "FailedGetResourceMetric"),
        (scaler("x", 2, 2, condition("AbleToScale", "False", reason="FailedGetScale")), "FailedGetScale"),
        (scaler("x", 0, 0), "has not said yet how many replicas it wants"),
        (scaler("x", 0, 0, kind="Rollout"), "has not said yet how many replicas it wants"),
    ],
)  # fmt: skip
def test_an_autoscaler_that_does_not_know_what_it_wants_is_no_data(unsure: Json, said: str) -> None:
    with pytest.raises(NoData, match=said):
        mismatch(unsure, scaler("well", 2, 2), deployments=[target("x", 2), target("well", 2)])
    full = target("full", 3, condition("ReplicaFailure", at=AN_HOUR_AGO))
    assert mismatch(unsure, scaler("full", 4, 4), deployments=[full]).value == 3600


def test_an_autoscaler_that_people_have_turned_off_wants_nothing() -> None:
    off = scaler("off", 0, 0, condition("ScalingActive", "False", reason="ScalingDisabled"))
    assert mismatch(off, deployments=[target("off", 0)]).value == 0


@pytest.mark.parametrize(
    ("done", "overdue"),
    [
        ("2026-11-27T05:30:00Z", 0),  # in time
        ("2026-11-27T06:20:00Z", 0),  # late, and done
        ("2026-11-26T05:30:00Z", 21600),  # yesterday's is not today's
        ("2026-11-26T06:30:00Z", 21600),  # nor is it where it was late
        ("2026-11-26T17:59:00Z", 21600),
        ("2026-11-26T18:00:00Z", 0),  # a run of the evening before is today's
        (None, 21600),
    ],
)
def test_a_batch_is_overdue_until_it_is_done(done: str | None, overdue: float) -> None:
    job = {"metadata": {"name": "nightly", "namespace": "shop"}, "status": {"lastSuccessfulTime": done}}
    found = objects.longest_overdue(look(cronjobs=[job], values={"by": "06:00", "zone": "UTC"}))
    assert found.value == overdue
    assert ("too early to count, a run counts from 2026-11-26 18:00 on" in found.detail) is bool(done and overdue)


@pytest.mark.parametrize(
    ("earliest", "by", "done", "overdue"),
    [
        ("20:00", "06:00", "2026-11-26T19:00:00Z", 21600),
        ("20:00", "06:00", "2026-11-26T20:00:00Z", 0),
        ("01:00", "06:00", "2026-11-26T23:00:00Z", 21600),
        ("02:00", "11:00", "2026-11-27T01:00:00Z", 3600),
        ("06:00", "06:00", "2026-11-26T06:30:00Z", 0),  # the whole day
    ],
)
def test_people_may_say_from_when_on_a_run_counts(earliest: str, by: str, done: str, overdue: float) -> None:
    job = {"metadata": {"name": "nightly"}, "status": {"lastSuccessfulTime": done}}
    values = {"by": by, "zone": "UTC", "earliest": earliest}
    assert objects.longest_overdue(look(cronjobs=[job], values=values)).value == overdue


def test_a_batch_that_was_late_yesterday_is_good_until_it_is_due_again() -> None:
    job = {"metadata": {"name": "nightly"}, "status": {"lastSuccessfulTime": "2026-11-26T12:31:00Z"}}
    assert objects.longest_overdue(look(cronjobs=[job], values={"by": "12:01", "zone": "UTC"})).value == 0
    assert objects.longest_overdue(look(cronjobs=[job], values={"by": "12:00", "zone": "UTC"})).value == 0
    assert objects.longest_overdue(look(cronjobs=[job], values={"by": "11:59", "zone": "UTC"})).value == 60


def test_before_its_time_of_day_nobody_asks_for_todays_batch() -> None:
    job = {"metadata": {"name": "nightly"}, "status": {"lastSuccessfulTime": "2026-11-26T19:00:00Z"}}
    assert objects.longest_overdue(look(cronjobs=[job], values={"by": "20:00", "zone": "UTC"})).value == 0
    berlin = {"by": "12:30", "zone": "Europe/Berlin"}  # 11:30 UTC: half an hour ago
    job["status"] = {"lastSuccessfulTime": "2026-11-26T23:40:00Z"}
    assert objects.longest_overdue(look(cronjobs=[job], values=berlin)).value == 0
    job["status"] = {"lastSuccessfulTime": "2026-11-26T23:20:00Z"}
    assert objects.longest_overdue(look(cronjobs=[job], values=berlin)).value == 1800


@pytest.mark.parametrize("by", ["25:00", "noon"])
def test_a_time_of_day_that_is_none_is_no_data(by: str) -> None:
    job = {"metadata": {"name": "nightly"}, "status": {}}
    with pytest.raises(NoData, match="is no time of day"):
        objects.longest_overdue(look(cronjobs=[job], values={"by": by, "zone": "UTC"}))
