"""AWS: reads CloudWatch and the services themselves through the very client that chaosaws uses, with its configuration and secrets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from runner.checks.asks import Aws, Described, Fold, Given, Metric, Term
from runner.checks.check import Asked, Measured, NoData

_FOLDS: Mapping[Fold, Callable[[list[float]], float]] = {
    Fold.NEWEST: lambda values: values[0],
    Fold.TOTAL: sum,
    Fold.HIGHEST: max,
}
"""Of datapoints, the newest first."""


class Reader:
    """One account and region."""

    def __init__(self, secrets: Mapping[str, Any], configuration: Mapping[str, Any]) -> None:
        self._secrets = secrets
        self._configuration = configuration
        self._clients: dict[str, Any] = {}

    def read(self, asks: Aws, asked: Asked) -> Measured:
        """Raises NoData."""
        from botocore.exceptions import BotoCoreError, ClientError

        values = asked.values
        try:
            of, detail = self._term(asks.of, values)
            if not asks.per:
                return Measured(of, detail)
            parts = [self._term(term, values)[0] for term in asks.per]
        except ClientError as problem:
            told = problem.response["Error"]
            raise NoData(f"AWS does not say: {told.get('Code')}: {told.get('Message')}") from None
        except BotoCoreError as problem:
            raise NoData(f"AWS does not say: {problem}") from None
        if not (whole := sum(parts)):
            raise NoData(f"{' + '.join(term.said for term in asks.per)} is 0: there is no share of it")
        return Measured(of / whole, detail)

    def _term(self, term: Term, values: Mapping[str, Any]) -> tuple[float, str]:
        if isinstance(term, Given):
            return float(values[term.parameter]), ""
        if isinstance(term, Described):
            return _DESCRIBED[term](self._client(_SERVICES[term], values), values)
        found, newest = self._points(term, values)
        if found:
            return _FOLDS[term.fold](found), f"{_told(term)} until {newest:%H:%M} UTC"
        if term.counts_beside is not None and self._points(term.counts_beside, values)[0]:
            return 0.0, f"{_told(term)}: none reported, {term.counts_beside.name} is"
        raise NoData(f"{term.said} of {_named(term, values)} has no datapoint in the last {term.over_s // 60} minutes")

    def _points(self, metric: Metric, values: Mapping[str, Any]) -> tuple[list[float], datetime]:
        """Its values, the newest first, and when that minute began."""
        now = datetime.now(UTC)
        start = datetime.fromtimestamp((now.timestamp() - metric.over_s) // metric.period_s * metric.period_s, UTC)
        dimensions = [{"Name": n, "Value": values[p]} for n, p in metric.dimensions if values.get(p)]
        stat = {
            "Metric": {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions},
            "Period": metric.period_s,
            "Stat": metric.stat,
        }
        answer = self._client("cloudwatch", values).get_metric_data(
            MetricDataQueries=[{"Id": "it", "MetricStat": stat}],
            StartTime=start,
            EndTime=now + timedelta(seconds=1),
            ScanBy="TimestampDescending",
        )
        (result,) = answer["MetricDataResults"]
        if result.get("StatusCode", "Complete") != "Complete":
            raise NoData(f"{metric.said}: CloudWatch's answer is {result['StatusCode']}")
        found = [value * metric.scale for value in result["Values"]]
        return found, result["Timestamps"][0] if found else now

    def _client(self, service: str, values: Mapping[str, Any]) -> Any:
        """Raises NoData without a region: chaosaws would end the experiment."""
        if service in self._clients:
            return self._clients[service]
        from chaosaws import aws_client

        where = dict(self._configuration) | ({"aws_region": values["region"]} if values.get("region") else {})
        if not (where.get("aws_region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
            raise NoData("no AWS region is known: give region, or set AWS_REGION")
        self._clients[service] = aws_client(service, configuration=where, secrets=dict(self._secrets))
        return self._clients[service]


def _told(metric: Metric) -> str:
    return (
        f"{metric.stat}, {metric.fold}" if metric.fold is not Fold.TOTAL else f"total of {metric.over_s // 60} minutes"
    )


def _named(metric: Metric, values: Mapping[str, Any]) -> str:
    return ", ".join(f"{values[p]}" for _, p in metric.dimensions if values.get(p)) or "this account"


_ANSWERING = (
    "available",
    "backing-up",
    "configuring-enhanced-monitoring",
    "configuring-iam-database-auth",
    "configuring-log-exports",
    "storage-initialization",
    "storage-optimization",
)
"""The statuses in which a database answers as ever: what is done then takes no restart. In any other (modifying, upgrading, storage-full)
it may not."""


def _status(rds: Any, values: Mapping[str, Any]) -> tuple[float, str]:
    status = str(_instance(rds, values)["DBInstanceStatus"])
    return float(status not in _ANSWERING), f"{values['instance']} is {status}"


def _failovers(rds: Any, values: Mapping[str, Any]) -> tuple[float, str]:
    """Of the instance, and of its cluster if it is in one: RDS tells those of Aurora and of Multi-AZ clusters there."""
    instance = _instance(rds, values)  # of an instance that is not there, there are no events either
    cluster = instance.get("DBClusterIdentifier")
    events = _failover_events(rds, "db-instance", instance["DBInstanceIdentifier"])
    events += _failover_events(rds, "db-cluster", cluster) if cluster else []
    looked = f"of {values['instance']}" + (f" and its cluster {cluster}" if cluster else "")
    return float(len(events)), str(max(events, key=lambda e: e["Date"])["Message"]) if events else looked


def _failover_events(rds: Any, kind: str, name: str) -> list[Mapping[str, Any]]:
    query = {"SourceIdentifier": name, "SourceType": kind, "EventCategories": ["failover"]}
    pages = rds.get_paginator("describe_events").paginate(**query, Duration=60)
    since = datetime.now(UTC) - timedelta(hours=1)
    return [e for page in pages for e in page["Events"] if e["Date"] >= since and "failover" in e["EventCategories"]]


def _storage(rds: Any, values: Mapping[str, Any]) -> tuple[float, str]:
    return _instance(rds, values)["AllocatedStorage"] * 1024**3, ""


def _instance(rds: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    (found,) = rds.describe_db_instances(DBInstanceIdentifier=values["instance"])["DBInstances"]
    return dict(found)


def _timeout(functions: Any, values: Mapping[str, Any]) -> tuple[float, str]:
    return float(functions.get_function_configuration(FunctionName=values["function"])["Timeout"]), ""


def _reserved(functions: Any, values: Mapping[str, Any]) -> tuple[float, str]:
    found = functions.get_function_concurrency(FunctionName=values["function"]).get("ReservedConcurrentExecutions")
    if found is None:
        raise NoData(f"nothing is reserved for {values['function']}: ask lambda_concurrency about the account")
    return float(found), ""


def _account(functions: Any, values: Mapping[str, Any]) -> tuple[float, str]:
    return float(functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]), ""


_DESCRIBED: Mapping[Described, Callable[[Any, Mapping[str, Any]], tuple[float, str]]] = {
    Described.DB_STATUS: _status,
    Described.DB_FAILOVERS: _failovers,
    Described.DB_STORAGE: _storage,
    Described.FUNCTION_TIMEOUT: _timeout,
    Described.FUNCTION_RESERVED: _reserved,
    Described.ACCOUNT_CONCURRENCY: _account,
}
_SERVICES = {term: "rds" if term.name.startswith("DB_") else "lambda" for term in Described}
