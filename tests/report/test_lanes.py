"""The upshot of each row of the picture of who noticed: in the words of what was really seen."""

from __future__ import annotations

import pytest

from runner.report import lanes


@pytest.mark.parametrize(
    ("at", "alert", "people"),
    [
        ({}, "no alert fired", "not notified"),
        ({"pending": 2}, "pending only, never fired", "not notified"),
        ({"firing": 4, "received": 5}, "fired after 3s", "not watched"),
        ({"received": 5, "notified": 6}, "received after 4s", "notified after 5s"),
        (
            {"received": 5, "notified": 6, "acknowledged": 16},
            "received after 4s",
            "notified after 5s, acknowledged 10s later",
        ),
    ],
)
def test_alert_and_people_say_what_was_seen_of_them(at: dict[str, float], alert: str, people: str) -> None:
    rows = {lane.name: lane for lane in lanes.lanes({"injected": 0.5, "effective": 1, "undone": 20, **at}, 25, "")}
    assert (rows["alert"].said, rows["people"].said) == (alert, people)
