"""The checks of a Kubernetes cluster."""

from __future__ import annotations

from runner.checks import due, objects
from runner.checks.asks import LABELS, NAMESPACE, Kubernetes
from runner.checks.check import Check, Level, Parameter, Unit

_PODS = ("pods",)
_SERVICE = Parameter("service", "one service; without it, all that select pods")
_SCALER = Parameter("name", "one autoscaler; without it, all that may be seen")
_MOST = Parameter("max", "how many nodes the cluster may have", required=True, number=True)
_JOB = (
    Parameter("namespace", "of the CronJob", required=True),
    Parameter("name", "of the CronJob", required=True),
    *due.TAKES,
)


def _nodes(measure: objects.Measure, *more: Parameter) -> Kubernetes:
    return Kubernetes(lists=("nodes",), measure=measure, takes=(LABELS, *more))


_ABOUT = "Kubernetes"


CHECKS = (
    Check(
        name="pods_crash_looping",
        about=_ABOUT,
        level=Level.CRITICAL,
        asks=Kubernetes(lists=_PODS, measure=objects.waiting("CrashLoopBackOff")),
        what="pods that wait in CrashLoopBackOff",
        limit=0,
    ),
    Check(
        name="pods_image_missing",
        about=_ABOUT,
        level=Level.CRITICAL,
        asks=Kubernetes(lists=_PODS, measure=objects.waiting("ImagePullBackOff", "ErrImagePull")),
        what="pods whose image cannot be pulled",
        limit=0,
    ),
    Check(
        name="services_without_endpoints",
        about=_ABOUT,
        level=Level.CRITICAL,
        asks=Kubernetes(
            lists=("services", "endpointslices"),
            measure=objects.services_without_endpoints,
            takes=(NAMESPACE, _SERVICE),
        ),
        what="services without a ready endpoint",
        limit=0,
    ),
    Check(
        name="pods_pending",
        about=_ABOUT,
        level=Level.WARNING,
        asks=Kubernetes(lists=_PODS, measure=objects.longest_pending),
        what="longest time that a pod has been Pending",
        limit=300,
        unit=Unit.SECONDS,
    ),
    Check(
        name="pod_restarts",
        about=_ABOUT,
        level=Level.WARNING,
        asks=Kubernetes(lists=_PODS, measure=objects.restarts_an_hour),
        what="most restarts of a container in an hour",
        limit=10,
    ),
    Check(
        name="nodes_not_ready",
        about=_ABOUT,
        level=Level.CRITICAL,
        asks=_nodes(objects.nodes_with("Ready", healthy="True")),
        what="nodes that are not Ready",
        limit=0,
    ),
    Check(
        name="nodes_disk_pressure",
        about=_ABOUT,
        level=Level.WARNING,
        asks=_nodes(objects.nodes_with("DiskPressure", healthy="False")),
        what="nodes under disk pressure",
        limit=0,
    ),
    Check(
        name="nodes_memory_pressure",
        about=_ABOUT,
        level=Level.WARNING,
        asks=_nodes(objects.nodes_with("MemoryPressure", healthy="False")),
        what="nodes under memory pressure",
        limit=0,
    ),
    Check(
        name="cpu_of_requests",
        about=_ABOUT,
        level=Level.WARNING,
        asks=Kubernetes(lists=("pods", "podmetrics"), measure=objects.usage_of_requests("cpu")),
        what="highest CPU use of a container, of its request",
        limit=0.9,
        unit=Unit.RATIO,
    ),
    Check(
        name="memory_of_requests",
        about=_ABOUT,
        level=Level.WARNING,
        asks=Kubernetes(lists=("pods", "podmetrics"), measure=objects.usage_of_requests("memory")),
        what="highest memory use of a container, of its request",
        limit=0.9,
        unit=Unit.RATIO,
    ),
    Check(
        name="hpa_mismatch",
        about=_ABOUT,
        level=Level.WARNING,
        asks=Kubernetes(
            lists=("horizontalpodautoscalers", "deployments", "statefulsets"),
            measure=objects.longest_mismatch,
            takes=(NAMESPACE, _SCALER),
        ),
        what="longest time that an autoscaler has other replicas than it wants",
        limit=300,
        unit=Unit.SECONDS,
    ),
    Check(
        name="node_count",
        about=_ABOUT,
        level=Level.INFO,
        asks=_nodes(objects.node_share, _MOST),
        what="nodes, of how many there may be",
        limit=0.9,
        unit=Unit.RATIO,
    ),
    Check(
        name="batch_cronjob_late",
        about=_ABOUT,
        level=Level.WARNING,
        asks=Kubernetes(lists=("cronjobs",), measure=objects.longest_overdue, takes=_JOB),
        what="time since the CronJob had to be done",
        limit=0,
        unit=Unit.SECONDS,
    ),
)
