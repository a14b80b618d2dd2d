"""The Istio driver: exactly one route gets a fault and gets back what it had, whoever else edits the VirtualService meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from runner import codec, errors
from runner.faults import conformance, identity
from runner.faults.conformance import Trial
from runner.faults.driver import Activity, FaultTarget, Outcome, Setting, State
from runner.faults.istio import actions
from runner.faults.istio.driver import Driver
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from tests.fakes import envoy as fake_envoy
from tests.fakes import kube_api
from tests.fakes.envoy import Envoy
from tests.fakes.kube_api import KubeApi, Login
from tests.faults.test_conformance import SETTING

GROUP = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices"
OURS, THEIRS = f"{GROUP}/storefront", f"{GROUP}/theirs"
OWN_FAULT = {"delay": {"percentage": {"value": 1}, "fixedDelay": "10ms"}}


def service(name: str, *routes: dict[str, Any]) -> dict[str, Any]:
    to = {"route": [{"destination": {"host": name}}]}
    kind = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
    return {**kind, "metadata": {"name": name}, "spec": {"hosts": [name], "http": [{**to, **r} for r in routes]}}


@dataclass
class Mesh:
    """An API server with a VirtualService of ours and one of somebody else's, and the proxy of a caller."""

    api: KubeApi
    setting: Setting
    envoy: Envoy
    admin: str

    def activity(self, func: str = "inject_abort", **more: Any) -> Activity:
        given = {"virtual_service": "storefront", "ns": "shop", "route": "pages", "proxy_admin": self.admin, **more}
        provider = {"type": "python", "module": actions.__name__, "func": func, "arguments": given}
        return Activity(name="fail", provider=provider, arguments=given)

    def act(self, activity: Activity) -> Any:
        called = getattr(actions, str(activity.provider["func"]))
        return called(**activity.arguments, secrets=self.setting.secrets.starting_with("KUBERNETES_"))

    def resolve(self, activity: Activity) -> FaultTarget:
        found = Driver().open(self.setting).resolve(activity)
        assert found is not None
        return found

    def undo(self, target: FaultTarget) -> State:
        return self.outcome(target).state

    def outcome(self, target: FaultTarget) -> Outcome:
        (step,) = target.undo
        args = json.loads(json.dumps(codec.encode(step.args)))
        record = UndoRecord(number=1, kind=step.kind, what=step.what, args=args)
        return Driver().open(self.setting).undo(record)

    def left(self, target: FaultTarget) -> Any:
        (step,) = target.undo
        record = UndoRecord(number=1, kind=step.kind, what=step.what, args=dict(step.args))
        return Driver().open(self.setting).residue({}, [record], Kept())

    def routes(self, path: str = OURS) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.objects[path]["spec"]["http"]
        return found


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mesh]:
    monkeypatch.setattr(identity, "run_id", lambda: SETTING.run)
    api = KubeApi()
    api.put(OURS, service("storefront", {"name": "api", "match": [{"uri": {"prefix": "/api"}}]}, {"name": "pages"}))
    api.put(THEIRS, service("theirs", {"name": "pages"}))
    envoy = Envoy(api, told_of=[OURS])
    with kube_api.serving(api) as url, fake_envoy.serving(envoy) as admin:
        yield Mesh(api, kube_api.at(replace(SETTING, context="kind-test"), url), envoy, admin)


ABORT = {"func": "inject_abort", "http_status": 503}
DELAY = {"func": "inject_delay", "fixed_delay": "400ms", "percentage": 50}
MARKED = {"func": "inject_abort", "headers": {"x-chaos-run": "1"}}


@pytest.mark.parametrize("asked", [ABORT, DELAY, MARKED], ids=["abort", "delay", "marked requests only"])
def test_conformance(mesh: Mesh, asked: dict[str, Any]) -> None:
    """How the API fails is the same for all kinds."""
    troubled = partial(kube_api.troubled, mesh.api, mesh.setting) if asked is ABORT else None
    ours = mesh.activity(**asked)
    kept = mesh.api.objects[OURS]
    theirs = [{"name": "pages", "fault": OWN_FAULT}]
    trial = Trial(
        setting=mesh.setting,
        activity=ours,
        act=lambda: mesh.act(ours),
        nothing=mesh.activity(**{**asked, "route": "typo"}),
        others=lambda: mesh.api.edit(THEIRS, {"spec": {"http": theirs}}),
        untouched=lambda: mesh.routes(THEIRS) == theirs,
        gone=kube_api.at(SETTING, "http://127.0.0.1:1"),
        leftover=lambda: mesh.act(ours),
        remove_target=lambda: mesh.api.objects.pop(OURS),
        restore_target=lambda: mesh.api.put(OURS, kept),
        troubled=troubled,
    )
    assert conformance.check(Driver(), trial) == []
    assert mesh.api.objects[OURS]["spec"] == kept["spec"]
    assert not mesh.api.objects[OURS]["metadata"].get("annotations")


def test_only_the_chosen_route_gets_the_fault_and_always_with_a_percentage(mesh: Mesh) -> None:
    before = json.loads(json.dumps(mesh.routes()))
    mesh.act(mesh.activity(http_status=503))
    api, pages = mesh.routes()
    assert api == before[0]
    assert pages == {**before[1], "fault": {"abort": {"percentage": {"value": 100}, "httpStatus": 503}}}


def test_the_fault_that_the_route_had_is_given_back(mesh: Mesh) -> None:
    mesh.api.edit(OURS, {"spec": {"http": [{"name": "pages", "fault": OWN_FAULT}]}})
    target = mesh.resolve(ours := mesh.activity())
    assert "its own fault is put aside" in target.note
    mesh.act(ours)
    assert mesh.routes()[0]["fault"] != OWN_FAULT
    assert mesh.undo(target) is State.UNDONE
    assert mesh.routes() == [{"name": "pages", "fault": OWN_FAULT}]


def test_what_others_edited_meanwhile_stays_and_is_no_residue_of_ours(mesh: Mesh) -> None:
    target = mesh.resolve(ours := mesh.activity())
    mesh.act(ours)
    api, pages = mesh.routes()
    new = {"name": "new", "route": [{"destination": {"host": "new"}}]}
    mesh.api.edit(OURS, {"spec": {"http": [new, {**api, "timeout": "3s"}, {**pages, "retries": {"attempts": 2}}]}})
    assert mesh.undo(target) is State.UNDONE
    del pages["fault"]
    assert mesh.routes() == [new, {**api, "timeout": "3s"}, {**pages, "retries": {"attempts": 2}}]
    found = mesh.left(target)
    assert (found.residue, found.others) == ((), ())


def test_a_fault_that_somebody_put_over_ours_stays_and_is_told(mesh: Mesh) -> None:
    target = mesh.resolve(ours := mesh.activity())
    mesh.act(ours)
    mesh.api.edit(OURS, {"spec": {"http": [{"name": "pages", "fault": OWN_FAULT}]}}, by="argocd-controller")
    said = Driver().open(mesh.setting).confirm(ours, target)
    assert not said.confirmed
    assert "argocd-controller" in said.sentence
    assert mesh.undo(target) is State.ALREADY
    assert mesh.routes() == [{"name": "pages", "fault": OWN_FAULT}]
    found = mesh.left(target)
    assert found.residue == ()
    assert "another fault than before the run" in found.others[0]


def test_a_revert_by_others_is_seen(mesh: Mesh) -> None:
    target = mesh.resolve(ours := mesh.activity())
    as_in_git = json.loads(json.dumps(mesh.api.objects[OURS]))
    mesh.act(ours)
    mesh.api.put(OURS, as_in_git, by="argocd-controller")
    said = Driver().open(mesh.setting).confirm(ours, target)
    assert not said.confirmed
    assert "not in the route (any more), last written by argocd-controller" in said.sentence
    assert mesh.undo(target) is State.ALREADY


def test_a_write_in_between_is_not_lost(mesh: Mesh) -> None:
    edits = iter(["3s", "4s"])

    def somebody_is_faster() -> None:
        if timeout := next(edits, None):
            api, pages = mesh.routes()
            mesh.api.edit(OURS, {"spec": {"http": [{**api, "timeout": timeout}, pages]}})

    mesh.api.before_patch = somebody_is_faster
    mesh.act(mesh.activity())
    assert [("fault" in route, route.get("timeout")) for route in mesh.routes()] == [(False, "4s"), (True, None)]


def test_a_route_without_a_name_is_found_again_by_its_content(mesh: Mesh) -> None:
    mesh.api.put(OURS, service("storefront", {"match": [{"uri": {"prefix": "/api"}}]}, {"timeout": "9s"}))
    target = mesh.resolve(ours := mesh.activity(route="1"))
    assert target.targets == ("route/shop/storefront:1",)
    mesh.act(ours)
    new = {"route": [{"destination": {"host": "new"}}]}
    mesh.api.edit(OURS, {"spec": {"http": [new, new, *mesh.routes()]}})
    assert mesh.undo(target) is State.UNDONE
    assert ["fault" in route for route in mesh.routes()] == [False] * 4


NAMELESS = {"match": [{"uri": {"prefix": "/api"}}]}, {"timeout": "9s"}
NAMED = {"name": "api", **NAMELESS[0]}, {"name": "pages", **NAMELESS[1]}
EDITS: dict[str, Any] = {
    "another time-out": (NAMELESS, {"timeout": "3s"}),
    "weights": (NAMELESS, {"route": [{"destination": {"host": h}, "weight": 50} for h in ("storefront", "canary")]}),
    "another match": (NAMELESS, {"match": [{"uri": {"prefix": "/pages"}}]}),
    "gets a name": (NAMELESS, {"name": "pages"}),
    "another name": (NAMED, {"name": "pages-v2"}),
}


@pytest.mark.parametrize("had", [None, OWN_FAULT], ids=["without a fault", "with its own fault"])
@pytest.mark.parametrize("edit", EDITS)
def test_a_route_that_somebody_edited_is_found_again_by_its_fault(
    mesh: Mesh, edit: str, had: dict[str, Any] | None
) -> None:
    (api, pages), change = EDITS[edit]
    mesh.api.put(OURS, service("storefront", api, {**pages, **({"fault": had} if had else {})}))
    target = mesh.resolve(ours := mesh.activity(route="1"))
    mesh.act(ours)
    first, second = mesh.routes()
    mesh.api.edit(OURS, {"spec": {"http": [{**second, **change}, first]}})

    (sentence,) = mesh.left(target).residue
    assert "which is the route" in sentence
    assert mesh.undo(target) is State.UNDONE
    assert [route.get("fault") for route in mesh.routes()] == [had, None]
    assert not mesh.api.objects[OURS]["metadata"].get("annotations")
    assert mesh.undo(target) is State.ALREADY
    found = mesh.left(target)
    assert found.residue == ()
    assert "is not found any more: the route was taken away, or edited" in found.others[0]


def test_a_new_route_of_the_old_name_does_not_hide_the_one_that_has_the_fault(mesh: Mesh) -> None:
    target = mesh.resolve(ours := mesh.activity())
    mesh.act(ours)
    api, pages = mesh.routes()
    mesh.api.edit(OURS, {"spec": {"http": [api, {"name": "pages"}, {**pages, "name": "pages-v1"}]}})
    assert mesh.left(target).residue
    assert mesh.undo(target) is State.UNDONE
    assert ["fault" in route for route in mesh.routes()] == [False] * 3


def test_where_several_routes_can_be_the_edited_one_nothing_is_touched_and_a_person_is_told_what_to_do(
    mesh: Mesh,
) -> None:
    mesh.api.put(OURS, service("storefront", *NAMELESS))
    target = mesh.resolve(ours := mesh.activity(route="1"))
    mesh.act(ours)
    api, pages = mesh.routes()
    split = [{**pages, "match": [{"port": port}]} for port in (80, 443)]
    mesh.api.edit(OURS, {"spec": {"http": [api, *split]}})
    outcome = mesh.outcome(target)

    said = (
        "the virtual service shop/storefront was edited meanwhile, and its routes 1, 2 all have the fault of this run"
    )
    assert outcome.state is State.FAILED
    assert (
        outcome.error
        == f"{said}: take it out of them (kubectl edit virtualservice storefront -n shop), then chaos-run recover"
    )
    assert mesh.left(target).residue == (outcome.error,)
    assert mesh.routes() == [api, *split]
    assert mesh.api.objects[OURS]["metadata"]["annotations"]

    mesh.api.edit(OURS, {"spec": {"http": [api]}})
    assert mesh.undo(target) is State.ALREADY
    assert not mesh.api.objects[OURS]["metadata"].get("annotations")
    assert mesh.left(target).residue == ()


def test_a_copy_that_somebody_made_of_the_route_is_told_and_taken_out_when_it_is_looked_at_again(mesh: Mesh) -> None:
    target = mesh.resolve(ours := mesh.activity())
    mesh.act(ours)
    api, pages = mesh.routes()
    mesh.api.edit(OURS, {"spec": {"http": [api, pages, {**pages, "name": "copy"}]}})
    assert mesh.undo(target) is State.UNDONE
    assert mesh.left(target).residue
    assert mesh.undo(target) is State.UNDONE
    assert ["fault" in route for route in mesh.routes()] == [False] * 3
    assert not mesh.api.objects[OURS]["metadata"].get("annotations")


def test_the_same_fault_of_another_route_is_not_taken_for_ours(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the team's own from before the run, nor one that another run has a note of."""
    same = {"abort": {"percentage": {"value": 100}, "httpStatus": 500}}
    theirs = [{"name": "broken", "fault": same}, {"timeout": "1s"}, {"timeout": "9s"}]
    mesh.api.edit(OURS, {"spec": {"http": theirs}})
    target = mesh.resolve(ours := mesh.activity(route="2"))
    mesh.act(ours)
    monkeypatch.setattr(identity, "run_id", lambda: "20260101-000000-another")
    mesh.act(mesh.activity(route="1"))
    broken, another, _ = mesh.routes()
    mesh.api.edit(OURS, {"spec": {"http": [broken, another]}})

    assert mesh.undo(target) is State.ALREADY
    assert mesh.routes() == [broken, another]
    assert mesh.left(target).residue == ()


def test_an_earlier_runs_fault_in_a_route_that_was_edited_since_is_not_put_aside_either(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh.api.put(OURS, service("storefront", *NAMELESS))
    monkeypatch.setattr(identity, "run_id", lambda: "20250101-000000-old")
    mesh.act(mesh.activity(route="1"))
    api, pages = mesh.routes()
    mesh.api.edit(OURS, {"spec": {"http": [api, {**pages, "timeout": "3s"}]}})
    monkeypatch.setattr(identity, "run_id", lambda: SETTING.run)
    with pytest.raises(errors.EnvironmentFailure, match="still has the fault chaosrun-20250101-000000-old"):
        mesh.act(mesh.activity(route="1", http_status=418))


def test_what_was_never_put_in_is_not_looked_for_in_other_routes(mesh: Mesh) -> None:
    """The record is written before the action, which may not come to it."""
    target = mesh.resolve(mesh.activity())
    same = {"abort": {"percentage": {"value": 100}, "httpStatus": 500}}
    api, pages = mesh.routes()
    mesh.api.edit(OURS, {"spec": {"http": [{**api, "fault": same}, pages]}})
    assert mesh.left(target).residue == ()
    assert mesh.undo(target) is State.ALREADY
    assert mesh.routes()[0]["fault"] == same


def test_a_fault_in_the_file_without_a_note_is_still_ended(mesh: Mesh) -> None:
    """A tool that takes annotations away does not keep the fault alive."""
    target = mesh.resolve(ours := mesh.activity())
    mesh.act(ours)
    mesh.api.edit(OURS, {"metadata": {"annotations": None}})
    assert mesh.left(target).residue
    assert mesh.undo(target) is State.UNDONE
    assert "fault" not in mesh.routes()[1]


def test_the_very_fault_that_the_route_had_for_long_is_not_ours(mesh: Mesh) -> None:
    same = {"abort": {"percentage": {"value": 100}, "httpStatus": 500}}
    mesh.api.edit(OURS, {"spec": {"http": [{"name": "pages", "fault": same}]}})
    target = mesh.resolve(mesh.activity())
    assert mesh.undo(target) is State.ALREADY
    assert mesh.routes()[0]["fault"] == same


def test_an_earlier_runs_fault_is_not_put_aside_as_if_it_were_the_teams(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "run_id", lambda: "20250101-000000-old")
    mesh.act(mesh.activity())
    monkeypatch.setattr(identity, "run_id", lambda: SETTING.run)
    with pytest.raises(errors.EnvironmentFailure, match="still has the fault chaosrun-20250101-000000-old") as refusal:
        mesh.act(mesh.activity(http_status=418))
    assert "recover" in str(refusal.value.hint)


def test_marked_requests_get_a_copy_of_the_route_in_front_of_it(mesh: Mesh) -> None:
    mesh.act(mesh.activity(route="api", headers={"x-chaos-run": "1"}))
    copy, api, _ = mesh.routes()
    assert copy["match"] == [{"uri": {"prefix": "/api"}, "headers": {"x-chaos-run": {"exact": "1"}}}]
    assert copy["route"] == api["route"]
    assert "fault" not in api


def test_growth_that_may_be_another_faults_is_no_proof(mesh: Mesh) -> None:
    """Envoy counts a listener's aborts together."""
    mesh.envoy.told_of = [OURS, THEIRS]
    mesh.api.edit(THEIRS, {"spec": {"http": [{"name": "pages", "fault": {"abort": {"percentage": {"value": 1}}}}]}})
    target = mesh.resolve(ours := mesh.activity())
    mesh.act(ours)
    said = Driver().open(mesh.setting).confirm(ours, target)
    assert not said.confirmed
    assert "some may be of the virtual service shop/theirs" in said.sentence


def test_what_no_deaf_proxy_injects_is_not_confirmed_by_the_object(mesh: Mesh) -> None:
    """A deaf proxy: the VirtualService carries the fault, and nobody is hit."""
    mesh.envoy.deaf = True
    target = mesh.resolve(ours := mesh.activity())
    mesh.act(mesh.activity(proxy_admin=""))
    assert mesh.routes()[1]["fault"]
    said = Driver().open(mesh.setting).confirm(ours, target)
    assert not said.confirmed
    assert "has injected 0 aborts since before the action" in said.sentence


def test_its_residue_is_asked_for(mesh: Mesh) -> None:
    """Only systems with a snapshot are searched."""
    target = mesh.resolve(mesh.activity())
    assert Driver().open(mesh.setting).snapshot([target], must=True) == {"objects": ["route/shop/storefront:pages"]}


def test_without_a_proxy_to_ask_nothing_is_said_to_be_seen(mesh: Mesh) -> None:
    target = mesh.resolve(ours := mesh.activity(proxy_admin=""))
    assert not target.provable
    assert "no proxy_admin is named" in target.note
    assert "not known" in mesh.act(ours)["taken_by"]


def test_a_proxy_that_is_never_told_fails_the_action(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.faults.istio.proxy.TAKES_S", 0.3)
    mesh.envoy.deaf = True
    with pytest.raises(errors.EnvironmentFailure, match="was not told of it"):
        mesh.act(mesh.activity())


def test_the_rollback_for_plain_chaos_run_takes_out_what_this_run_put_in(mesh: Mesh) -> None:
    before = json.loads(json.dumps(mesh.routes()))
    mesh.act(mesh.activity(route="api", headers={"x-chaos-run": "1"}))
    mesh.act(mesh.activity())
    removed = actions.remove_fault("storefront", "shop", secrets=mesh.setting.secrets.starting_with("KUBERNETES_"))
    assert len(removed["routes"]) == 2
    assert mesh.routes() == before


WRONG = {
    "no such route": ({"route": "typo"}, "`route` has to name one of api, pages"),
    "several routes": ({"route": ""}, "has 2 routes: `route` has to name one of api, pages"),
    "no such service": ({"virtual_service": "typo"}, "there is no virtual service shop/typo"),
    "nothing injected": ({"percentage": 0}, "percentage has to be more than 0"),
    "no status": ({"http_status": "5oo"}, "http_status has to be a status"),
    "no time": ({"func": "inject_delay", "fixed_delay": "fast"}, "fixed_delay has to be a time such as 500ms"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_in_a_sentence(mesh: Mesh, wrong: str) -> None:
    asked, told = WRONG[wrong]
    with pytest.raises(errors.EnvironmentFailure) as problem:
        mesh.act(mesh.activity(**asked))
    assert told in problem.value.message


def test_a_refusal_is_told_in_the_servers_words(mesh: Mesh) -> None:
    mesh.api.refuses = {"PATCH": 422}
    with pytest.raises(
        errors.EnvironmentFailure, match="no fault was put into the virtual service shop/storefront: refused"
    ):
        mesh.act(mesh.activity())


def test_a_cluster_without_istio_is_told(mesh: Mesh) -> None:
    mesh.api.objects.clear()
    with pytest.raises(errors.EnvironmentFailure, match="Istio is not installed"):
        Driver().open(mesh.setting).check()


def test_a_login_is_what_the_clients_secrets_say() -> None:
    assert Login(host="x").starting_with("KUBERNETES_") == {"KUBERNETES_HOST": "x"}
