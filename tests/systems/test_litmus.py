"""Litmus' real object definitions in a real API server, and a stand-in for its operator: what we write is accepted, the rest refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from runner import errors
from runner.faults import conformance, identity
from runner.faults.cluster_api import ClusterApi, told
from runner.faults.conformance import Trial
from runner.faults.driver import Activity
from runner.faults.litmus import actions, chaos_engine
from runner.faults.litmus.driver import Driver
from tests.fakes import litmus_operator
from tests.fakes.litmus_operator import LITMUS, Operator
from tests.faults.systems import catalogue
from tests.systems.conftest import Api, Systems, created
from tests.waiting import until

pytestmark = [pytest.mark.slow("starts an API server"), pytest.mark.timeout(240), catalogue]
PODS = "/api/v1/namespaces/litmus/pods"
ENGINES = f"{LITMUS}/litmus/chaosengines"


@dataclass(frozen=True)
class Lab:
    """A namespace with Litmus in it."""

    api: Api

    @property
    def objects(self) -> ClusterApi:
        return ClusterApi(self.api.login.entries)

    def activity(self, **more: Any) -> Activity:
        given = {"fault": "pod-delete", "ns": "litmus", "app_label": "app=shop", "duration_s": 2, **more}
        provider = {"type": "python", "module": actions.__name__, "func": "run_fault", "arguments": given}
        return Activity(name="strike", provider=provider, arguments=given)

    def act(self, activity: Activity) -> Any:
        return actions.run_fault(**activity.arguments, secrets=self.api.login.entries)

    def pod(self, name: str) -> None:
        body = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "shop", "image": "none"}]}}
        created(self.objects, PODS, body, name, labels={"app": "shop"})


@pytest.fixture(scope="module")
def lab(systems: Systems, api: Api) -> Iterator[Lab]:
    systems.run("up", "litmus-crds", "--api-only")
    found = Lab(api)
    found.objects.create(
        "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "litmus"}}
    )
    account = "/api/v1/namespaces/litmus/serviceaccounts/default"
    until(lambda: found.objects.get(account), "the namespace has its service account")
    for n in range(3):
        found.pod(f"shop-{n}")
    body = {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosExperiment",
        "spec": {"definition": {"image": "none"}},
    }
    created(found.objects, f"{LITMUS}/litmus/chaosexperiments", body, "pod-delete")
    with litmus_operator.running(Operator(found.objects, "litmus")):
        yield found


@pytest.fixture(autouse=True)
def _run(monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
    monkeypatch.setattr(identity, "run_id", lambda: api.setting.run)


def test_conformance(lab: Lab) -> None:
    ours = lab.activity()
    theirs = {"apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosEngine", "spec": {"engineState": "stop"}}

    def untouched() -> bool:
        found = lab.objects.get(f"{ENGINES}/theirs")
        return found is not None and found["spec"] == theirs["spec"]

    def there_already() -> None:
        with contextlib.suppress(errors.EnvironmentFailure):
            lab.act(ours)

    def taken() -> str:
        return str(lab.objects.items(PODS, labelSelector="app=shop")[0]["metadata"]["name"])

    trial = Trial(
        setting=lab.api.setting,
        activity=ours,
        act=lambda: lab.act(ours),
        nothing=lab.activity(app_label="app=typo"),
        others=lambda: created(lab.objects, ENGINES, theirs, "theirs"),
        untouched=untouched,
        leftover=there_already,
        remove_target=lambda: lab.objects.delete(f"{PODS}/{taken()}"),
        restore_target=lambda: lab.pod("shop-again"),
    )
    assert conformance.check(Driver(), trial) == []


def test_values_that_are_no_text_and_states_that_are_none_are_refused(lab: Lab) -> None:
    """That is why we turn all values into text."""
    body = chaos_engine.of(lab.activity(env={"FORCE": True}).arguments).body("20260101-000000-refused")
    (experiment,) = body["spec"]["experiments"]
    experiment["spec"]["components"]["env"][0]["value"] = 60
    with pytest.raises(errors.EnvironmentFailure, match="HTTP 422"):
        _create(lab, body)
    experiment["spec"]["components"]["env"][0]["value"] = "60"
    body["spec"]["engineState"] = "running"
    with pytest.raises(errors.EnvironmentFailure, match="HTTP 422"):
        _create(lab, body)


def _create(lab: Lab, body: dict[str, Any]) -> None:
    with told("not made"):
        lab.objects.create(ENGINES, body)
