"""CloudWatch: alarms of Amazon CloudWatch as their history tells when they fired and when they were well again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from runner.probe.alerts.dating import Answer, RemoteClock
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen

_BOTH = ["MetricAlarm", "CompositeAlarm"]
_MOST_PAGES = 10
_HINTS = {
    "AccessDenied": "it needs cloudwatch:DescribeAlarms, and cloudwatch:DescribeAlarmHistory to date every change",
    "ExpiredToken": "the session has expired: sign in again",
    "InvalidClientTokenId": "are its credentials right?",
    "UnrecognizedClient": "are its credentials right?",
    "SignatureDoesNotMatch": "are its credentials right?",
}
_LOST = {
    "NoRegionError": "add region: to it, or set AWS_REGION",
    "NoCredentialsError": "add secrets: to it, or sign in as for the aws command",
}


def build(setting: Setting) -> CloudWatchSource:
    """The source of a Setting whose options name alarms (`named`), and `region` and `endpoint` if the AWS chain does not."""
    return CloudWatchSource(setting)


@dataclass
class _AlarmState:
    """An alarm as we saw it last; it fires from ALARM until OK: without data nobody can say that it is over."""

    labels: Mapping[str, str]
    state: str = "OK"
    firing: bool = False
    updated: datetime | None = None
    at: datetime | None = None
    """When it got into its state."""
    seen_ns: int = 0


class CloudWatchSource:
    """Dated by the alarm's history; where that may not be read, by the alarm itself, as exactly as it says.

    boto3 blocks, so it is asked on a thread; twice at most, and no longer than half the timeout each time.
    """

    every_s = 1.9  # not a whole second: each `Date` then says something new about its clock
    stages = ("firing", "resolved")

    def __init__(self, setting: Setting) -> None:
        self.name = "cloudwatch"
        self._setting = setting
        self._named: tuple[str, ...] = tuple(setting.options["named"])
        self._dating = RemoteClock(setting, f"the detection source CloudWatch ({', '.join(self._named)})")
        self._client: Any = None
        self._known: dict[str, _AlarmState] = {}

    async def open(self) -> Floor:
        """Raises EnvironmentFailure, also for an alarm that is not there: its silence would say nothing."""
        await asyncio.to_thread(self._connect)
        alarms, _ = await self._describe()
        there = {alarm["AlarmName"] for alarm in alarms}
        if missing := [name for name in self._named if name not in there]:
            hint = "names are told apart by case; is it in this region?"
            raise self._dating.failure(f"there is no alarm {' and no '.join(missing)}", hint)
        for alarm in alarms:
            self._known[alarm["AlarmName"]] = _AlarmState(await self._labels(alarm))
        return Floor(parts=_floor(alarms))

    def _connect(self) -> None:
        """With the usual AWS chain, or what the secrets say. Raises EnvironmentFailure."""
        import boto3  # half a second
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        half_s = self._setting.timeout_s / 2
        config = Config(connect_timeout=half_s, read_timeout=half_s, retries={"total_max_attempts": 2})
        access = self._setting.access
        given = {name: access.get(name) for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")}
        where = {
            "region_name": self._setting.options.get("region"),
            "endpoint_url": self._setting.options.get("endpoint"),
        }
        try:
            session = boto3.session.Session(**given, profile_name=access.get("aws_profile_name"))
            self._client = session.client("cloudwatch", config=config, verify=access.get("ca_file"), **where)
        except (BotoCoreError, ValueError) as problem:
            raise self._dating.failure(str(problem), _LOST.get(type(problem).__name__)) from None

    async def _labels(self, alarm: Mapping[str, Any]) -> Mapping[str, str]:
        """Its name, metric and dimensions, and its tags if we may see them: there a team says what is whose."""
        from botocore.exceptions import ClientError

        found = {
            "alertname": alarm["AlarmName"],
            "namespace": alarm.get("Namespace"),
            "metric": alarm.get("MetricName"),
        }
        found |= {dimension["Name"]: dimension["Value"] for dimension in alarm.get("Dimensions") or ()}
        try:
            tags = (await self._ask("list_tags_for_resource", ResourceARN=alarm["AlarmArn"])).body["Tags"]
        except ClientError:
            tags = ()
        found |= {tag["Key"]: tag["Value"] for tag in tags}
        return {name: value for name, value in found.items() if value}

    async def poll(self) -> Sequence[Seen]:
        alarms, answer = await self._describe()
        seen: list[Seen] = []
        for alarm in alarms:
            known = self._known.get(alarm["AlarmName"])
            if known is not None and self._setting.matches(known.labels):
                seen += await self._look(alarm, known, answer)
        return seen

    async def _look(self, alarm: Mapping[str, Any], known: _AlarmState, answer: Answer) -> list[Seen]:
        seen: list[Seen] = []
        if (alarm["StateValue"], alarm["StateUpdatedTimestamp"]) != (known.state, known.updated):
            changes = await self._history(alarm["AlarmName"], known.at) if known.at else []
            said = replace(answer, raw=_json(alarm))
            for state, at, extra_s, told in [*changes, (*_now(alarm, known, answer), said)]:
                if state != known.state or known.at is None:
                    known.state, known.at = state, at
                    seen += self._turn(known, extra_s, told)
        known.updated, known.seen_ns = alarm["StateUpdatedTimestamp"], answer.mono_ns
        return seen

    def _turn(self, known: _AlarmState, extra_s: float, told: Answer) -> Iterator[Seen]:
        """What its new state means to us, if anything."""
        firing = known.state == "ALARM" or (known.firing and known.state != "OK")
        if firing != known.firing and known.at is not None:
            known.firing, name = firing, known.labels["alertname"]
            stage, moment = "firing" if firing else "resolved", self._dating.moment(known.at)
            yield self._dating.seen(self.name, stage, known.labels, name, moment, told, extra_s)

    async def _history(self, name: str, since: datetime) -> list[tuple[str, datetime, float, Answer]]:
        """Every change of state after a moment, in order; none where we may not read it. Raises EnvironmentFailure."""
        from botocore.exceptions import ClientError

        query = {"AlarmName": name, "AlarmTypes": _BOTH, "HistoryItemType": "StateUpdate", "StartDate": since}
        changes = []
        for _ in range(_MOST_PAGES):
            try:
                answer = await self._ask("describe_alarm_history", **query, ScanBy="TimestampAscending")
            except ClientError:
                return []
            for item in answer.body["AlarmHistoryItems"]:
                state = json.loads(item["HistoryData"])["newState"]["stateValue"]
                if item["Timestamp"] > since:
                    changes.append((state, item["Timestamp"], 0.0, replace(answer, raw=_json(item))))
            if not answer.body.get("NextToken"):
                break
            query["NextToken"] = answer.body["NextToken"]
        return sorted(changes, key=lambda change: change[1])

    async def _describe(self) -> tuple[list[Mapping[str, Any]], Answer]:
        """The alarms as they are now. Raises EnvironmentFailure."""
        from botocore.exceptions import ClientError

        try:
            answer = await self._ask("describe_alarms", AlarmNames=list(self._named), AlarmTypes=_BOTH)
        except ClientError as problem:
            code = str(problem.response["Error"].get("Code"))
            why = f"{code}: {problem.response['Error'].get('Message')}"
            raise self._dating.failure(why, _HINTS.get(code.removesuffix("Exception"))) from None
        return [*answer.body.get("MetricAlarms", ()), *answer.body.get("CompositeAlarms", ())], answer

    async def _ask(self, operation: str, **asked: Any) -> Answer:
        """Raises EnvironmentFailure where it cannot be reached; botocore's ClientError where it refuses."""
        from botocore.exceptions import BotoCoreError

        time = self._setting.clock
        sent = time.now().timestamp()
        try:
            body = await asyncio.to_thread(getattr(self._client, operation), **asked)
        except BotoCoreError as problem:
            raise self._dating.failure(str(problem), _LOST.get(type(problem).__name__)) from None
        received, mono_ns = time.now().timestamp(), time.monotonic()
        self._dating.compare(body.pop("ResponseMetadata")["HTTPHeaders"].get("date"), sent, received)
        return Answer(body, b"", mono_ns)

    async def close(self) -> None:
        if self._client is not None:
            self._client.close()


def _now(alarm: Mapping[str, Any], known: _AlarmState, answer: Answer) -> tuple[str, datetime, float]:
    """Its state, since when, and how wrong that can be (seconds): an update need not be the change itself."""
    if "StateTransitionedTimestamp" in alarm:
        return alarm["StateValue"], alarm["StateTransitionedTimestamp"], 0.0
    since_s = (answer.mono_ns - known.seen_ns) / 1e9 if known.seen_ns else 0.0
    return alarm["StateValue"], alarm["StateUpdatedTimestamp"], since_s


def _floor(alarms: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """How often it looks (ten seconds at the best), and how much of a fault it has to see. Of alarms on one metric only."""
    periods = [
        (a["Period"], a.get("DatapointsToAlarm") or a.get("EvaluationPeriods") or 1) for a in alarms if "Period" in a
    ]
    if not periods:
        return {}
    return {
        "evaluation": max(10.0 if period < 60 else 60.0 for period, _ in periods),
        "for": min(float(period * points) for period, points in periods),
    }


def _json(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, default=str).encode()
