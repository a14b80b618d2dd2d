"""The checks of AWS services: databases, load balancers, queues, tables, buckets and APIs.

Names, dimensions and statistics are those of the services' own pages on CloudWatch metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner.checks.asks import Aws, Described, Fold, Given, Metric, Term
from runner.checks.check import Bad, Check, Level, Parameter, Unit

INSTANCE = Parameter("instance", "DBInstanceIdentifier", required=True)
_CONNECTIONS = Parameter("max_connections", "max_connections of the database", required=True, number=True)
_BALANCER = (
    Parameter("load_balancer", "as in its ARN: app/shop/50dc6c495c0c9188", required=True),
    Parameter("target_group", "as in its ARN: targetgroup/shop/73e2d6bc24d8a067", required=True),
)
_QUEUE = Parameter("queue", "QueueName", required=True)
_TABLE = Parameter("table", "TableName", required=True)
_OPERATION = Parameter("operation", "GetItem, Query, PutItem, …", required=True)
_BUCKET = (
    Parameter("bucket", "BucketName", required=True),
    Parameter("filter", "FilterId of its request metrics", default="EntireBucket"),
)
_API = (Parameter("api", "ApiName", required=True), Parameter("stage", "Stage; without it all of them"))


def _rds(name: str, scale: float = 1.0) -> Metric:
    return Metric(namespace="AWS/RDS", name=name, dimensions=(("DBInstanceIdentifier", "instance"),), scale=scale)


def _database(
    name: str, what: str, of: Term, limit: float, *per: Term, level: Level = Level.WARNING, bad: Bad = Bad.ABOVE,
    unit: Unit = Unit.COUNT, more: Sequence[Parameter] = ()
) -> Check:  # fmt: skip
    asks = Aws(of=of, per=per, about=(INSTANCE, *more))
    return Check(name=name, about="AWS: RDS", level=level, asks=asks, what=what, bad=bad, limit=limit, unit=unit)


_RDS = (
    _database(
        "rds_unavailable",
        "databases that are not available",
        Described.DB_STATUS,
        0,
        level=Level.CRITICAL,
    ),
    _database("rds_failover", "failover events of the database in the last hour", Described.DB_FAILOVERS, 0),
    _database("rds_cpu", "CPU of the database", _rds("CPUUtilization", 0.01), 0.8, unit=Unit.RATIO),
    _database(
        "rds_connections",
        "connections of the database, of its maximum",
        _rds("DatabaseConnections"),
        0.8,
        Given("max_connections"),
        unit=Unit.RATIO,
        more=(_CONNECTIONS,),
    ),
    _database("rds_memory", "free memory of the database", _rds("FreeableMemory"), 1e9, bad=Bad.BELOW, unit=Unit.BYTES),
    _database(
        "rds_storage",
        "free storage of the database",
        _rds("FreeStorageSpace"),
        10e9,
        bad=Bad.BELOW,
        unit=Unit.BYTES,
        level=Level.CRITICAL,
    ),
    _database(
        "rds_storage_share",
        "free storage of the database, of all it has",
        _rds("FreeStorageSpace"),
        0.1,
        Described.DB_STORAGE,
        bad=Bad.BELOW,
        unit=Unit.RATIO,
        level=Level.CRITICAL,
    ),
    _database("rds_read_latency", "read latency of the database", _rds("ReadLatency"), 0.1, unit=Unit.SECONDS),
    _database("rds_write_latency", "write latency of the database", _rds("WriteLatency"), 0.1, unit=Unit.SECONDS),
)


def _hosts(namespace: str, name: str) -> Metric:
    """The most that any of the load balancer's nodes sees."""
    dimensions = (("LoadBalancer", "load_balancer"), ("TargetGroup", "target_group"))
    return Metric(namespace=namespace, name=name, stat="Maximum", dimensions=dimensions)


def _balancer(kind: str, said: str, namespace: str) -> tuple[Check, Check]:
    healthy, unhealthy = _hosts(namespace, "HealthyHostCount"), _hosts(namespace, "UnHealthyHostCount")
    about = f"AWS: {said}"
    return (
        Check(
            name=f"{kind}_no_healthy_target",
            about=about,
            level=Level.CRITICAL,
            asks=Aws(of=healthy, about=_BALANCER),
            what=f"healthy targets of the {said}",
            bad=Bad.AT_MOST,
            limit=0,
        ),
        Check(
            name=f"{kind}_all_unhealthy",
            about=about,
            level=Level.CRITICAL,
            asks=Aws(of=unhealthy, per=(healthy, unhealthy), about=_BALANCER),
            what=f"unhealthy targets of the {said}, of all",
            bad=Bad.AT_LEAST,
            limit=1,
            unit=Unit.RATIO,
        ),
    )


def _sqs(name: str) -> Metric:
    return Metric(namespace="AWS/SQS", name=name, stat="Maximum", dimensions=(("QueueName", "queue"),))


_SQS = (
    Check(
        name="sqs_age",
        about="AWS: SQS",
        level=Level.WARNING,
        asks=Aws(of=_sqs("ApproximateAgeOfOldestMessage"), about=(_QUEUE,)),
        what="age of the oldest message in the queue",
        limit=900,
        unit=Unit.SECONDS,
    ),
    Check(
        name="sqs_dead_letters",
        about="AWS: SQS",
        level=Level.CRITICAL,
        asks=Aws(of=_sqs("ApproximateNumberOfMessagesVisible"), about=(_QUEUE,)),
        what="messages in the dead-letter queue",
        bad=Bad.AT_LEAST,
        limit=1,
    ),
)


def _dynamo(name: str, *dimensions: tuple[str, str], **more: Any) -> Metric:
    return Metric(namespace="AWS/DynamoDB", name=name, dimensions=dimensions, **more)


def _capacity(kind: str) -> Check:
    table = ("TableName", "table")
    consumed = _dynamo(f"Consumed{kind}CapacityUnits", table, stat="Sum", fold=Fold.HIGHEST, scale=1 / 60)
    provisioned = _dynamo(f"Provisioned{kind}CapacityUnits", table, period_s=300, over_s=900)
    return Check(
        name=f"dynamodb_{kind.lower()}_capacity",
        about="AWS: DynamoDB",
        level=Level.WARNING,
        asks=Aws(of=consumed, per=(provisioned,), about=(_TABLE,)),
        what=f"{kind.lower()} capacity of the table in use, of what is provisioned",
        bad=Bad.AT_LEAST,
        limit=0.8,
        unit=Unit.RATIO,
    )


_LATENCY = _dynamo("SuccessfulRequestLatency", ("TableName", "table"), ("Operation", "operation"), stat="SampleCount")
_DYNAMODB = (
    Check(
        name="dynamodb_user_errors",
        about="AWS: DynamoDB",
        level=Level.WARNING,
        asks=Aws(
            of=_dynamo("UserErrors", stat="Sum", fold=Fold.TOTAL, counts_beside=_LATENCY), about=(_TABLE, _OPERATION)
        ),
        what="requests that DynamoDB refused (400) in five minutes, in the whole account",
        limit=0,
    ),
    Check(
        name="dynamodb_system_errors",
        about="AWS: DynamoDB",
        level=Level.CRITICAL,
        asks=Aws(
            of=_dynamo(
                "SystemErrors",
                ("TableName", "table"),
                ("Operation", "operation"),
                stat="Sum",
                fold=Fold.TOTAL,
                counts_beside=_LATENCY,
            ),
            about=(_TABLE, _OPERATION),
        ),
        what="requests to the table that failed in DynamoDB (500) in five minutes",
        limit=0,
    ),
    _capacity("Read"),
    _capacity("Write"),
)


def _s3(name: str, beside: Metric | None = None) -> Metric:
    dimensions = (("BucketName", "bucket"), ("FilterId", "filter"))
    return Metric(
        namespace="AWS/S3", name=name, stat="Sum", dimensions=dimensions, fold=Fold.HIGHEST, over_s=600, counts_beside=beside
    )  # fmt: skip


_S3 = (
    Check(
        name="s3_4xx",
        about="AWS: S3",
        level=Level.WARNING,
        asks=Aws(of=_s3("4xxErrors", _s3("AllRequests")), about=_BUCKET),
        what="requests to the bucket answered with 4xx in a minute",
        bad=Bad.AT_LEAST,
        limit=10,
    ),
    Check(
        name="s3_5xx",
        about="AWS: S3",
        level=Level.CRITICAL,
        asks=Aws(of=_s3("5xxErrors", _s3("AllRequests")), about=_BUCKET),
        what="requests to the bucket answered with 5xx in a minute",
        bad=Bad.AT_LEAST,
        limit=1,
    ),
)


def _api(name: str, stat: str = "Average", scale: float = 1.0) -> Aws:
    dimensions = (("ApiName", "api"), ("Stage", "stage"))
    return Aws(
        of=Metric(namespace="AWS/ApiGateway", name=name, stat=stat, dimensions=dimensions, scale=scale), about=_API
    )


_API_GATEWAY = (
    Check(
        name="apigateway_latency",
        about="AWS: API Gateway",
        level=Level.WARNING,
        asks=_api("Latency", "p95", 0.001),
        what="p95 latency of the API",
        limit=1,
        unit=Unit.SECONDS,
    ),
    Check(
        name="apigateway_4xx",
        about="AWS: API Gateway",
        level=Level.WARNING,
        asks=_api("4XXError"),
        what="requests to the API answered with 4xx",
        limit=0.05,
        unit=Unit.RATIO,
    ),
    Check(
        name="apigateway_5xx",
        about="AWS: API Gateway",
        level=Level.CRITICAL,
        asks=_api("5XXError"),
        what="requests to the API answered with 5xx",
        limit=0.01,
        unit=Unit.RATIO,
    ),
)

CHECKS = (
    *_RDS,
    *_balancer("alb", "Application Load Balancer", "AWS/ApplicationELB"),
    *_balancer("nlb", "Network Load Balancer", "AWS/NetworkELB"),
    *_SQS,
    *_DYNAMODB,
    *_S3,
    *_API_GATEWAY,
)
