"""The Litmus driver against a stand-in for its operator: what Litmus says is weighed, and nothing is left of an engine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from runner import codec, errors
from runner.faults import conformance, identity
from runner.faults.cluster_api import ClusterApi, Object
from runner.faults.conformance import Trial
from runner.faults.driver import Activity, FaultTarget, Outcome, Owner, Residue, Setting, State
from runner.faults.litmus import actions, chaos_engine, engines
from runner.faults.litmus.driver import Driver
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from tests.fakes import kube_api, litmus_operator
from tests.fakes.kube_api import KubeApi
from tests.fakes.litmus_operator import FINALIZER, LITMUS, Operator
from tests.faults.test_conformance import SETTING
from tests.waiting import until

PODS = "/api/v1/namespaces/shop/pods"
ENGINES = f"{LITMUS}/shop/chaosengines"
RESULTS = f"{LITMUS}/shop/chaosresults"


@dataclass
class Lab:
    """A cluster with Litmus, three pods of ours and one engine of somebody else's."""

    api: KubeApi
    setting: Setting
    operator: Operator

    def activity(self, fault: str = "pod-network-latency", **more: Any) -> Activity:
        given = {"fault": fault, "ns": "shop", "app_label": "app=shop", "duration_s": 60, "taken_within_s": 10, **more}
        provider = {"type": "python", "module": actions.__name__, "func": "run_fault", "arguments": given}
        return Activity(name="strike", provider=provider, arguments=given)

    @property
    def login(self) -> dict[str, Any]:
        return self.setting.secrets.starting_with("KUBERNETES_")

    def act(self, activity: Activity) -> Any:
        return actions.run_fault(**activity.arguments, secrets=self.login)

    def there_already(self, activity: Activity) -> None:
        """Of the case before: what a time to live has ended lies there until somebody takes it away."""
        with contextlib.suppress(errors.EnvironmentFailure):
            self.act(activity)

    def resolve(self, activity: Activity) -> FaultTarget:
        found = Driver().open(self.setting).resolve(activity)
        assert found is not None
        return found

    def undo(self, target: FaultTarget) -> Outcome:
        return Driver().open(self.setting).undo(_record(target))

    def left(self, target: FaultTarget) -> Residue:
        return Driver().open(self.setting).residue({}, [_record(target)], Kept())

    def engine(self, target: FaultTarget) -> Object:
        return self.api.objects[f"{ENGINES}/{target.before['args']['name']}"]

    def ours(self) -> list[str]:
        """What there is of engines, results and their pods, but for somebody else's."""
        named = [p for p in self.api.objects if p.startswith((ENGINES, RESULTS)) and not p.endswith("/theirs")]
        return named + [p for p, o in self.api.objects.items() if "chaosUID" in (o["metadata"].get("labels") or {})]


def _record(target: FaultTarget) -> UndoRecord:
    (step,) = target.undo
    args = json.loads(json.dumps(codec.encode(step.args)))
    return UndoRecord(number=1, kind=step.kind, what=step.what, args=args)


def pod(name: str, **labels: str) -> Object:
    return {"metadata": {"name": name, "namespace": "shop", "labels": labels}}


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Without an operator."""
    monkeypatch.setattr(identity, "run_id", lambda: SETTING.run)
    api = KubeApi()
    for n in range(3):
        api.put(f"{PODS}/shop-{n}", pod(f"shop-{n}", app="shop"))
    for fault in ("pod-network-latency", "pod-delete"):
        api.put(f"{LITMUS}/shop/chaosexperiments/{fault}", {"metadata": {"name": fault}})
    with kube_api.serving(api) as url:
        setting = kube_api.at(replace(SETTING, context="kind-test"), url)
        operator = Operator(ClusterApi(setting.secrets.starting_with("KUBERNETES_")), "shop")
        yield Lab(api, setting, operator)


@pytest.fixture
def lab(still: Lab) -> Iterator[Lab]:
    with litmus_operator.running(still.operator):
        yield still


@contextlib.contextmanager
def quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What never comes is not waited for as long as in earnest."""
    monkeypatch.setattr(engines, "ENDS_S", 0.5)
    yield


@pytest.mark.parametrize("fault", ["pod-network-latency", "pod-delete"])
def test_conformance(lab: Lab, fault: str) -> None:
    ours, theirs = (
        lab.activity(fault, duration_s=1.5),
        {"metadata": {"name": "theirs"}, "spec": {"engineState": "stop"}},
    )
    trial = Trial(
        setting=lab.setting,
        activity=ours,
        act=lambda: lab.act(ours),
        nothing=lab.activity(fault, app_label="app=typo"),
        others=lambda: lab.api.put(f"{ENGINES}/theirs", theirs),
        untouched=lambda: lab.api.objects[f"{ENGINES}/theirs"]["spec"] == {"engineState": "stop"},
        gone=kube_api.at(SETTING, "http://127.0.0.1:1"),
        leftover=lambda: lab.there_already(ours),
        remove_target=lambda: lab.api.objects.pop(f"{PODS}/shop-0", None),
        restore_target=lambda: lab.api.put(f"{PODS}/shop-0", pod("shop-0", app="shop")),
        troubled=partial(kube_api.troubled, lab.api, lab.setting) if fault == "pod-delete" else None,
        over_s=1.5,
    )
    assert conformance.check(Driver(), trial) == []
    lab.undo(lab.resolve(ours))
    assert lab.ours() == []


def test_the_engine_is_the_runs_own_and_all_its_values_are_text(lab: Lab) -> None:
    target = lab.resolve(ours := lab.activity(env={"NETWORK_LATENCY": 300, "FORCE": True, "PODS_AFFECTED_PERC": 50.0}))
    assert target.note == "1 of 3 pods"
    assert (target.owner, target.ttl_s) == (Owner.SYSTEM, 100)
    lab.act(ours)
    engine = lab.engine(target)
    assert engine["metadata"]["name"].startswith("chaosrun-20260101-000000-test-")
    assert engine["metadata"]["labels"] == {identity.LABEL: SETTING.run}
    (experiment,) = engine["spec"]["experiments"]
    assert {e["name"]: e["value"] for e in experiment["spec"]["components"]["env"]} == {
        "NETWORK_LATENCY": "300",
        "FORCE": "true",
        "PODS_AFFECTED_PERC": "50",
        "TOTAL_CHAOS_DURATION": "60",
    }


@pytest.mark.parametrize(
    ("share", "said"), [(0, "1 of 3"), (1, "1 of 3"), (66, "1 of 3"), (67, "2 of 3"), (100, "3 of 3"), (300, "3 of 3")]
)
def test_the_plan_says_how_many_pods_a_share_is_as_litmus_counts(share: int, said: str, lab: Lab) -> None:
    target = lab.resolve(lab.activity("pod-delete", env={"PODS_AFFECTED_PERC": share}))
    assert target.note == f"{said} pods"


@pytest.mark.parametrize(
    ("env", "seconds"),
    [
        ({}, 60 + 40),
        ({"RAMP_TIME": "60"}, 60 + 40 + 2 * 60),
        ({"SEQUENCE": "serial", "PODS_AFFECTED_PERC": 67}, 2 * (60 + 10) + 30),
        ({"SEQUENCE": "serial", "PODS_AFFECTED_PERC": "50-100"}, 3 * (60 + 10) + 30),
    ],
)
def test_litmus_ends_it_only_after_ramp_times_and_turns(still: Lab, env: dict[str, Any], seconds: int) -> None:
    """Of three pods that the label selects."""
    assert still.resolve(still.activity(env=env)).ttl_s == seconds


def test_a_kill_is_proven_by_the_uid_although_litmus_never_says_injected(lab: Lab) -> None:
    target = lab.resolve(ours := lab.activity("pod-delete"))
    system = Driver().open(lab.setting)
    assert lab.act(ours)["targets"] == ["deployment/shop"]
    said = system.confirm(ours, target)
    assert said.confirmed
    assert said.targets == ("pod/shop/shop-0",)


def test_an_engine_that_strikes_nothing_is_not_confirmed(still: Lab) -> None:
    """That it runs is no proof: neither is its verdict."""
    target = still.resolve(ours := still.activity())
    name = target.before["args"]["name"]
    done = {"engineStatus": "completed", "experiments": [{"status": "Completed", "verdict": "Pass"}]}
    still.api.put(f"{ENGINES}/{name}", {"metadata": {"name": name}, "spec": {"engineState": "stop"}, "status": done})
    assert not Driver().open(still.setting).confirm(ours, target).confirmed


def test_what_an_earlier_engine_of_the_name_did_is_not_taken_for_this_ones(lab: Lab) -> None:
    target = lab.resolve(ours := lab.activity())
    lab.act(ours)
    result = f"{RESULTS}/{target.before['args']['name']}-pod-network-latency"
    assert Driver().open(lab.setting).confirm(ours, target).confirmed
    lab.api.edit(result, {"metadata": {"labels": {"chaosUID": "another"}}})
    assert not Driver().open(lab.setting).confirm(ours, target).confirmed


def test_an_engine_that_is_only_initialized_is_not_applied(lab: Lab) -> None:
    """Live it stayed so for ever when its ChaosExperiment was missing."""
    del lab.api.objects[f"{LITMUS}/shop/chaosexperiments/pod-delete"]
    with pytest.raises(errors.EnvironmentFailure, match="there is no ChaosExperiment pod-delete in the namespace shop"):
        lab.act(lab.activity("pod-delete"))
    wanted = chaos_engine.of(lab.activity("pod-delete", taken_within_s=0.5).arguments)
    with pytest.raises(errors.EnvironmentFailure, match=r"does not run pod-delete within 0\.5 s: .* says: initialized"):
        engines.Engines(ClusterApi(lab.login)).start(wanted, SETTING.run)


def test_without_an_operator_the_action_fails_and_the_engine_goes(still: Lab) -> None:
    target = still.resolve(ours := still.activity(taken_within_s=0.4))
    with pytest.raises(errors.EnvironmentFailure, match="no operator has looked at it"):
        still.act(ours)
    assert still.undo(target).state is State.UNDONE
    assert still.ours() == []


def test_an_operator_that_died_meanwhile_is_told_and_nothing_is_forced(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killing a helper would leave its rules behind."""
    target = lab.resolve(ours := lab.activity())
    lab.act(ours)
    monkeypatch.setattr(lab.operator, "look", lambda: None)
    with quickly(monkeypatch):
        outcome = lab.undo(target)
    assert outcome.state is State.FAILED
    assert "the operator has not stopped the ChaosEngine" in str(outcome.error)
    assert "-runner" in str(outcome.error)
    assert lab.left(target).residue
    assert [p for p in lab.ours() if p.startswith(PODS)]


def test_a_finalizer_that_holds_a_finished_engine_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    target = lab.resolve(ours := lab.activity(duration_s=0.3))
    lab.act(ours)
    until(lambda: lab.engine(target)["status"]["engineStatus"] == "completed", "the engine is over")
    monkeypatch.setattr(lab.operator, "look", lambda: None)
    with quickly(monkeypatch):
        outcome = lab.undo(target)
    assert outcome.state is State.FAILED
    assert FINALIZER in str(outcome.error)


def test_the_stop_that_litmus_writes_itself_is_no_abort(lab: Lab) -> None:
    target = lab.resolve(ours := lab.activity(duration_s=0.3))
    lab.act(ours)
    until(lambda: lab.engine(target)["spec"]["engineState"] == "stop", "Litmus has written stop")
    said = Driver().open(lab.setting).confirm(ours, target)
    assert (said.confirmed, said.targets) == (True, ("pod/shop/shop-0",))
    assert lab.left(target).residue == ()
    assert lab.undo(target).state is State.UNDONE
    assert lab.ours() == []


def test_a_change_that_a_killed_helper_left_is_told_until_its_pod_is_gone(lab: Lab) -> None:
    lab.operator.helper_is_killed = True
    target = lab.resolve(ours := lab.activity())
    lab.act(ours)
    outcome = lab.undo(target)
    assert outcome.state is State.FAILED
    assert "never put back its change in shop pod/shop-0" in str(outcome.error)
    assert "Litmus says that its change is still in shop pod/shop-0" in lab.left(target).residue[0]
    del lab.api.objects[f"{PODS}/shop-0"]
    assert lab.undo(target).state is State.UNDONE
    assert lab.left(target).residue == ()


@pytest.mark.parametrize("in_time", [False, True], ids=["after it was struck", "before it was struck"])
def test_of_a_pod_that_was_replaced_under_the_same_name_nothing_is_left(lab: Lab, in_time: bool) -> None:
    """As a StatefulSet does it. One that was replaced after it was looked up and before the engine began has the change."""
    lab.operator.helper_is_killed = True
    target = lab.resolve(ours := lab.activity())
    lab.act(ours)
    assert lab.undo(target).state is State.FAILED
    new = {"metadata": {**pod("shop-0", app="shop")["metadata"], "uid": "another"}}
    if in_time:
        new["metadata"]["creationTimestamp"] = lab.api.objects[f"{PODS}/shop-1"]["metadata"]["creationTimestamp"]
    lab.api.put(f"{PODS}/shop-0", new)

    assert bool(lab.left(target).residue) == in_time
    assert lab.undo(target).state is (State.FAILED if in_time else State.UNDONE)


NODE = "/api/v1/nodes/n1"


@pytest.mark.parametrize("fault", ["node-drain", "node-taint"])
def test_what_stays_in_a_node_is_told_as_what_it_is(still: Lab, fault: str) -> None:
    still.api.put(NODE, {"metadata": {"name": "n1"}, "spec": {"unschedulable": True}})
    still.api.put(f"{LITMUS}/shop/chaosexperiments/{fault}", {"metadata": {"name": fault}})
    target = still.resolve(still.activity(fault, app_label="", env={"TARGET_NODE": "n1"}))
    name = target.before["args"]["name"]
    ended = {"engineStatus": "stopped", "experiments": [{"status": "Forcefully Aborted"}]}
    still.api.put(f"{ENGINES}/{name}", {"metadata": {"name": name}, "spec": {}, "status": ended})
    left = {"history": {"targets": [{"kind": "node", "name": "n1", "chaosStatus": "injected"}]}}
    result = f"{name}-{fault}"
    still.api.put(f"{RESULTS}/{result}", {"metadata": {"name": result}, "status": left})

    outcome = still.undo(target)
    assert outcome.state is State.FAILED
    assert "never put back its change in node/n1" in str(outcome.error)
    assert "tc, iptables" not in str(outcome.error)
    assert still.left(target).residue == ("Litmus says that its change is still in node/n1",)
    if fault == "node-drain":
        assert "what stays there is a cordon: kubectl uncordon n1" in str(outcome.error)
        still.api.edit(NODE, {"spec": {"unschedulable": None}})
    else:
        assert f"kubectl delete chaosresult {result} -n shop" in str(outcome.error)
        del still.api.objects[f"{RESULTS}/{result}"]
    assert still.undo(target).state is State.UNDONE
    assert still.left(target).residue == ()


def test_an_experiment_that_failed_is_no_success(still: Lab) -> None:
    with litmus_operator.running(still.operator):
        target = still.resolve(ours := still.activity())
        still.act(ours)
    result = f"{RESULTS}/{target.before['args']['name']}-pod-network-latency"
    failed = {"phase": "Error", "verdict": "Error", "errorOutput": {"reason": "no runtime socket"}}
    still.api.edit(result, {"status": {"experimentStatus": failed}})
    said = Driver().open(still.setting).confirm(ours, target)
    assert not said.confirmed
    assert "verdict Error: no runtime socket" in said.sentence


def test_the_rollback_for_plain_chaos_run_stops_what_this_run_started(lab: Lab) -> None:
    lab.act(lab.activity())
    assert len(actions.stop_fault("shop", secrets=lab.login)["stopped"]) == 1
    assert lab.ours() == []


WRONG = {
    "no fault": ({"fault": ""}, "fault has to name a ChaosExperiment"),
    "no pods": ({"app_label": ""}, "app_label has to select the pods"),
    "no time": ({"duration_s": "soon"}, "duration_s has to be a number of seconds"),
    "two durations": ({"env": {"TOTAL_CHAOS_DURATION": 5}}, "it is `duration_s`"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_in_a_sentence(still: Lab, wrong: str) -> None:
    asked, told = WRONG[wrong]
    with pytest.raises(errors.EnvironmentFailure) as problem:
        still.act(still.activity(**asked))
    assert told in problem.value.message


def test_a_cluster_without_litmus_is_told(still: Lab) -> None:
    still.api.objects.clear()
    with pytest.raises(errors.EnvironmentFailure, match="Litmus is not installed"):
        Driver().open(still.setting).check()
