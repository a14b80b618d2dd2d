"""A record goes out as JSON and comes back the same."""

from __future__ import annotations

import json

from runner.timeline.record import from_json
from tests.store.samples import record


def test_the_round_trip_is_exact() -> None:
    before = record("20261124-120000-aaaa")
    assert from_json(json.loads(json.dumps(before.to_json()))) == before


def test_an_older_record_gets_defaults_and_a_newer_field_is_left_out() -> None:
    document = record("20261124-120000-aaaa").to_json()
    del document["gameday"]
    assert from_json(document | {"of_the_future": 1}).gameday is None
