"""Changes: what chaosaws' actions change in EC2, Auto Scaling, ECS, RDS and Lambda, how it is read, and how it is put back.

Each change is of one kind: a resource has a value (an instance its state, a service its number of tasks) that the action changes.
It is read before, it has taken effect where it reads differently, and it is put back by setting what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

PROCESSES = (
    "Launch",
    "Terminate",
    "HealthCheck",
    "AZRebalance",
    "AlarmNotification",
    "ScheduledActions",
    "AddToLoadBalancer",
    "ReplaceUnhealthy",
    "InstanceRefresh",
)
"""Of an Auto Scaling group: what is suspended where an action names none."""
_GONE = ("shutting-down", "terminated")
"""States of an instance that nothing starts again."""
_SPOT = "{} spot instance"
"""The value of one that chaosaws terminates where it is told to stop it; `look` gives the state alone."""
Arguments = Mapping[str, Any]
Whose = Literal["back", "ours", "others"]
Read = Callable[[Any, Arguments], dict[str, Any]]
"""From a client and an action's arguments to the value of each resource that the action could hit, by the resource's name."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One kind of change."""

    service: str
    """Of the SDK."""
    said: str
    """Before a resource's name."""
    read: Read
    look: Callable[[Any, str], Any]
    """The value of one resource; None where it is gone."""
    put_back: Callable[[Any, str, Any, Any], object] | None = None
    """By client, name, the value that was, and ours: set it as it was; None where nothing brings it back, or AWS does by itself."""
    ours: Callable[[Arguments, Any], Any] = lambda arguments, was: None
    """The value that the action sets, by its arguments and the value that was; None where it is not known beforehand."""
    is_ours: Callable[[Any, Any], bool] = lambda now, ours: bool(now == ours)
    """Whether the value that is there now was set by the action; another is somebody else's."""
    heals: bool = False
    """AWS ends it by itself."""
    is_back: Callable[[Any, Any], bool] = lambda was, now: bool(was == now)
    """Whether a value is as it was, or on its way there."""
    lost: Callable[[Any], bool] = lambda now: False
    """Whether a value is one from which nothing brings it back."""
    for_good: Callable[[Any], bool] = lambda was: False
    """Whether a resource with that value is changed for good, which nobody undoes."""
    note: Callable[[Mapping[str, Any]], str] = lambda was: ""
    """What people have to know of the resources that would be hit, by their values; empty where nothing."""

    def whose(self, was: Any, now: Any, ours: Any) -> Whose:
        """Of a value that is there now: back as it was, as the action set it, or set by somebody else meanwhile.

        `ours` is None where nobody knows what the action sets, and then whatever differs is taken for the action's.
        """
        if self.is_back(was, now):
            return "back"
        return "ours" if ours is None or now is None or self.is_ours(now, ours) else "others"


def _instances(client: Any, arguments: Arguments) -> dict[str, str]:
    """All that there are, of the ids, the zone and the filters that are given: chaosaws asks for no state either."""
    given = arguments.get("instance_ids") or arguments.get("instance_id")
    filters = [*(arguments.get("filters") or ())]
    if zone := arguments.get("az"):
        filters.append({"Name": "availability-zone", "Values": [zone]})
    if given:
        filters = [{"Name": "instance-id", "Values": [given] if isinstance(given, str) else [*given]}]
    found = _described(client, filters) if filters else []
    states = {
        str(one["InstanceId"]): _SPOT.format(one["State"]["Name"]) if _is_spot(one) else one["State"]["Name"]
        for one in found
    }
    return {name: state for name, state in states.items() if not state.startswith(_GONE)}


def _running(client: Any, arguments: Arguments) -> dict[str, str]:
    """A stop of others changes nothing; a stop of spot instances ends them in any state."""
    found = _instances(client, arguments)
    return {name: state for name, state in found.items() if state == "running" or _ends_for_good(state)}


def _described(client: Any, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_instances").paginate(Filters=filters)
    return [one for page in pages for group in page["Reservations"] for one in group["Instances"]]


def _state(client: Any, name: str) -> str | None:
    found = _described(client, [{"Name": "instance-id", "Values": [name]}])
    return next((str(one["State"]["Name"]) for one in found), None)


def _is_spot(instance: Mapping[str, Any]) -> bool:
    return instance.get("InstanceLifecycle") == "spot"


def _ends_for_good(state: str) -> bool:
    return state.endswith(_SPOT.format(""))


def _spot_ends(was: Mapping[str, str]) -> str:
    spot = [name for name, state in was.items() if _ends_for_good(state)]
    return f"chaosaws terminates spot instances instead of stopping them: {', '.join(spot)}" if spot else ""


def _not_running(was: Mapping[str, str]) -> str:
    idle = [f"{name} ({state})" for name, state in was.items() if not state.startswith("running")]
    return f"chaosaws terminates what does not run too: {', '.join(idle)}" if idle else ""


def _groups(client: Any, arguments: Arguments) -> dict[str, list[str]]:
    """Auto Scaling groups by name or tags, and which of their processes are suspended."""
    if not arguments.get("asg_names") and not arguments.get("tags"):
        return {}  # AWS would name every group of the region
    wanted: dict[str, Any] = (
        {"AutoScalingGroupNames": [*arguments["asg_names"]]}
        if arguments.get("asg_names")
        else {"Filters": [{"Name": f"tag:{t['Key']}", "Values": [t["Value"]]} for t in arguments.get("tags") or ()]}
    )
    pages = client.get_paginator("describe_auto_scaling_groups").paginate(**wanted)
    return {
        one["AutoScalingGroupName"]: sorted(p["ProcessName"] for p in one.get("SuspendedProcesses") or ())
        for page in pages
        for one in page["AutoScalingGroups"]
    }


def _suspended(arguments: Arguments, was: list[str]) -> list[str]:
    """What the action adds: the processes that it names, all where it names none, without those that are suspended already."""
    return [p for p in arguments.get("process_names") or PROCESSES if p not in was]


def _resume(client: Any, name: str, was: list[str], ours: list[str] | None) -> None:
    now = _groups(client, {"asg_names": [name]}).get(name, [])
    if added := [p for p in now if p not in was and (ours is None or p in ours)]:
        client.resume_processes(AutoScalingGroupName=name, ScalingProcesses=added)


def _number(argument: str) -> Callable[[Arguments, Any], int | None]:
    """The value that an action sets is one of its arguments."""

    def ours(arguments: Arguments, was: Any) -> int | None:
        given = str(arguments.get(argument))
        return int(given) if given.isdecimal() else None

    return ours


def _tasks(client: Any, arguments: Arguments) -> dict[str, int]:
    name = f"{arguments.get('cluster')}/{arguments.get('service')}"
    count = _desired(client, name)
    return {} if count is None else {name: count}


def _desired(client: Any, name: str) -> int | None:
    cluster, _, service = name.rpartition("/")
    found = client.describe_services(cluster=cluster, services=[service])["services"]
    return next((int(one["desiredCount"]) for one in found if one.get("status") != "INACTIVE"), None)


def _set_desired(client: Any, name: str, was: int, ours: int | None) -> None:
    cluster, _, service = name.rpartition("/")
    client.update_service(cluster=cluster, service=service, desiredCount=was)


def _database(client: Any, name: str) -> str | None:
    found = client.describe_db_instances(Filters=[{"Name": "db-instance-id", "Values": [name]}])["DBInstances"]
    return next((str(one["DBInstanceStatus"]) for one in found), None)


def _running_database(client: Any, arguments: Arguments) -> dict[str, str]:
    """AWS stops none but one that is available; what somebody else has stopped is not ours to start."""
    name = str(arguments.get("db_instance_identifier"))
    return {name: "available"} if _database(client, name) == "available" else {}


def _writer(client: Any, name: str) -> str | None:
    """The member of a database cluster that takes writes."""
    found = client.describe_db_clusters(Filters=[{"Name": "db-cluster-id", "Values": [name]}])["DBClusters"]
    members = [m for one in found for m in one.get("DBClusterMembers") or () if m.get("IsClusterWriter")]
    return next((str(m["DBInstanceIdentifier"]) for m in members), None)


def _concurrency(client: Any, name: str) -> int | None:
    """-1: none is reserved. None: there is no such function."""
    if _function(client, name, "Timeout") is None:
        return None
    return int(client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", -1))


def _reserve(client: Any, name: str, was: int, ours: int | None) -> None:
    if was < 0:
        client.delete_function_concurrency(FunctionName=name)
    else:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=was)


def _function(client: Any, name: str, field: str) -> int | None:
    try:
        return int(client.get_function_configuration(FunctionName=name)[field])
    except client.exceptions.ResourceNotFoundException:
        return None


def _one(argument: str, look: Callable[[Any, str], Any]) -> Read:
    """An action that names its one resource."""

    def read(client: Any, arguments: Arguments) -> dict[str, Any]:
        name = str(arguments.get(argument))
        value = look(client, name)
        return {} if value is None else {name: value}

    return read


def _configured(field: str, argument: str) -> Change:
    """A field of a function's configuration."""

    def look(client: Any, name: str) -> int | None:
        return _function(client, name, field)

    def put_back(client: Any, name: str, was: int, ours: int | None) -> None:
        client.update_function_configuration(FunctionName=name, **{field: was})

    return Change(
        service="lambda",
        said=f"{field} of the Lambda function",
        read=_one("function_name", look),
        look=look,
        put_back=put_back,
        ours=_number(argument),
    )


def _is_lost(status: str) -> bool:
    """Whether AWS starts no database of that status: it was deleted, or needs a person."""
    return status.startswith(("failed", "incompatible-", "inaccessible-", "deleting", "insufficient-", "restore-error"))


_STOPPED = Change(
    service="ec2",
    said="EC2 instance",
    read=_running,
    look=_state,
    put_back=lambda client, name, was, ours: client.start_instances(InstanceIds=[name]),
    is_back=lambda was, now: now in ("running", "pending"),
    lost=lambda now: now in _GONE,
    for_good=_ends_for_good,
    note=_spot_ends,
)
_TERMINATED = Change(
    service="ec2",
    said="EC2 instance",
    read=_instances,
    look=_state,
    is_back=lambda was, now: now is not None and now not in _GONE,
    note=_not_running,
)
CHANGES: Mapping[str, Change] = {
    "chaosaws.ec2.actions.stop_instance": _STOPPED,
    "chaosaws.ec2.actions.stop_instances": _STOPPED,
    "chaosaws.ec2.actions.terminate_instance": _TERMINATED,
    "chaosaws.ec2.actions.terminate_instances": _TERMINATED,
    "chaosaws.asg.actions.suspend_processes": Change(
        service="autoscaling",
        said="suspended processes of the Auto Scaling group",
        read=_groups,
        look=lambda client, name: _groups(client, {"asg_names": [name]}).get(name),
        put_back=_resume,
        ours=_suspended,
        is_back=lambda was, now: now is not None and set(was) >= set(now),
        is_ours=lambda now, ours: not set(now).isdisjoint(ours),
    ),
    "chaosaws.ecs.actions.update_desired_count": Change(
        service="ecs",
        said="desired tasks of the ECS service",
        read=_tasks,
        look=_desired,
        put_back=_set_desired,
        ours=_number("desired_count"),
    ),
    "chaosaws.rds.actions.stop_db_instance": Change(
        service="rds",
        said="RDS instance",
        read=_running_database,
        look=_database,
        put_back=lambda client, name, was, ours: client.start_db_instance(DBInstanceIdentifier=name),
        is_back=lambda was, now: now is not None and now not in ("stopped", "stopping") and not _is_lost(now),
        lost=_is_lost,
    ),
    "chaosaws.rds.actions.failover_db_cluster": Change(
        service="rds",
        said="writer of the RDS cluster",
        read=_one("db_cluster_identifier", _writer),
        look=_writer,
        heals=True,
    ),
    "chaosaws.awslambda.actions.put_function_concurrency": Change(
        service="lambda",
        said="reserved concurrency of the Lambda function",
        read=_one("function_name", _concurrency),
        look=_concurrency,
        put_back=_reserve,
        ours=_number("concurrent_executions"),
    ),
    "chaosaws.awslambda.actions.put_function_timeout": _configured("Timeout", "timeout"),
    "chaosaws.awslambda.actions.put_function_memory_size": _configured("MemorySize", "memory_size"),
}
"""By the actions' full names. Of every other action the targets are what it reports."""
AT_RANDOM = ("chaosaws.ec2.actions.stop_instance", "chaosaws.ec2.actions.terminate_instance")
"""They take one of those that match, unless it is named."""
