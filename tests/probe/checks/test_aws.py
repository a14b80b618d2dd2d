"""The checks of AWS on a moto server (tests/fakes/cloudwatch.py): no data without datapoints, good up to their limit, bad beyond it.

Metrics, dimensions and units are written here once more, as the services' pages on CloudWatch metrics have them. Every check has a
resource of its own, called like it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest

from runner.checks.check import NoData, Source
from runner.checks.table import CHECKS
from tests.fakes.cloudwatch import ACCESS, REGION, Cloud, cloudwatch
from tests.probe.checks.conftest import call

pytestmark = pytest.mark.slow("a moto server of its own, and a hundred calls")
ELSEWHERE = "us-east-1"
DATABASES = ("rds-storage-share", "rds-unavailable", "rds-meanwhile", "rds-failover")
FUNCTIONS = ("lambda-reserved-concurrency", "lambda-duration", "lambda-duration-critical")
RDS, ALB, NLB, SQS = "AWS/RDS", "AWS/ApplicationELB", "AWS/NetworkELB", "AWS/SQS"
DYNAMO, S3, API, LAMBDA, INSIGHTS = "AWS/DynamoDB", "AWS/S3", "AWS/ApiGateway", "AWS/Lambda", "LambdaInsights"
Names = dict[str, str]
INSTANCE, DB, QUEUED, QUEUE = ("instance",), ("DBInstanceIdentifier",), ("queue",), ("QueueName",)
BALANCER, TARGETS = ("load_balancer", "target_group"), ("LoadBalancer", "TargetGroup")
FUNCTION, NAMED, INSIDE = ("function",), ("FunctionName",), ("function_name",)
GIB = 1024**3

OF_ONE = [
    ("rds_cpu", INSTANCE, RDS, "CPUUtilization", DB, 80, 80.1),
    ("rds_memory", INSTANCE, RDS, "FreeableMemory", DB, 1e9, 0.99e9),
    ("rds_storage", INSTANCE, RDS, "FreeStorageSpace", DB, 10e9, 9.9e9),
    ("rds_storage_share", INSTANCE, RDS, "FreeStorageSpace", DB, 2.1 * GIB, 1.9 * GIB),
    ("rds_read_latency", INSTANCE, RDS, "ReadLatency", DB, 0.1, 0.11),
    ("rds_write_latency", INSTANCE, RDS, "WriteLatency", DB, 0.1, 0.11),
    ("alb_no_healthy_target", BALANCER, ALB, "HealthyHostCount", TARGETS, 1, 0),
    ("nlb_no_healthy_target", BALANCER, NLB, "HealthyHostCount", TARGETS, 1, 0),
    ("sqs_age", QUEUED, SQS, "ApproximateAgeOfOldestMessage", QUEUE, 900, 901),
    ("sqs_dead_letters", QUEUED, SQS, "ApproximateNumberOfMessagesVisible", QUEUE, 0, 1),
    ("apigateway_latency", ("api",), API, "Latency", ("ApiName",), 1000, 1001),
    ("apigateway_4xx", ("api", "stage"), API, "4XXError", ("ApiName", "Stage"), 0.05, 0.06),
    ("apigateway_5xx", ("api",), API, "5XXError", ("ApiName",), 0.01, 0.02),
    ("lambda_errors", FUNCTION, LAMBDA, "Errors", NAMED, 0, 1),
    ("lambda_throttles", FUNCTION, LAMBDA, "Throttles", NAMED, 0, 1),
    ("lambda_concurrency", (), LAMBDA, "ConcurrentExecutions", (), 800, 801),
    ("lambda_reserved_concurrency", FUNCTION, LAMBDA, "ConcurrentExecutions", NAMED, 80, 81),
    ("lambda_duration", FUNCTION, LAMBDA, "Duration", NAMED, 8000, 8001),
    ("lambda_duration_critical", FUNCTION, LAMBDA, "Duration", NAMED, 9500, 9501),
    ("lambda_memory", FUNCTION, INSIGHTS, "memory_utilization", INSIDE, 90, 91),
    ("lambda_iterator_age", FUNCTION, LAMBDA, "IteratorAge", NAMED, 3_600_000, 3_600_001),
]
"""Arguments, metric, dimensions; a value at the good side of the limit and one beyond it."""
OF_TWO = [
    ("rds_connections", ("instance",), RDS, DB, {}, {"DatabaseConnections": 80}, {"DatabaseConnections": 81}),
    ("alb_all_unhealthy", BALANCER, ALB, TARGETS, {"HealthyHostCount": 1}, {"UnHealthyHostCount": 2}, {"HealthyHostCount": 0}),
    ("nlb_all_unhealthy", BALANCER, NLB, TARGETS, {"HealthyHostCount": 1}, {"UnHealthyHostCount": 2}, {"HealthyHostCount": 0}),
    ("dynamodb_read_capacity", ("table",), DYNAMO, ("TableName",), {"ProvisionedReadCapacityUnits": 10},
     {"ConsumedReadCapacityUnits": 479}, {"ConsumedReadCapacityUnits": 480}),
    ("dynamodb_write_capacity", ("table",), DYNAMO, ("TableName",), {"ProvisionedWriteCapacityUnits": 10},
     {"ConsumedWriteCapacityUnits": 479}, {"ConsumedWriteCapacityUnits": 480}),
    ("dynamodb_system_errors", ("table", "operation"), DYNAMO, ("TableName", "Operation"), {},
     {"SuccessfulRequestLatency": 5}, {"SystemErrors": 1}),
    ("s3_4xx", ("bucket", "filter"), S3, ("BucketName", "FilterId"), {}, {"AllRequests": 100}, {"4xxErrors": 10}),
    ("s3_5xx", ("bucket", "filter"), S3, ("BucketName", "FilterId"), {}, {"AllRequests": 100}, {"5xxErrors": 1}),
]  # fmt: skip
"""Arguments, namespace, dimensions; what says nothing yet, what makes it good then, and what makes it bad after that."""
APART = ("dynamodb_user_errors", "lambda_cold_starts", "rds_unavailable", "rds_failover")
"""Those with tests of their own."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """With databases of 20 GiB, and functions that may take ten seconds and be there a hundred times."""
    with cloudwatch() as found, pytest.MonkeyPatch.context() as patch:
        for name, value in {**ACCESS, "aws_default_region": REGION, "aws_endpoint_url": found.url}.items():
            patch.setenv(name.upper(), value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # chaosaws keeps the first one of a process
        for name in DATABASES:
            client("rds").create_db_instance(
                DBInstanceIdentifier=name, Engine="postgres", DBInstanceClass="db.t3.micro", AllocatedStorage=20,
                MasterUsername="u", MasterUserPassword="hunter22"
            )  # fmt: skip
        role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        for name in FUNCTIONS:
            client("lambda").create_function(
                FunctionName=name, Runtime="python3.12", Role=role, Handler="x.y", Code={"ZipFile": _zip()}, Timeout=10
            )
        client("lambda").put_function_concurrency(FunctionName=FUNCTIONS[0], ReservedConcurrentExecutions=100)
        yield found
    client.cache_clear()


@cache
def client(service: str, region: str = REGION) -> Any:
    return boto3.session.Session(**ACCESS).client(service, region_name=region)


def _zip() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("x.py", "")
    return held.getvalue()


def put(namespace: str, metric: str, dimensions: Names, *values: float, age_s: float, region: str = REGION) -> None:
    """Datapoints of so long ago."""
    at, named = datetime.now(UTC) - timedelta(seconds=age_s), [{"Name": n, "Value": v} for n, v in dimensions.items()]
    data = [{"MetricName": metric, "Dimensions": named, "Value": value, "Timestamp": at} for value in values]
    client("cloudwatch", region).put_metric_data(Namespace=namespace, MetricData=data)


def test_every_check_of_aws_is_tested_here() -> None:
    tested = {row[0] for row in (*OF_ONE, *OF_TWO)} | set(APART)
    assert {name for name, row in CHECKS.items() if row.asks.source is Source.AWS} == tested


@pytest.mark.parametrize(
    ("name", "arguments", "namespace", "metric", "dimensions", "good", "bad"), OF_ONE, ids=[row[0] for row in OF_ONE]
)
def test_a_metric_decides(
    cloud: Cloud, name: str, arguments: tuple[str, ...], namespace: str, metric: str, dimensions: tuple[str, ...], good: float,
    bad: float
) -> None:  # fmt: skip
    region = REGION if arguments else ELSEWHERE  # without dimensions moto gives the sum of all that are called so
    its = name.replace("_", "-")
    given = dict.fromkeys(arguments, its) | {"region": region}
    with pytest.raises(NoData, match="has no datapoint in the last"):
        call(name, **given)
    put(namespace, metric, dict.fromkeys(dimensions, its), good, age_s=150, region=region)
    assert call(name, **given).startswith("good: ")
    put(namespace, metric, dict.fromkeys(dimensions, its), bad, age_s=80, region=region)
    assert call(name, **given).startswith("bad: ")


@pytest.mark.parametrize(
    ("name", "arguments", "namespace", "dimensions", "before", "good", "bad"), OF_TWO, ids=[row[0] for row in OF_TWO]
)
def test_two_metrics_decide(
    cloud: Cloud, name: str, arguments: tuple[str, ...], namespace: str, dimensions: tuple[str, ...], before: dict[str, float],
    good: dict[str, float], bad: dict[str, float]
) -> None:  # fmt: skip
    given: dict[str, Any] = dict.fromkeys(arguments, name) | ({"max_connections": 100} if "connections" in name else {})
    for found, age_s, said in ((before, 290, ""), (good, 150, "good: "), (bad, 80, "bad: ")):
        for metric, value in found.items():
            put(namespace, metric, dict.fromkeys(dimensions, name), value, age_s=age_s)
        if said:
            assert call(name, **given).startswith(said)
        else:
            with pytest.raises(NoData, match="has no datapoint in the last"):
                call(name, **given)


def test_errors_of_the_account_are_none_where_the_table_was_read(cloud: Cloud) -> None:
    given, name = {"table": "carts", "operation": "Query"}, {"TableName": "carts", "Operation": "Query"}
    with pytest.raises(NoData, match="UserErrors, Sum of this account has no datapoint"):
        call("dynamodb_user_errors", **given)
    put(DYNAMO, "SuccessfulRequestLatency", name, 4, age_s=150)
    assert "0 (total of 5 minutes: none reported, SuccessfulRequestLatency is)" in call("dynamodb_user_errors", **given)
    put(DYNAMO, "UserErrors", {}, 2, age_s=80)
    assert call("dynamodb_user_errors", **given).startswith("bad: ")


def test_cold_starts_are_counted_among_the_invocations(cloud: Cloud) -> None:
    put(LAMBDA, "Invocations", {"FunctionName": "cold"}, *[1] * 20, age_s=100)
    with pytest.raises(
        NoData, match="init_duration, SampleCount of cold has no datapoint"
    ):  # it may lack Lambda Insights
        call("lambda_cold_starts", function="cold")
    put(INSIGHTS, "memory_utilization", {"function_name": "cold"}, 20, age_s=100)
    assert ": 0 % (" in call("lambda_cold_starts", function="cold")
    put(INSIGHTS, "init_duration", {"function_name": "cold"}, 130, age_s=100)
    assert call("lambda_cold_starts", function="cold").startswith(
        "good: cold starts of the function, of its invocations in five minutes: 5 %"
    )
    put(INSIGHTS, "init_duration", {"function_name": "cold"}, 130, age_s=90)
    assert call("lambda_cold_starts", function="cold").startswith("bad: ")


def test_a_database_that_is_stopped_is_not_available(cloud: Cloud) -> None:
    assert "(rds-unavailable is available)" in call("rds_unavailable", instance="rds-unavailable")
    client("rds").stop_db_instance(DBInstanceIdentifier="rds-unavailable")
    assert call("rds_unavailable", instance="rds-unavailable").startswith(
        "bad: databases that are not available: 1 (rds-unavailable is stopped)"
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("backing-up", "good"),
        ("storage-optimization", "good"),
        ("configuring-log-exports", "good"),
        ("modifying", "bad"),
        ("storage-full", "bad"),
        ("rebooting", "bad"),
    ],
)
def test_a_database_that_answers_meanwhile_is_available(cloud: Cloud, status: str, said: str) -> None:
    arn = client("rds").describe_db_instances(DBInstanceIdentifier="rds-meanwhile")["DBInstances"][0]["DBInstanceArn"]
    client("rds").add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "status", "Value": status}])
    found = call("rds_unavailable", instance="rds-meanwhile")
    assert (found.split(":")[0], f"(rds-meanwhile is {status})" in found) == (said, True)


def test_a_failover_is_seen(cloud: Cloud) -> None:
    assert call("rds_failover", instance="rds-failover").startswith("good: ")
    client("rds").reboot_db_instance(DBInstanceIdentifier="rds-failover", ForceFailover=True)
    assert call("rds_failover", instance="rds-failover").startswith(
        "bad: failover events of the database in the last hour: 1 (Multi-AZ"
    )


def test_a_failover_of_its_cluster_is_one_of_the_database(cloud: Cloud) -> None:
    """As of Aurora: the events are the cluster's, and the instance has none."""
    client("rds").create_db_cluster(
        DBClusterIdentifier="shop", Engine="aurora-postgresql", MasterUsername="u", MasterUserPassword="hunter22"
    )
    for name in ("shop-1", "shop-2"):
        client("rds").create_db_instance(
            DBInstanceIdentifier=name, DBClusterIdentifier="shop", Engine="aurora-postgresql", DBInstanceClass="db.r5.large"
        )  # fmt: skip
    said = call("rds_failover", instance="shop-1")
    assert (said[:5], "(of shop-1 and its cluster shop)" in said) == ("good:", True)
    client("rds").failover_db_cluster(DBClusterIdentifier="shop")
    for name in ("shop-1", "shop-2"):
        assert call("rds_failover", instance=name).startswith(
            "bad: failover events of the database in the last hour: 1 (Completed"
        )


@pytest.mark.parametrize("name", ["rds_unavailable", "rds_failover"])
def test_a_database_that_is_not_there_is_no_data(cloud: Cloud, name: str) -> None:
    with pytest.raises(NoData, match="DBInstanceNotFound"):
        call(name, instance="nowhere")


def test_a_datapoint_that_is_too_old_is_no_data(cloud: Cloud) -> None:
    put(RDS, "CPUUtilization", {"DBInstanceIdentifier": "old"}, 1, age_s=400)
    with pytest.raises(NoData, match="has no datapoint in the last 5 minutes"):
        call("rds_cpu", instance="old")


def test_without_a_region_there_is_no_data(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(NoData, match="no AWS region is known"):
        call("rds_cpu", instance="shop")
    put(RDS, "CPUUtilization", {"DBInstanceIdentifier": "shop"}, 1, age_s=90)
    assert call("rds_cpu", instance="shop", configuration={"aws_region": REGION}).startswith("good: ")


def test_an_account_that_cannot_be_reached_is_no_data(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(NoData, match="AWS does not say: Could not connect to the endpoint URL"):
        call("rds_cpu", instance="shop")
