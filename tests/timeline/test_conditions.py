"""What two runs differ in besides their figures: told where both know it, and down to the place in the file."""

from __future__ import annotations

from dataclasses import replace

from runner.timeline import conditions
from runner.timeline.asked import Asked
from runner.timeline.conditions import Conditions
from tests.store.samples import record

BEFORE = Conditions(
    file="pod-kill.yaml",
    digest="a" * 64,
    service="shop",
    context="kind-a",
    guards=("one", "two"),
    targets=("pod/a", "pod/b"),
    variables={"replicas": 2, "gone": 1},
    versions={"chaos-run": "0.1.0", "python": "3.11"},
)


def _told(after: Conditions) -> dict[str, str]:
    return {change.what: f"{change.before} | {change.after}" for change in conditions.changes(BEFORE, after)}


def test_the_same_conditions_have_no_difference() -> None:
    assert _told(BEFORE) == {}


def test_each_difference_is_told_with_both_sides() -> None:
    after = replace(
        BEFORE,
        digest="b" * 64,
        context="kind-b",
        targets=("pod/b", "pod/c"),
        variables={"replicas": 3, "new": "x"},
        versions={"chaos-run": "0.2.0"},
        labels={"team": "checkout"},
    )
    assert _told(after) == {
        "contents": f"{'a' * 12} | {'b' * 12}",
        "context": "kind-a | kind-b",
        "value of replicas": "2 | 3",
        "value of gone": "1 | -",
        "value of new": "- | x",
        "targets": "pod/a | pod/c",
        "chaos-run": "0.1.0 | 0.2.0",
        "label team": "- | checkout",
    }


def test_what_one_side_does_not_know_is_no_difference() -> None:
    assert _told(replace(BEFORE, variables=None, context="", versions={})) == {}


def test_a_record_of_an_older_version_knows_nothing_of_its_variables() -> None:
    assert conditions.of(record("r", asked=None)).variables is None
    assert conditions.of(record("r", asked=Asked(variables={"a": 1}))).variables == {"a": 1}


def test_a_file_is_compared_place_by_place_and_its_secrets_are_not_looked_at() -> None:
    before = {
        "title": "t",
        "secrets": {"k": {"token": "s3cr3t"}},
        "method": [{"name": "kill", "pauses": {"after": 3}}],
        "extensions": [{"objectives": []}],
    }
    after = {
        "title": "t",
        "secrets": {"k": {"token": "other"}},
        "method": [{"name": "kill", "pauses": {"after": 5}}, {"name": "x" * 60}],
        "extensions": [{"objectives": []}],
    }
    assert [change.sentence for change in conditions.document_changes(before, after)] == [
        "method[0].pauses.after: 3 -> 5",
        f"method[1].name: - -> {'x' * 39}…",
    ]
