"""A rerun says what is not as it was, and does not strike another cluster than the run did unless a person says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner import plan as plans
from runner.engine.options import Options
from runner.engine.preflight import loading, repeated
from runner.plan.plan import Plan
from runner.timeline.conditions import Conditions, Earlier

METHOD = [{"type": "probe", "name": "look", "provider": {"type": "process", "path": "true"}}]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "e.json"
    path.write_text(json.dumps({"title": "t", "description": "d", "method": METHOD, "rollbacks": []}))
    return str(path)


def _plan(file: str, **earlier: Any) -> Plan:
    """Of a rerun at kind-b of a run that differs from it as is said."""
    options = Options(path=file)
    experiment = loading.read(options)
    plan = plans.draw(experiment, context="kind-b", environment="sandbox", actions=[], locks=[])
    conditions = Conditions(
        file=file, digest=experiment.digest, service="unnamed", context="kind-b", guards=plan.guards
    )
    known = {"run": "then", "conditions": conditions, "document": experiment.document, **earlier}
    if changed := known.pop("changed", None):
        known["conditions"] = replace(conditions, **changed)
    return repeated.compared(replace(options, repeats=Earlier(**known)), experiment, "kind-b", plan)


def test_the_same_again_differs_in_nothing_and_has_the_same_hash(file: str) -> None:
    plan = _plan(file)
    assert (plan.repeats, plan.differs, plan.refusals) == ("then", (), ())
    assert plan.hash == replace(plan, repeats="", differs=()).hash


def test_another_cluster_is_refused_unless_a_person_names_it(file: str) -> None:
    plan = _plan(file, changed={"context": "kind-a"})
    assert plan.refusals == ("the run then struck kind-a, and this one would strike kind-b: say so with --context",)
    assert _plan(file, changed={"context": "kind-a"}, asked_elsewhere=True).refusals == ()


def test_a_changed_file_is_told_by_its_places_and_only_else_by_its_hash(file: str) -> None:
    document = {"title": "t", "description": "d", "method": [{**METHOD[0], "name": "stare"}], "rollbacks": []}
    plan = _plan(file, document=document, changed={"digest": "0" * 64})
    assert [c.sentence for c in plan.differs] == ["method[0].name: stare -> look"]
    (change,) = _plan(file, document=None, changed={"digest": "0" * 64}).differs
    assert (change.what, change.before) == ("contents", "0" * 12)


def test_many_differences_stay_a_short_list(file: str) -> None:
    labels = {f"k{n}": "v" for n in range(20)}
    differs = _plan(file, changed={"labels": labels}).differs
    assert len(differs) == repeated.MOST
    assert differs[-1].sentence == "and besides 13 more differences"
