"""Grafana's own words for the states of an alert, as it answers: what fires, what does not, and since when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from runner import errors
from runner.probe.alerts import source
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Seen
from tests.fakes.grafana import RECEIVED, RULES, Json, alert, grafana, rule


def looks(*answers: Json, received: Sequence[Json] = (), token: str = "") -> list[Sequence[Seen]]:
    """What the source tells at each answer of the rules, one after the other."""
    now: dict[str, Any] = {RULES: answers[0], f"{RECEIVED}/api/v2/alerts": received}

    def says(path: str) -> tuple[Any, int]:
        found = now.get(path.partition("?")[0])
        return found, 200 if found is not None else 403

    async def whole(url: str) -> list[Sequence[Seen]]:
        found = source.build(Setting(kind="grafana", target=url, access={"token": "grafana-hunter2"}))
        told = []
        try:
            assert (await found.open()).parts == {"evaluation": 10.0, "for": 60.0, "group_wait": 30.0}
            for answer in answers:
                now[RULES] = answer
                told.append(await found.poll())
        finally:
            await found.close()
        return told

    with grafana(says, token) as url:
        return asyncio.run(whole(url))


WALL_S, MONO_NS = time.time(), time.monotonic_ns()
"""One moment on both clocks: what `at` dates and `ago` reads, so that a slow machine changes neither."""


def at(seconds: float) -> str:
    """That many seconds before that moment."""
    return datetime.fromtimestamp(WALL_S - seconds, tz=UTC).isoformat()


def ago(seen: Seen) -> float:
    return (MONO_NS - seen.mono_ns) / 1e9


def test_an_alert_is_dated_by_the_state_it_is_in() -> None:
    told = looks(
        rule(alert("Normal", at(500))),
        rule(alert("Pending", at(90))),
        rule(alert("Alerting", at(30))),
        rule(alert("Recovering", at(20))),
        rule(alert("Normal", at(10))),
    )
    assert [[s.stage for s in seen] for seen in told] == [[], ["pending"], ["firing"], [], ["resolved"]]
    assert [round(ago(s)) for seen in told for s in seen] == pytest.approx([90, 30, 10], abs=1)


def test_no_data_fires_only_where_the_rule_says_so_and_never_ends_an_alert() -> None:
    told = looks(
        rule(alert("NoData", at(99)), alert("Error", at(99), part="a")),
        rule(alert("Alerting (NoData)", at(80)), alert("Error", at(99), part="a")),
        rule(alert("NoData", at(70)), alert("Normal (MissingSeries)", at(70), part="a")),
        rule(alert("Normal (MissingSeries)", at(60)), alert("Normal", at(70), part="a")),
    )
    assert [[s.stage for s in seen] for seen in told] == [[], ["pending", "firing"], [], ["resolved"]]
    assert ago(told[1][0]) == pytest.approx(80 + 60, abs=1)
    assert told[1][0].error_s >= 10  # nobody saw it pend: it follows from `for`


def test_what_its_alertmanager_received_belongs_to_the_rules_alert_or_is_one_of_its_own() -> None:
    times = {"startsAt": at(5), "updatedAt": at(4), "endsAt": at(-86400)}
    ours = {"fingerprint": "f1", "labels": alert("", "")["labels"] | {"__alert_rule_uid__": "u"}, **times}
    other = {"fingerprint": "f2", "labels": {"alertname": "DatasourceNoData", "rulename": "ShopErrors"}, **times}
    (told,) = looks(rule(alert("Alerting", at(5))), received=[ours, other])
    assert [(s.alert, s.stage) for s in told] == [
        *(("ShopErrors", stage) for stage in ("pending", "firing", "received")),
        *(("DatasourceNoData", stage) for stage in ("firing", "received")),
    ]
    assert len({s.key for s in told}) == 2
    assert {s.source for s in told} == {"grafana"}


def test_a_token_that_is_not_taken_and_a_grafana_without_rules_are_errors() -> None:
    with pytest.raises(errors.EnvironmentFailure, match=r"Grafana at .*: it answers 401") as caught:
        looks(rule(), token="another")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(errors.EnvironmentFailure, match="has no alerting rule"):
        looks({"status": "success", "data": {"groups": []}})
