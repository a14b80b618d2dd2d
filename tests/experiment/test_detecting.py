"""One system a list item under `detection:`, and nothing that would be ignored in silence."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from runner.experiment.detecting import Detection, Expectations


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"prometheus": "http://p", "alertmanager": "http://a"}, "one system a list item"),
        ({"alertmanager": "http://a", "burn_rate": 6}, "are of our own rule, not of alertmanager"),
        ({"match": {"a": "b"}}, "say which system"),
        ({"alertmanager": "a:9093"}, "is not an http or https URL"),
        ({"prometheus": "http://ann:secret@p"}, "a URL with user and password in it"),
        ({"webhook": "127.0.0.1"}, "is not host:port"),
        ({"webhook": "127.0.0.1:99999"}, "is not host:port"),
        ({"grafana": "grafana:3000"}, "is not an http or https URL"),
        ({"pagerduty": "PSHOP01"}, "PagerDuty wants a token"),
        ({"cloudwatch": []}, "nothing is named"),
        ({"pagerduty": ["Web shop", ""], "secrets": "pager"}, "nothing is named"),
        ({"cloudwatch": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:shop"}, "write the name, 'shop', and region:"),
        ({"prometheus": "http://p", "region": "eu-west-1"}, "region is of cloudwatch, not of prometheus"),
        ({"grafana": "http://g", "endpoint": "http://e"}, "endpoint is of cloudwatch and pagerduty, not of grafana"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Detection.model_validate(given)


def test_each_kind_says_where_it_is_and_our_own_rule_is_none() -> None:
    kinds = [{"prometheus": "http://p"}, {"webhook": "[::1]:99"}, {"source": "pager", "target": "here"}, {},
             {"cloudwatch": ["errors", "latency"]}, {"pagerduty": "Shop", "secrets": "pager"}]  # fmt: skip
    found = [Detection.model_validate(k) for k in kinds]
    assert [(d.kind, d.where) for d in found] == [
        ("prometheus", "http://p"), ("webhook", "[::1]:99"), ("pager", "here"), (None, ""),
        ("cloudwatch", "errors, latency"), ("pagerduty", "Shop")
    ]  # fmt: skip
    assert found[-1].particulars["named"] == ("Shop",)


def test_a_finding_that_does_not_exist_cannot_fail_a_run() -> None:
    with pytest.raises(ValidationError):
        Expectations.model_validate({"alerts": ["mising"]})
