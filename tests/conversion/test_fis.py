"""AWS FIS: the template stays in AWS; the experiment starts it by its id and waits as long as it lasts."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import errors
from tests.conversion import sampled

TEMPLATE = "fis-template.json"


def test_a_template_is_started_by_its_id_in_its_region() -> None:
    found = sampled.of(TEMPLATE)
    (action,) = found.document["method"]
    assert action["provider"]["arguments"] == {"template_id": "EXT3kMnPqRsTuVw"}
    assert found.document["configuration"] == {"aws_region": "eu-west-1"}
    assert f"accept_environment: [{action['name']}]" in found.text


def test_the_method_waits_for_actions_that_start_one_after_another() -> None:
    """Five minutes, and after them an hour, two minutes and three seconds; FIS begins neither at once."""
    assert sampled.of(TEMPLATE).document["method"][0]["pauses"] == {"after": 10 + 300 + 10 + 3723}


def test_an_action_that_states_no_time_is_not_stopped_as_soon_as_it_is_begun() -> None:
    tree = {"actions": {"over": {"actionId": "aws:rds:failover-db-cluster"}}, "targets": {}, "description": "d"}
    found = sampled.quickly(tree)
    assert found.document["method"][0]["pauses"] == {"after": 10 + 60}
    kind, why = sampled.losses(found)["actions.over.parameters.duration"]
    assert kind == "assumed"
    assert "the rollback stops what still runs" in why


def test_the_description_says_what_it_would_do_and_to_whom() -> None:
    said = sampled.of(TEMPLATE).document["description"]
    assert "stop (aws:ec2:stop-instances) for 5m on one (aws:ec2:instance with team=shop; COUNT(1))" in said
    assert "instance/i-0abc" in said


def test_an_alarm_that_stops_it_is_heard_as_detection_and_fis_still_stops_by_it() -> None:
    found = sampled.of(TEMPLATE)
    assert found.document["extensions"][0]["detection"] == [{"cloudwatch": ["shop-errors"], "region": "eu-west-1"}]
    assert sampled.losses(found)["experimentTemplate.stopConditions[0]"][0] == "stays"


def test_what_our_driver_would_refuse_is_said_beforehand() -> None:
    assert "goes on without a target" in sampled.losses(sampled.of(TEMPLATE))["experimentTemplate.experimentOptions"][1]
    assert "accept_no_stop_condition: true" in sampled.of("fis-new-template.json").text


def test_a_template_that_was_never_created_is_named_by_a_variable() -> None:
    found = sampled.of("fis-new-template.json")
    assert found.document["configuration"]["fis_template_id"] == {"type": "env", "key": "FIS_TEMPLATE_ID"}
    assert found.document["method"][0]["provider"]["arguments"] == {"template_id": "${fis_template_id}"}
    assert sampled.losses(found)["id"][0] == "assumed"


def test_a_template_whose_actions_wait_for_each_other_is_refused(tmp_path: Path) -> None:
    action = {"actionId": "aws:fis:wait", "startAfter": ["a"]}
    tree = {"actions": {"a": {**action, "startAfter": ["b"]}, "b": action}, "targets": {}}
    with pytest.raises(errors.InvalidFile, match="starts after itself"):
        sampled.converted(tree, tmp_path)
