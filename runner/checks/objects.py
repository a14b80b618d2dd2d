"""Objects: what the objects of a Kubernetes API say of a cluster's health; arithmetic over their JSON, without a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from runner import units
from runner.checks import due
from runner.checks.check import Measured, NoData

Object = Mapping[str, Any]
SHOWN = 3
"""Names that a sentence shows."""
HOUR_S = 3600.0
FRESH_S = 120.0
"""How old the metrics of a pod may be: metrics-server reads them every 15 s, and its answer covers half a minute."""


@dataclass(frozen=True)
class Look:
    """One look at a cluster: the lists that a check asked for, and the API server's own time."""

    lists: Mapping[str, Sequence[Object]]
    now: datetime
    values: Mapping[str, Any]
    limit: float
    """Of the check: what is unknown only matters where it may be beyond it."""

    def __getitem__(self, kind: str) -> Sequence[Object]:
        """Never empty: where nothing was found, nothing was looked at. Raises NoData."""
        found = self.lists[kind]
        if not found:
            where = [
                f"{key} {self.values[key]}"
                for key in ("namespace", "labels", "service", "name")
                if self.values.get(key)
            ]
            raise NoData(f"no {kind} found{' with ' + ', '.join(where) if where else ''}: nothing was looked at")
        return found

    def age_s(self, moment: str) -> float:
        return (self.now - datetime.fromisoformat(moment)).total_seconds()

    def settled(self, found: Measured, unknown: Sequence[str]) -> Measured:
        """What was found, if it is bad whatever the unknown may be, or nothing is unknown. Raises NoData."""
        if unknown and found.value <= self.limit:
            raise NoData(unknown[0] + (f" (and {len(unknown) - 1:,} more like it)" if len(unknown) > 1 else ""))
        return found


Measure = Callable[[Look], Measured]


def waiting(*reasons: str) -> Measure:
    """How many pods have a container that waits for one of these reasons."""

    def measure(look: Look) -> Measured:
        return _counted(look["pods"], lambda pod: any(_waits(status) in reasons for status in _containers(pod)))

    return measure


def longest_pending(look: Look) -> Measured:
    """Seconds that the pod has been Pending that has been it for longest."""
    ages = [(look.age_s(pod["metadata"]["creationTimestamp"]), pod) for pod in look["pods"] if _phase(pod) == "Pending"]
    return _worst(ages, look["pods"])


def restarts_an_hour(look: Look) -> Measured:
    """The most restarts of one container in the last hour. Raises NoData where the API does not tell when they were.

    A pod knows how often its containers have restarted since it began, and when last: that is exact for pods that are younger than an hour
    and for those whose last restart is longer ago.
    """
    found: list[tuple[float, Object]] = []
    unknown: list[tuple[float, Object]] = []
    for pod in look["pods"]:
        young = look.age_s(pod["metadata"]["creationTimestamp"]) <= HOUR_S
        for status in _containers(pod):
            last = ((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
            count = float(status.get("restartCount") or 0)
            within = count if young or count <= 1 or not last else 0.0 if look.age_s(last) > HOUR_S else None
            (unknown if within is None else found).append((count if within is None else within, pod))
    doubtful = [
        f"{_name(pod)} has restarted {count:g} times since it began more than an hour ago: the API does not say when;"
        " ask Prometheus with pod_restarts_metric"
        for count, pod in sorted(unknown, key=lambda one: -one[0])
        if count > look.limit
    ]
    look.settled(_worst(found, look["pods"]), doubtful)
    return _worst([*found, *unknown], look["pods"])


def services_without_endpoints(look: Look) -> Measured:
    """How many services that select pods have no endpoint that is ready."""
    ready: dict[tuple[str, str], int] = {}
    for piece in look.lists["endpointslices"]:
        whose = (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name", "")
        able = [e for e in piece.get("endpoints") or () if (e.get("conditions") or {}).get("ready") is not False]
        key = (piece["metadata"]["namespace"], whose)
        ready[key] = ready.get(key, 0) + len(able)
    selecting = [s for s in look["services"] if (s.get("spec") or {}).get("selector")]
    if not selecting:
        raise NoData("no service here selects pods: nothing was looked at")
    return _counted(selecting, lambda s: not ready.get((s["metadata"]["namespace"], s["metadata"]["name"])))


def nodes_with(condition: str, *, healthy: str) -> Measure:
    """How many nodes have a condition other than healthy; of one that is unknown nobody can say it, but that a node is not Ready is so."""

    def measure(look: Look) -> Measured:
        states = {_name(node): _condition(node, condition) for node in look["nodes"]}
        unknown = [name for name, state in states.items() if state not in ("True", "False")]
        sick = "False" if healthy == "True" else "True"
        found = _counted(
            look["nodes"], lambda node: states[_name(node)] == sick or (condition == "Ready" and _name(node) in unknown)
        )
        beyond = condition != "Ready" and found.value + len(unknown) > look.limit
        return look.settled(found, [f"{condition} of {_names(unknown)} is not known"] if beyond else [])

    return measure


def usage_of_requests(resource: str) -> Measure:
    """The highest share of its request that a container uses, by the metrics API. One that has just begun has no metrics yet."""

    def measure(look: Look) -> Measured:
        asked = {
            (_name(pod), c["name"]): _request(c, resource) for pod in look["pods"] for c in pod["spec"]["containers"]
        }
        fresh = [m for m in look["podmetrics"] if look.age_s(m["timestamp"]) <= FRESH_S]
        if not fresh:
            raise NoData(f"every metric of a pod is older than {FRESH_S:g} s: is metrics-server well?")
        shares = {
            (_name(metrics), container["name"]): (float(_quantity(container["usage"][resource]) / request), metrics)
            for metrics in fresh
            for container in metrics["containers"]
            if (request := asked.get((_name(metrics), container["name"]))) and resource in container["usage"]
        }
        if not shares:
            raise NoData(f"no container that is measured requests {resource}: there is nothing to compare its use with")
        silent = [one for one in _running(look, FRESH_S) if asked.get(one) and one not in shares]
        pods = _names(list(dict.fromkeys(pod for pod, _ in silent)))
        unknown = f"{pods}: no metric of the last {FRESH_S:g} s, after running for longer: is metrics-server well?"
        return look.settled(_worst(shares.values(), [pod for _, pod in shares.values()]), [unknown] if silent else [])

    return measure


def longest_mismatch(look: Look) -> Measured:
    """Seconds that an autoscaler has had other replicas than it wants, by its own word or by how many pods its target has.

    Its own status tells what it asked the target for, also where a quota keeps those pods from being made: only the target tells that.
    Raises NoData where one does not know what it wants, or the API does not say whether a mismatch has lasted for longer than the limit.
    """
    targets = {
        (t["metadata"]["namespace"], kind, t["metadata"]["name"]): t
        for kind, plural in (("Deployment", "deployments"), ("StatefulSet", "statefulsets"))
        for t in look.lists[plural]
    }
    ages: list[tuple[float, Object]] = []
    unknown: list[str] = []
    for scaler in look["horizontalpodautoscalers"]:
        of = scaler["spec"]["scaleTargetRef"]
        try:
            target = targets.get((scaler["metadata"]["namespace"], of["kind"], of["name"]))
            ages.append((_mismatch_s(look, scaler, target), scaler))
        except NoData as problem:
            unknown.append(str(problem))
    return look.settled(_worst(ages, look["horizontalpodautoscalers"]), unknown)


def _mismatch_s(look: Look, scaler: Object, target: Object | None) -> float:
    """Since one autoscaler has had other replicas than it wants; 0 where it has those. Raises NoData."""
    status, made = scaler.get("status") or {}, scaler["metadata"]["creationTimestamp"]
    wanted, asked = _wish(scaler), status.get("currentReplicas", 0)
    there = ((target.get("status") or {}).get("replicas", 0)) if target else asked
    if asked == wanted == there:
        return 0.0
    scaled_s = look.age_s(status.get("lastScaleTime") or made)
    failing = _conditions(target).get("ReplicaFailure") if target and there < wanted else None
    if failing:  # as long as this stands, pods are refused
        return min(look.age_s(failing["lastTransitionTime"]), look.age_s(made))
    if target is None or asked != wanted:
        return scaled_s
    return _lasting_s(look, f"{_name(scaler)} wants {wanted} replicas and has {there}", target, scaled_s)


def _wish(scaler: Object) -> int:
    """How many replicas an autoscaler wants. Raises NoData where it does not know: its status keeps what it wanted before."""
    conditions = _conditions(scaler)
    for kind in ("AbleToScale", "ScalingActive"):
        said = conditions.get(kind, {})
        if said.get("status", "True") != "True" and said.get("reason") != "ScalingDisabled":
            why = f"{said.get('reason', kind)}: {said.get('message', '')}".rstrip(": ")[:200]
            raise NoData(f"{_name(scaler)} does not know how many replicas it wants: {why}")
    wanted = (scaler.get("status") or {}).get("desiredReplicas", 0)
    if not wanted and not conditions:
        raise NoData(f"{_name(scaler)} has not said yet how many replicas it wants")
    return int(wanted)


def _lasting_s(look: Look, mismatch: str, target: Object, scaled_s: float) -> float:
    """How long a target has had other pods than its autoscaler has asked it for, `scaled_s` ago. Raises NoData.

    In a rollout, since its last progress: pods come and go with each. Else the API does not say when it began: not before the scaling,
    nor before the last rollout was done, which is when all pods were there; and not after the status of the target was last written.
    """
    rollout = _conditions(target).get("Progressing")
    began = [scaled_s, look.age_s(target["metadata"]["creationTimestamp"])]
    if rollout:
        waited = target["spec"].get("progressDeadlineSeconds", 600) if rollout["reason"] == _TIMED_OUT else 0
        began.append(look.age_s(rollout["lastUpdateTime"]) + waited)
    most = min(began)
    if most <= look.limit or (rollout and rollout["reason"] != _ROLLED_OUT):
        return most
    fields = target["metadata"].get("managedFields") or ()
    written = [look.age_s(f["time"]) for f in fields if f.get("subresource") == "status" and f.get("time")]
    least = min([most, *written]) if written else 0.0
    if least <= look.limit:
        raise NoData(f"{mismatch}, for at most {units.format_duration(most)}: the API does not say since when")
    return least


_TIMED_OUT, _ROLLED_OUT = "ProgressDeadlineExceeded", "NewReplicaSetAvailable"


def node_share(look: Look) -> Measured:
    """Nodes, as a share of how many there may be."""
    count, most = len(look["nodes"]), float(look.values["max"])
    return Measured(count / most, f"{count} of {most:g}")


def longest_overdue(look: Look) -> Measured:
    """Seconds that a CronJob is overdue."""
    (job,) = look["cronjobs"]
    done = (job.get("status") or {}).get("lastSuccessfulTime")
    return due.overdue(datetime.fromisoformat(done) if done else None, look.now, look.values)


def _counted(items: Sequence[Object], sick: Callable[[Object], bool]) -> Measured:
    names = [_name(item) for item in items if sick(item)]
    return Measured(
        float(len(names)), f"{_names(names)}; {len(items):,} looked at" if names else f"{len(items):,} looked at"
    )


def _worst(values: Iterable[tuple[float, Object]], items: Sequence[Object]) -> Measured:
    """The highest, and whose it is; 0 of none."""
    value, whose = max(values, key=lambda one: one[0], default=(0.0, None))
    looked = f"{len(items):,} looked at"
    return Measured(value, f"{_name(whose)}; {looked}" if whose is not None and value else looked)


def _names(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _name(item: Object) -> str:
    meta = item["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def _containers(pod: Object) -> list[Object]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _running(look: Look, for_s: float) -> Iterator[tuple[str, str]]:
    """Pod and name of the containers that have run for longer."""
    for pod in look["pods"]:
        for status in _containers(pod):
            started = ((status.get("state") or {}).get("running") or {}).get("startedAt")
            if started and look.age_s(started) > for_s:
                yield _name(pod), status["name"]


def _waits(status: Object) -> str:
    return str(((status.get("state") or {}).get("waiting") or {}).get("reason", ""))


def _condition(node: Object, kind: str) -> str:
    return str(_conditions(node).get(kind, {}).get("status", "Unknown"))


def _conditions(item: Object) -> dict[str, Object]:
    return {str(c.get("type")): c for c in (item.get("status") or {}).get("conditions") or ()}


def _request(container: Object, resource: str) -> Decimal | None:
    written = ((container.get("resources") or {}).get("requests") or {}).get(resource)
    return _quantity(str(written)) if written is not None else None


_SUFFIXES = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1)} | {
    unit: Decimal(1000) ** power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), 1)
} | {unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}  # fmt: skip


def _quantity(text: str) -> Decimal:
    """`250m`, `128Mi`, `1e3`. Raises NoData."""
    digits = text.rstrip("KMGTPEkinum")
    try:
        return Decimal(digits) * _SUFFIXES[text[len(digits) :]]
    except (InvalidOperation, KeyError):
        raise NoData(f"{text!r} is no quantity") from None
