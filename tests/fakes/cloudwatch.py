"""A moto server that also has what moto lacks: the history of an alarm and when its state changed, percentiles of metrics, the
concurrency limit of an account (1,000, as AWS has it), RDS instances and clusters that fail over, and an instance that has the status
of its tag `status`.

`python -m tests.fakes.cloudwatch PORT`. Of an alarm whose name begins with `unwritten` it tells neither, as moto itself does.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.waiting import until

ACCESS = {"aws_access_key_id": "AKIATESTING", "aws_secret_access_key": "aws-secret-hunter2"}
REGION = "eu-west-1"
KEPT = "unwritten"


class Cloud:
    """Where it is, and the hand that plays its evaluation."""

    def __init__(self, url: str) -> None:
        import boto3

        self.url = url
        session = boto3.session.Session(**ACCESS)
        self.client = session.client("cloudwatch", region_name=REGION, endpoint_url=url)

    def alarm(self, name: str) -> None:
        """One on errors, as it is at first: OK."""
        self.client.put_metric_alarm(
            AlarmName=name,
            Namespace="shop",
            MetricName="Errors",
            Statistic="Sum",
            Period=10,
            EvaluationPeriods=3,
            DatapointsToAlarm=2,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            Dimensions=[{"Name": "service", "Value": "shop"}],
            Tags=[{"Key": "team", "Value": "storefront"}],
        )

    def turn(self, name: str, state: str) -> None:
        self.client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="so it is", StateReasonData="{}")


@contextlib.contextmanager
def cloudwatch() -> Iterator[Cloud]:
    """It ends with the block."""
    port = free_port()
    env = {**os.environ, "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=env, cwd=Path(__file__).parents[2], **quiet) as process:  # type: ignore[call-overload]
        try:
            until(lambda: _answers(f"http://127.0.0.1:{port}/moto-api/"), "moto is ready", 30.0)
            found = Cloud(f"http://127.0.0.1:{port}")
            yield found
            found.client.close()
        finally:
            process.kill()


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False


def _changes(found: Any) -> list[tuple[str, str, Any]]:
    """(from, to, when) of each update that changed the state."""
    states = [(value, at) for _, _, _, value, at in found.history] + [
        (found.state_value, found.state_updated_timestamp)
    ]
    return [(old, new, at) for (old, _), (new, at) in itertools.pairwise(states) if old != new]


def _serve(port: str) -> None:
    from moto.awslambda import urls
    from moto.cloudwatch.models import Alarm, Statistics
    from moto.cloudwatch.responses import CloudWatchResponse
    from moto.core.exceptions import ServiceException
    from moto.core.responses import ActionResult
    from moto.rds.models import DBCluster, DBInstance, Event, RDSBackend
    from moto.server import main

    class Denied(ServiceException):
        code = "AccessDenied"

    def history(self: Any) -> Any:
        (found,) = self.cloudwatch_backend.get_alarms_by_alarm_names([self._get_param("AlarmName")])
        if found.name.startswith(KEPT):
            raise Denied("not authorized to perform: cloudwatch:DescribeAlarmHistory")
        since = self._get_param("StartDate")
        items = [
            {
                "AlarmName": found.name,
                "AlarmType": "MetricAlarm",
                "Timestamp": at,
                "HistoryItemType": "StateUpdate",
                "HistorySummary": f"Alarm updated from {old} to {new}",
                "HistoryData": json.dumps(
                    {
                        "version": "1.0",
                        "oldState": {"stateValue": old},
                        "newState": {"stateValue": new, "stateReason": "-"},
                    }
                ),
            }
            for old, new, at in _changes(found)
            if at.timestamp() >= since.timestamp()
        ]
        return ActionResult({"AlarmHistoryItems": items})

    def transitioned(self: Any) -> Any:
        if self.name.startswith(KEPT):
            raise AttributeError
        return _changes(self)[-1][2] if _changes(self) else self.state_updated_timestamp

    kept = Statistics.get_statistics_for_type

    def statistic(self: Any, stat: str) -> Any:
        """The nearest rank of single values."""
        values = sorted(self.metric_single_values_list)
        return values[math.ceil(float(stat[1:]) / 100 * len(values)) - 1] if stat.startswith("p") else kept(self, stat)

    def settings(request: Any, url: str, headers: Any) -> Any:
        return 200, {}, json.dumps({"AccountLimit": {"ConcurrentExecutions": 1000}})

    reboot = RDSBackend.reboot_db_instance

    def failing_over(self: Any, db_instance_identifier: str, *more: Any, **others: Any) -> Any:
        """As RDS-EVENT-0049 says it; of an instance that is rebooted."""
        self.add_event("DB_INSTANCE_FAILOVER", self.databases[db_instance_identifier])
        return reboot(self, db_instance_identifier, *more, **others)

    failover = DBCluster.failover

    def cluster_failing_over(self: Any, target: Any) -> None:
        """As RDS-EVENT-0071 says it; of the cluster, and of no instance."""
        self.backend.add_event("DB_CLUSTER_FAILOVER", self)
        failover(self, target)

    add_tags = DBInstance.add_tags

    def tagged(self: Any, tags: Any) -> Any:
        self.status = next((tag["Value"] for tag in tags if tag["Key"] == "status"), self.status)
        return add_tags(self, tags)

    DBInstance.add_tags = tagged  # type: ignore[method-assign]
    DBCluster.event_source_type = "db-cluster"  # type: ignore[attr-defined]
    DBCluster.failover = cluster_failing_over  # type: ignore[method-assign]
    Event.EVENT_MAP["DB_CLUSTER_FAILOVER"] = {
        "Categories": ["failover"],
        "Message": "Completed failover to DB instance",
    }
    Event.EVENT_MAP["DB_INSTANCE_FAILOVER"] = {
        "Categories": ["failover"],
        "Message": "Multi-AZ instance failover completed",
    }
    RDSBackend.reboot_db_instance = failing_over  # type: ignore[method-assign]
    urls.url_paths["{0}/(?P<api_version>[^/]+)/account-settings/?$"] = settings
    Statistics.get_statistics_for_type = statistic  # type: ignore[method-assign]
    CloudWatchResponse.describe_alarm_history = history  # type: ignore[attr-defined]
    Alarm.state_transitioned_timestamp = property(transitioned)  # type: ignore[attr-defined]
    main(["-H", "127.0.0.1", "-p", port])


if __name__ == "__main__":
    _serve(sys.argv[1])
