"""The way back in a cluster where others decide too: what they have scaled and cordoned stays, and is not said to be the run's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from runner.faults import identity
from runner.faults.driver import Activity, FaultTarget, Outcome, Residue, Setting, State
from runner.faults.kubernetes import cordon
from runner.faults.kubernetes.driver import Driver
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from tests.fakes import kube_api
from tests.fakes.kube_api import KubeApi
from tests.faults.test_conformance import SETTING

NODE, DEPLOYMENT = "/api/v1/nodes/n1", "/apis/apps/v1/namespaces/shop/deployments/web"
STOCK = "OpenAPI-Generator"
"""As which an API server of Kubernetes 1.34 notes what chaosk8s writes: what stands before the slash of its user agent."""
THEIRS = "node/n1 is cordoned by {} at 01:02:03 UTC, not by this run: it stays so"
UNCORDON = UndoRecord(number=1, kind="uncordon", what="uncordon node n1", args={"node": "n1"})


@dataclass
class World:
    """A cluster's API, and one run in it."""

    api: KubeApi
    setting: Setting

    def secrets(self) -> dict[str, Any]:
        return self.setting.secrets.starting_with("KUBERNETES_")

    def undo(self, record: UndoRecord) -> Outcome:
        return Driver().open(self.setting).undo(record)

    def resolve(self, module: str, func: str, **arguments: Any) -> FaultTarget:
        provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
        activity = Activity(name=func, provider=provider, arguments=arguments, secrets=self.secrets())
        found = Driver().open(self.setting).resolve(activity)
        assert found is not None
        return found

    def snapshot(self, *targets: FaultTarget) -> dict[str, Any]:
        return Driver().open(self.setting).snapshot(targets, must=True)

    def left(self, before: dict[str, Any], *records: UndoRecord) -> Residue:
        return Driver().open(self.setting).residue(json.loads(json.dumps(before)), records, Kept())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(identity, "run_id", lambda: SETTING.run)
    api = KubeApi()
    api.put("/apis", {"groups": [{"name": "apps", "preferredVersion": {"version": "v1"}}]})
    with kube_api.serving(api) as url:
        yield World(api, kube_api.at(replace(SETTING, context="kind-test"), url))


def recorded(target: FaultTarget) -> UndoRecord:
    (step,) = target.undo
    return UndoRecord(number=1, kind=step.kind, what=step.what, args=json.loads(json.dumps(dict(step.args))))


def node(world: World, by: str = "", *, note: str = "", at: str = "2026-11-28T01:02:03Z") -> None:
    """One that is cordoned, and what the API notes of who did it."""
    annotations = {cordon.NOTE: note} if note else {}
    held = {"f:spec": {"f:unschedulable": {}}}
    world.api.put(
        NODE, {"metadata": {"name": "n1", "annotations": annotations}, "spec": {"unschedulable": True}, "status": {}}
    )
    world.api.objects[NODE]["metadata"]["managedFields"] = [
        {"manager": "kubelet", "time": at, "fieldsV1": {"f:status": {}}},
        *([{"manager": by, "time": at, "fieldsV1": held}] if by else []),
    ]


def cordoned(world: World) -> bool:
    return bool(world.api.objects[NODE]["spec"].get("unschedulable"))


@pytest.mark.parametrize(
    ("by", "note", "state", "said"),
    [
        (STOCK, "", State.UNDONE, None),
        ("kubectl-cordon", "", State.ALREADY, THEIRS.format("kubectl-cordon")),
        ("", "", State.UNDONE, cordon.NO_ACCOUNT),
        (cordon.WRITER, SETTING.run, State.UNDONE, None),
        (cordon.WRITER, "another-run", State.ALREADY, THEIRS.format(cordon.WRITER)),
    ],
    ids=["stock action", "kubectl", "no account", "our own drain", "the drain of another run"],
)  # fmt: skip
def test_a_cordon_of_a_stock_action_is_told_from_others_by_the_apis_account(
    world: World, by: str, note: str, state: State, said: str | None
) -> None:
    node(world, by, note=note)
    assert world.undo(UNCORDON) == Outcome(state=state, error=said)
    assert cordoned(world) is (state is State.ALREADY)


def test_who_cordons_between_our_look_and_our_write_keeps_it(world: World) -> None:
    node(world, STOCK)

    def somebody_is_faster() -> None:
        world.api.before_patch = lambda: None
        node(world, "kubectl-cordon")

    world.api.before_patch = somebody_is_faster
    assert world.undo(UNCORDON).state is State.ALREADY
    assert cordoned(world)


def test_a_cordon_that_is_theirs_by_now_stays_and_our_note_on_it_goes(world: World) -> None:
    node(world, "kubectl-cordon", note=SETTING.run)
    drained = replace(UNCORDON, args={"node": "n1", "noted": True})
    assert world.undo(drained) == Outcome(state=State.ALREADY, error=THEIRS.format("kubectl-cordon"))
    assert cordoned(world)
    assert not world.api.objects[NODE]["metadata"].get("annotations")


def scale(world: World, replicas: int, uid: str = "one") -> None:
    """As a deployment and as its subresource, which share their version."""
    made = {"metadata": {"name": "web", "namespace": "shop", "uid": uid}, "spec": {"replicas": replicas}}
    world.api.put(DEPLOYMENT, made)
    world.api.put(f"{DEPLOYMENT}/scale", made)


def replicas(world: World) -> int:
    return int(world.api.objects[f"{DEPLOYMENT}/scale"]["spec"]["replicas"])


def scaling(world: World, wanted: int = 2) -> FaultTarget:
    scale(world, 3)
    return world.resolve("chaosk8s.deployment.actions", "scale_deployment", name="web", ns="shop", replicas=wanted)


LEFT = "deployment/shop/web wants 7 replicas now, not the 2 that this action set: something else has scaled it since; it is left as it is"
ANEW = "deployment/shop/web wants 2 replicas now: it was deleted and created again since the run began, and is left as it is"


@pytest.mark.parametrize(
    ("now", "uid", "outcome", "then"),
    [
        (2, "one", Outcome(state=State.UNDONE), 3),
        (3, "one", Outcome(state=State.ALREADY), 3),
        (7, "one", Outcome(state=State.ALREADY, error=LEFT), 7),
        (2, "another", Outcome(state=State.ALREADY, error=ANEW), 2),
    ],
    ids=["as we asked", "as it was", "an autoscaler's", "made anew"],
)
def test_only_the_number_that_we_asked_for_is_scaled_back(
    world: World, now: int, uid: str, outcome: Outcome, then: int
) -> None:
    record = recorded(scaling(world))
    scale(world, now, uid)
    assert world.undo(record) == outcome
    assert replicas(world) == then


def test_a_record_that_names_no_wanted_number_is_played_as_ever(world: World) -> None:
    record = recorded(scaling(world))
    args = {k: v for k, v in record.args.items() if k not in ("wanted", "uid")}
    scale(world, 7, "another")
    assert world.undo(replace(record, args=args)) == Outcome(state=State.UNDONE)
    assert replicas(world) == 3


def test_who_scales_between_our_look_and_our_write_is_not_written_over(world: World) -> None:
    record = recorded(scaling(world))
    scale(world, 2)

    def somebody_is_faster() -> None:
        world.api.before_patch = lambda: None
        scale(world, 7)

    world.api.before_patch = somebody_is_faster
    assert world.undo(record).state is State.ALREADY
    assert replicas(world) == 7


def test_a_scaling_is_confirmed_by_the_number_that_was_asked_for(world: World) -> None:
    target = scaling(world)
    asked = Activity(name="scale", provider={}, secrets=world.secrets())
    found = {}
    for now in (3, 2, 7):
        scale(world, now)
        found[now] = Driver().open(world.setting).confirm(asked, target).confirmed
    assert found == {3: False, 2: True, 7: False}
    none = scaling(world, wanted=3)
    assert not Driver().open(world.setting).confirm(asked, none).confirmed


def test_what_others_decided_is_no_residue_of_the_run_and_what_is_ours_is(world: World) -> None:
    world.api.put(NODE, {"metadata": {"name": "n1"}, "spec": {}, "status": {}})
    targets = [scaling(world), world.resolve("chaosk8s.node.actions", "cordon_node", name="n1")]
    records = [recorded(target) for target in targets]
    never_reached = recorded(scaling(world, wanted=5))
    before = world.snapshot(*targets)
    scale(world, 7)
    node(world, "kubectl-cordon")
    found = world.left(before, *records)
    assert (found.residue, found.others) == ((), (LEFT, THEIRS.format("kubectl-cordon")))
    scale(world, 2)
    node(world, STOCK)
    found = world.left(before, never_reached, *records)
    assert found.residue == ("deployment shop/web wants 2 replicas, before 3", "node n1 is cordoned")
    assert found.others == ()


def test_where_the_method_could_do_anything_a_change_may_be_its_own(world: World) -> None:
    target = scaling(world)
    before = world.snapshot(target)
    scale(world, 7)
    found = world.left(before | {"anything": True}, recorded(target))
    assert (found.residue, found.others) == (("deployment shop/web wants 7 replicas, before 3",), ())


@pytest.mark.parametrize("programs", [False, True])
def test_what_a_program_of_the_experiment_may_have_done_is_put_back(world: World, programs: bool) -> None:
    world.setting = replace(world.setting, programs=programs)
    node(world, "kubectl-cordon")
    assert world.undo(UNCORDON).state is (State.UNDONE if programs else State.ALREADY)
    record = recorded(scaling(world))
    scale(world, 7)
    assert world.undo(record).state is (State.UNDONE if programs else State.ALREADY)
