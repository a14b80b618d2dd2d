"""Chaos Mesh: the driver passes the conformance suite, refuses what would strike more than was wanted, and believes no word alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.experiment import load, variables
from runner.faults import conformance, identity
from runner.faults.chaos_mesh import actions, wanted
from runner.faults.chaos_mesh.driver import Driver
from runner.faults.conformance import Trial, Trouble
from runner.faults.driver import Activity, FaultTarget, Owner, Setting, State
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from tests.fakes.chaos_mesh import FORCED, ChaosMesh, chaos_mesh
from tests.faults.test_conformance import SETTING, NoSecrets
from tests.waiting import until

SHOP = {"namespaces": ["shop"], "labelSelectors": {"app": "shop"}}
TILL = {"namespaces": ["shop"], "labelSelectors": {"app": "till"}}
KILL = {"kind": "PodChaos", "spec": {"action": "pod-kill", "mode": "one", "selector": SHOP}}
FAILURE = {"kind": "PodChaos", "spec": {"action": "pod-failure", "mode": "all", "selector": SHOP}}
CONTAINER = {"action": "container-kill", "mode": "all", "selector": SHOP, "containerNames": ["shop"]}
DELAY = {"action": "delay", "mode": "all", "selector": SHOP, "delay": {"latency": "300ms"}}
CPU = {"mode": "all", "selector": SHOP, "stressors": {"cpu": {"workers": 1, "load": 90}}}
MEMORY = {"mode": "all", "selector": SHOP, "stressors": {"memory": {"workers": 1, "size": "100MB"}}}
SETTING_HERE = replace(SETTING, context="kind-test")


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChaosMesh]:
    monkeypatch.setenv(identity.VARIABLE, SETTING.run)
    identity.run_id.cache_clear()
    with chaos_mesh() as found:
        monkeypatch.setenv("KUBERNETES_HOST", found.url)
        yield found
    identity.run_id.cache_clear()


def inject(**arguments: Any) -> Activity:
    """The action as a file has it, in the shop's namespace."""
    arguments = {"ns": "shop", **arguments}
    provider = {"type": "python", "module": "runner.faults.chaos_mesh.actions", "func": "inject"}
    return Activity(name="strike", provider={**provider, "arguments": arguments}, arguments=arguments)


def lasting(kind: str, spec: Mapping[str, Any], seconds: float = 30, within: float = 1) -> Activity:
    return inject(kind=kind, spec=spec, duration=f"{seconds}s", within=f"{within}s")


def act(activity: Activity) -> list[str]:
    return actions.inject(**activity.arguments)


POD_KILL = Path(__file__).resolve().parents[2] / "experiments" / "pod-kill.chaos-mesh.yaml"


def resolved(activity: Activity) -> FaultTarget:
    found = Driver().open(SETTING_HERE).resolve(activity)
    assert found is not None
    return found


def record(target: FaultTarget) -> UndoRecord:
    (step,) = target.undo
    return UndoRecord(number=1, kind=step.kind, what=step.what, args=dict(step.args))


def failing(activity: Activity) -> str:
    with pytest.raises(errors.EnvironmentFailure) as caught:
        act(activity)
    return caught.value.message


NOBODY = {"namespaces": ["shop"], "labelSelectors": {"app": "nobody"}}
FAULTS = {
    "pod-kill": inject(**KILL),
    "container-kill": inject(kind="PodChaos", spec=CONTAINER),
    "pod-failure": lasting(FAILURE["kind"], FAILURE["spec"], 1),
    "cpu": lasting("StressChaos", CPU, 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_driver_passes_the_conformance_suite(fault: str, mesh: ChaosMesh) -> None:
    activity = FAULTS[fault]
    kind, spec = activity.arguments["kind"], activity.arguments["spec"]
    theirs = {"metadata": {"name": "theirs", "labels": {identity.LABEL: "another"}, "namespace": "shop"}, "kind": kind}
    theirs |= {"spec": {**spec, "selector": TILL}}

    @contextmanager
    def troubled(trouble: Trouble) -> Iterator[Setting]:
        mesh.trouble = trouble.value
        try:
            yield SETTING_HERE
        finally:
            mesh.trouble = ""

    fault_of = wanted.read(SETTING.run, activity.arguments)
    with chaos_mesh() as without:
        without.served = False
        trial = Trial(
            setting=SETTING_HERE,
            activity=activity,
            act=lambda: act(activity),
            nothing=inject(**{**activity.arguments, "spec": {**spec, "selector": NOBODY}}),
            others=lambda: mesh.make(f"{kind.lower()}", "shop", theirs),
            untouched=lambda: any(o["metadata"]["name"] == "theirs" for o in mesh.mine()),
            gone=replace(SETTING_HERE, secrets=At(without.url)),
            leftover=lambda: mesh.make(fault_of.plural, "shop", fault_of.body(SETTING.run)),
            remove_target=lambda: [mesh.pods.pop(key) for key in [*mesh.pods] if key[1].startswith("shop")],
            restore_target=lambda: [mesh.add_pod(f"shop-{n}", "shop") for n in range(3)],
            troubled=troubled,
            limit_s=5.0,
        )
        assert conformance.check(Driver(), trial) == []


class At(NoSecrets):
    """Of an experiment whose secrets lead to this server."""

    def __init__(self, url: str) -> None:
        self._url = url

    def starting_with(self, prefix: str) -> dict[str, Any]:
        return {"KUBERNETES_HOST": self._url}


def changed(activity: Activity, **spec: Any) -> Activity:
    """Without those fields of its spec that are None."""
    found = {k: v for k, v in {**activity.arguments["spec"], **spec}.items() if v is not None}
    return inject(**{**activity.arguments, "spec": found})


LOSS = lasting("NetworkChaos", {"action": "loss", "mode": "all", "selector": SHOP, "loss": {"loss": "10"}})
REFUSED = {
    "no selector": (changed(LOSS, selector=None), "an empty selector takes every pod"),
    "empty selector": (changed(LOSS, selector={}), "an empty selector takes every pod"),
    "empty labels": (changed(LOSS, selector={"namespaces": ["shop"], "labelSelectors": {}}), "labelSelectors is empty"),
    "empty target": (changed(LOSS, target={}), "an empty target means one pod"),
    "empty target selector": (changed(LOSS, target={"mode": "all", "selector": {}}), "an empty target.selector"),
    "direction without target": (changed(LOSS, direction="both"), "direction both needs a target"),
    "no mode": (changed(LOSS, mode=None), "has no mode"),
    "another cluster": (changed(LOSS, remoteCluster="prod"), "remoteCluster strikes another cluster"),
    "no duration": (inject(kind="NetworkChaos", spec=LOSS.arguments["spec"]), "without a duration never ends"),
    "two durations": (changed(LOSS, duration="10s"), "a duration of its own"),
    "no such kind": (inject(kind="KernelChaos", spec={"mode": "one"}, duration="9s"), "does not inject 'KernelChaos'"),
    "no such action": (changed(LOSS, action="melt"), "no action 'melt'"),
    "no container": (changed(FAULTS["container-kill"], containerNames=None), "needs containerNames"),
    "no duration at all": (inject(**{**LOSS.arguments, "duration": "soon"}), "duration: 'soon' is not a duration"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_strike_more_or_longer_than_wanted_is_not_asked(case: str, mesh: ChaosMesh) -> None:
    activity, why = REFUSED[case]
    assert why in failing(activity)
    with pytest.raises(errors.EnvironmentFailure, match="is not asked"):
        resolved(activity)
    assert [call for call in mesh.calls if "POST" in call] == []


def test_an_object_carries_its_run_its_name_and_an_end_with_head_room(mesh: ChaosMesh) -> None:
    strike = lasting("NetworkChaos", DELAY, 60, within=15)
    target = resolved(strike)
    act(strike)
    (made,) = mesh.mine()
    assert made["metadata"]["labels"] == {identity.LABEL: SETTING.run}
    assert made["metadata"]["name"] == record(target).args["name"]
    assert made["spec"]["duration"] == "75s"
    assert target.ttl_s == 75
    assert target.owner == Owner.SYSTEM


def test_what_is_over_when_it_is_done_needs_no_duration(mesh: ChaosMesh) -> None:
    target = resolved(FAULTS["pod-kill"])
    assert target.ttl_s is None
    act(FAULTS["pod-kill"])
    assert "duration" not in mesh.mine()[0]["spec"]


def test_a_pod_that_nobody_makes_again_has_no_owner_of_its_way_back(mesh: ChaosMesh) -> None:
    for pod in mesh.pods.values():
        del pod["metadata"]["ownerReferences"]
    assert resolved(FAULTS["pod-kill"]).owner == Owner.NOBODY


def test_as_many_pods_are_killed_as_the_experiment_of_the_catalogue_is_told(
    mesh: ChaosMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODS_TO_KILL", "2")
    found = load.load(str(POD_KILL))
    given = variables.substitute(found.document["method"][0]["provider"]["arguments"], found.configuration)
    kill = inject(**given)
    target = resolved(kill)
    assert target.note == "fixed 2 of 3 pods"
    act(kill)
    evidence = Driver().open(SETTING_HERE).confirm(kill, target)
    assert evidence.confirmed
    assert len(evidence.targets) == 2


def test_the_action_names_whom_it_hit(mesh: ChaosMesh) -> None:
    assert act(lasting("NetworkChaos", DELAY)) == ["shop-0", "shop-1", "shop-2"]


def test_only_the_side_that_is_disturbed_counts(mesh: ChaosMesh) -> None:
    both = {**DELAY, "target": {"mode": "all", "selector": TILL}}
    assert act(lasting("NetworkChaos", {**both, "direction": "to"})) == ["shop-0", "shop-1", "shop-2"]
    assert act(lasting("NetworkChaos", {**both, "direction": "from"})) == ["till-0", "till-1"]


CHOSEN: dict[str, tuple[dict[str, Any], int]] = {
    "labels": (SHOP, 3),
    "labels of another namespace": ({**SHOP, "namespaces": ["elsewhere"]}, 1),
    "by name, and then by nothing else": ({"pods": {"shop": ["shop-1", "gone"]}, "labelSelectors": {"app": "x"}}, 1),
    "annotations": ({**SHOP, "annotationSelectors": {"canary": "yes"}}, 1),
    "nodes": ({**SHOP, "nodes": ["worker2"]}, 1),
    "phases": ({**SHOP, "podPhaseSelectors": ["Pending"]}, 1),
    "all together": ({**SHOP, "nodes": ["worker2"], "podPhaseSelectors": ["Pending"]}, 0),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_the_plan_names_the_pods_that_the_selector_finds(case: str, mesh: ChaosMesh) -> None:
    selector, count = CHOSEN[case]
    mesh.add_pod("shop-9", "shop", "elsewhere")
    mesh.pods["shop", "shop-0"]["metadata"]["annotations"] = {"canary": "yes"}
    mesh.pods["shop", "shop-1"]["spec"]["nodeName"] = "worker2"
    mesh.pods["shop", "shop-2"]["status"]["phase"] = "Pending"
    target = resolved(lasting("NetworkChaos", {**DELAY, "selector": selector}))
    assert len(target.targets) == count
    assert bool(target.undo) == bool(count)


def test_a_slow_controller_is_waited_for(mesh: ChaosMesh) -> None:
    mesh.way = "late"
    assert act(lasting("NetworkChaos", DELAY, within=20)) == ["shop-0", "shop-1", "shop-2"]


def test_a_selector_that_finds_nobody_is_told_and_its_object_deleted(mesh: ChaosMesh) -> None:
    said = failing(lasting("NetworkChaos", {**DELAY, "selector": NOBODY}))
    assert "its selector finds no pod" in said
    assert "it was deleted again" in said
    assert mesh.mine() == []


def test_a_cluster_whose_controller_does_not_run_is_told(mesh: ChaosMesh) -> None:
    mesh.way = "deaf"
    assert "no controller has taken it" in failing(lasting("NetworkChaos", DELAY))


def test_a_cluster_without_chaos_mesh_is_told(mesh: ChaosMesh) -> None:
    mesh.served = False
    assert "Chaos Mesh is not installed there" in failing(lasting("NetworkChaos", DELAY))
    with pytest.raises(errors.EnvironmentFailure, match="Chaos Mesh is not installed there"):
        Driver().open(SETTING_HERE).check()


def test_an_injection_that_fails_says_recovered_and_is_not_believed(mesh: ChaosMesh) -> None:
    """Seen live: AllRecovered=True is shown while the injection fails, the record waits, and the deletion hangs."""
    mesh.way = "fails"
    strike = lasting("NetworkChaos", DELAY)
    target = resolved(strike)
    said = failing(strike)
    assert "Specified qdisc kind is unknown" in said
    assert "is stuck" in said
    assert FORCED in said
    assert {"type": "AllRecovered", "status": "True"} in mesh.mine()[0]["status"]["conditions"]
    assert not Driver().open(SETTING_HERE).confirm(strike, target).confirmed
    outcome = Driver().open(SETTING_HERE).undo(record(target), hurried=True)
    assert outcome.state is State.FAILED
    assert "is stuck" in str(outcome.error)
    assert FORCED not in str([o["metadata"].get("annotations") for o in mesh.mine()]), "never set by us"
    residue = Driver().open(SETTING_HERE).residue({}, [record(target)], Kept()).residue
    assert len([s for s in residue if "keeps 1 rule(s)" in s]) == 3


def test_rules_that_a_pod_keeps_are_seen_when_the_object_is_gone(mesh: ChaosMesh) -> None:
    strike = lasting("NetworkChaos", DELAY)
    target = resolved(strike)
    name = record(target).args["name"]
    mesh.rules("shop", "shop-1", f"shop/{name}")
    mesh.rules("shop", "shop-2", "shop/theirs")
    outcome = Driver().open(SETTING_HERE).undo(record(target))
    assert outcome.state is State.FAILED
    assert "pod shop/shop-1 keeps 1 rule(s)" in str(outcome.error)
    found = Driver().open(SETTING_HERE).residue({}, [record(target)], Kept())
    assert len(found.residue) == 1


def test_rules_that_may_not_be_looked_at_are_said_to_be_unseen(mesh: ChaosMesh) -> None:
    mesh.forbidden = ("podnetworkchaos",)
    target = resolved(lasting("NetworkChaos", DELAY))
    assert Driver().open(SETTING_HERE).undo(record(target)).state is State.ALREADY
    found = Driver().open(SETTING_HERE).residue({}, [record(target)], Kept())
    assert "not allowed" in found.unseen[0]


def test_what_failed_in_some_pods_is_no_success(mesh: ChaosMesh) -> None:
    mesh.way = "partial"
    said = failing(lasting("NetworkChaos", DELAY))
    assert "is stuck" in said
    assert "(shop/shop-1, shop/shop-2: " in said


@pytest.mark.parametrize("spec", [CPU, MEMORY], ids=["cpu", "memory"])
@pytest.mark.parametrize("measured", ["metrics", "kubelet"])
def test_a_stress_that_says_injected_and_does_nothing_is_not_confirmed(
    spec: dict[str, Any], measured: str, mesh: ChaosMesh
) -> None:
    """The systems' README: memory stress says AllInjected=True with only the original process in the container, 39 MB (asked: 50)."""
    mesh.metrics = measured == "metrics"
    strike = lasting("StressChaos", spec)
    target = resolved(strike)
    assert target.visible
    mesh.way = "lies"
    act(strike)
    found = Driver().open(SETTING_HERE).confirm(strike, target)
    assert not found.confirmed
    assert "shop/shop-0 uses" in found.sentence
    for pod in mesh.pods.values():
        pod["usage"] = {"cpu": 0.4, "memory": 110 * 1024**2}
    assert Driver().open(SETTING_HERE).confirm(strike, target).confirmed


def test_a_stress_that_nobody_can_measure_is_not_claimed_to_be_seen(mesh: ChaosMesh) -> None:
    mesh.metrics = mesh.kubelet = False
    target = resolved(lasting("StressChaos", CPU))
    assert not target.visible
    assert "neither the metrics API nor the kubelets say" in target.note
    mesh.metrics = True
    unsaid = {"mode": "all", "selector": SHOP, "stressngStressors": "--vm 1"}
    target = resolved(lasting("StressChaos", unsaid))
    assert not target.visible
    assert "not to be told from its spec" in target.note


@pytest.mark.parametrize("fault", ["pod-kill", "container-kill", "pod-failure"])
def test_pods_that_are_as_they_were_confirm_nothing(fault: str, mesh: ChaosMesh) -> None:
    target = resolved(FAULTS[fault])
    mesh.way = "lies"
    act(FAULTS[fault])
    found = Driver().open(SETTING_HERE).confirm(FAULTS[fault], target)
    assert not found.confirmed
    assert found.sentence.startswith("0 of ")


def test_a_pod_that_was_on_its_way_out_proves_no_kill(mesh: ChaosMesh) -> None:
    leaving = mesh.pods["shop", "shop-0"]["metadata"]
    leaving["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    target = resolved(FAULTS["pod-kill"])
    assert target.targets == ("pod/shop/shop-1", "pod/shop/shop-2")
    assert "on their way out already, and no target: 1" in target.note
    act(FAULTS["pod-kill"])  # of the first pod, which is the one that leaves
    found = Driver().open(SETTING_HERE).confirm(FAULTS["pod-kill"], target)
    assert not found.confirmed, found.sentence
    assert found.sentence.endswith("left out, for they were on their way out before: shop/shop-0")


def test_a_pod_that_goes_now_is_proof_beside_one_that_was_going(mesh: ChaosMesh) -> None:
    mesh.pods["shop", "shop-0"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    every = changed(FAULTS["pod-kill"], mode="all")
    target = resolved(every)
    mesh.way = "lies"
    act(every)
    mesh.pods["shop", "shop-1"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:01Z"
    assert not Driver().open(SETTING_HERE).confirm(every, target).confirmed
    del mesh.pods["shop", "shop-2"]
    found = Driver().open(SETTING_HERE).confirm(every, target)
    assert (found.confirmed, found.targets) == (True, target.targets)
    assert ": shop/shop-1 (on the way out), shop/shop-2; left out" in found.sentence


def test_a_selector_that_finds_only_pods_on_their_way_out_has_no_target(mesh: ChaosMesh) -> None:
    for number in range(3):
        mesh.pods["shop", f"shop-{number}"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    target = resolved(FAULTS["pod-kill"])
    assert (target.targets, target.note) == ((), "its selector finds only pods on their way out (3)")


def test_a_changed_image_alone_stops_no_container(mesh: ChaosMesh) -> None:
    target = resolved(FAULTS["pod-failure"])
    mesh.way = "lies"
    act(FAULTS["pod-failure"])
    for pod in mesh.pods.values():
        pod["spec"]["containers"][0]["image"] = "pause"
    assert not Driver().open(SETTING_HERE).confirm(FAULTS["pod-failure"], target).confirmed


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("NetworkChaos", DELAY, r"answers after (0\.[3-9]|[1-9])"),
        (
            "TimeChaos",
            {"mode": "all", "selector": SHOP, "timeOffset": "-1h"},
            r"says a date -360[01] s from ours",
        ),  # whole seconds
    ],
    ids=["delay", "clock"],
)
def test_what_shows_in_the_answers_of_the_pods_is_looked_for_there(
    kind: str, spec: dict[str, Any], words: str, mesh: ChaosMesh
) -> None:
    strike = lasting(kind, spec)
    target = resolved(strike)
    assert target.visible
    mesh.way = "lies"
    act(strike)
    assert not Driver().open(SETTING_HERE).confirm(strike, target).confirmed
    assert Driver().open(SETTING_HERE).undo(record(target)).state is State.UNDONE
    mesh.way = "injects"
    act(strike)
    found = Driver().open(SETTING_HERE).confirm(strike, target)
    assert found.confirmed
    assert re.search(words, found.sentence), found.sentence
    assert found.targets == target.targets


def test_what_nobody_can_see_in_the_pods_is_not_claimed_to_be_seen(mesh: ChaosMesh) -> None:
    some = {**DELAY, "target": {"mode": "all", "selector": TILL}}
    for strike in (LOSS, lasting("NetworkChaos", some)):
        target = resolved(strike)
        assert not target.visible
        assert "a probe named under proof:" in target.note
    mesh.forbidden = ("/proxy/",)
    assert "not every pod answers HTTP" in resolved(lasting("NetworkChaos", DELAY)).note


def test_an_object_of_its_name_that_somebody_else_made_is_not_touched(mesh: ChaosMesh) -> None:
    strike = FAULTS["pod-kill"]
    target, fault = resolved(strike), wanted.read(SETTING.run, strike.arguments)
    mesh.make(fault.plural, "shop", fault.body("another-run"))
    assert "is there already" in failing(strike)
    assert Driver().open(SETTING_HERE).undo(record(target)).state is State.ALREADY
    assert len(mesh.mine()) == 1


def test_a_fault_in_place_is_residue_and_one_that_its_duration_ended_is_told(mesh: ChaosMesh) -> None:
    strike = lasting("NetworkChaos", DELAY, 2)
    target = resolved(strike)
    act(strike)

    def look(kept: Kept = Kept()) -> Any:  # noqa: B008
        return Driver().open(SETTING_HERE).residue({}, [record(target)], kept)

    assert "is left: injected into shop/shop-0" in look().residue[0]
    assert look(Kept(names=(Driver().concerns(record(target).args),))).meant
    until(lambda: not look().residue, "its duration ends it")
    assert "acts no more" in look().cleared[0]
    assert Driver().open(SETTING_HERE).undo(record(target)).state is State.UNDONE
    assert "is left" in look().cleared[0]


def test_the_rollback_ends_all_that_this_run_made_there(mesh: ChaosMesh) -> None:
    act(lasting("NetworkChaos", DELAY))
    act(FAULTS["cpu"])
    theirs = {"metadata": {"name": "theirs", "labels": {identity.LABEL: "another"}, "namespace": "shop"}}
    mesh.make("networkchaos", "shop", {**theirs, "kind": "NetworkChaos", "spec": DELAY})
    assert len(actions.end(ns="shop")) == 2
    assert [o["metadata"]["name"] for o in mesh.mine()] == ["theirs"]
    assert actions.end(ns="shop") == []


def test_an_object_whose_making_was_never_acknowledged_is_found_by_its_name(mesh: ChaosMesh) -> None:
    mesh.loses = True
    assert act(lasting("NetworkChaos", DELAY)) == ["shop-0", "shop-1", "shop-2"]
    assert len([call for call in mesh.calls if "POST" in call]) == 1
