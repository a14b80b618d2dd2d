"""Chaos Mesh as it is: its real controller and daemons, on real pods; what it does, what it cannot do here, and where it lies.

Two of these run wherever there is a real cluster and ../shared/systems; all of them with CHAOS_RUN_CATALOGUE=1.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes.config import kube_config

from runner import clock, errors
from runner.faults import conformance, identity
from runner.faults.chaos_mesh import actions
from runner.faults.chaos_mesh.driver import Driver
from runner.faults.conformance import Trial
from runner.faults.driver import Activity, Evidence, FaultTarget, Outcome, Setting, State
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from tests.cluster.conftest import ROOT
from tests.cluster.kube import Kube, until
from tests.cluster.program import ChaosRun
from tests.faults import systems
from tests.faults.test_conformance import SETTING

pytestmark = [pytest.mark.real]
SPACE = "mesh"
FRONT = {"namespaces": [SPACE], "labelSelectors": {"app": "front"}}
BACK = {"namespaces": [SPACE], "labelSelectors": {"app": "back"}}
SEEN_S = 60.0
"""The kubelets measure every ten seconds or so."""


@pytest.fixture(scope="module")
def mesh(kube: Kube) -> Iterator[Kube]:
    """Chaos Mesh in the cluster, and a front and a back for it to strike."""
    with systems.in_cluster("chaos-mesh", kube.kubeconfig):
        kube.run("apply", "-f", str(ROOT / "tests/cluster/manifests/two_services.yaml"))
        for name in ("front", "back"):
            kube.run("rollout", "status", f"deployment/{name}", "-n", SPACE, "--timeout=60s")
        try:
            yield kube
        finally:
            kube.run("delete", "namespace", SPACE, "--wait=false")


@pytest.fixture(autouse=True)
def _client(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KUBECONFIG", kube.kubeconfig)
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", kube.kubeconfig)
    monkeypatch.setenv(identity.VARIABLE, SETTING.run)
    identity.run_id.cache_clear()
    yield
    identity.run_id.cache_clear()


@pytest.fixture
def setting(mesh: Kube) -> Setting:
    return replace(SETTING, context=mesh.run("config", "current-context").strip())


def inject(kind: str, duration: str = "", **spec: Any) -> Activity:
    arguments = {"kind": kind, "ns": SPACE, "spec": {"mode": "all", "selector": FRONT, **spec}}
    arguments |= {"duration": duration} if duration else {}
    provider = {"type": "python", "module": "runner.faults.chaos_mesh.actions", "func": "inject"}
    return Activity(name="strike", provider={**provider, "arguments": arguments}, arguments=arguments)


class Strike:
    """One fault from its plan to the look after its undo, each step as another process would do it."""

    def __init__(self, setting: Setting, activity: Activity) -> None:
        self._setting, self.activity = setting, activity
        found = Driver().open(setting).resolve(activity)
        assert found is not None
        self.target: FaultTarget = found
        (step,) = found.undo
        self.record = UndoRecord(number=1, kind=step.kind, what=step.what, args=dict(step.args))

    def act(self) -> list[str]:
        return actions.inject(**self.activity.arguments)

    def confirm(self) -> Evidence:
        return Driver().open(self._setting).confirm(self.activity, self.target)

    def confirmed(self, within_s: float = SEEN_S) -> Evidence:
        return clock.poll_until(self.confirm, within_s, 1.0, enough=lambda found: found.confirmed)

    def undo(self) -> Outcome:
        return Driver().open(self._setting).undo(self.record)

    def left(self) -> tuple[str, ...]:
        return Driver().open(self._setting).residue({}, [self.record], Kept()).residue


@contextlib.contextmanager
def struck(setting: Setting, activity: Activity) -> Iterator[Strike]:
    """In effect within the block; undone, twice, and without residue after it."""
    strike = Strike(setting, activity)
    assert strike.target.targets
    assert strike.act()
    try:
        assert strike.left() or strike.target.ttl_s is None
        yield strike
    finally:
        outcome = strike.undo()
    assert outcome.state is State.UNDONE, outcome.error
    assert strike.undo().state is State.ALREADY
    assert strike.left() == ()


def pods(kube: Kube, app: str) -> list[dict[str, Any]]:
    found = kube.get("pods", "-n", SPACE, "-l", f"app={app}")
    return [p for p in found if "deletionTimestamp" not in p["metadata"]]


def whole(kube: Kube) -> bool:
    found = [*pods(kube, "front"), *pods(kube, "back")]
    ready = [c["status"] for p in found for c in p["status"].get("conditions") or () if c["type"] == "Ready"]
    return ready == ["True"] * 3


def asked(kube: Kube, app: str, path: str = "", *options: str) -> str:
    """What the first pod of an app answers the API server."""
    pod = pods(kube, app)[0]["metadata"]["name"]
    return kube.run("get", "--raw", f"/api/v1/namespaces/{SPACE}/pods/{pod}:8080/proxy/{path}", *options)


def answers(kube: Kube) -> bool:
    """Whether the front answers the back."""
    front = pods(kube, "front")[0]["status"]["podIP"]
    found = asked(kube, "back", f"dial?host={front}&port=8080&protocol=http&request=hostname&tries=1")
    return bool(json.loads(found).get("responses"))


def offset_s(kube: Kube) -> float:
    """How far the front's clock is from ours, by what it writes into its answers."""
    pod = pods(kube, "front")[0]["metadata"]["name"]
    path = f"/api/v1/namespaces/{SPACE}/pods/{pod}:8080/proxy/"
    told = subprocess.run(
        [kube.kubectl, "get", "--raw", path, "-v=8"],
        env={**os.environ, "KUBECONFIG": kube.kubeconfig},
        text=True,
        capture_output=True,
        check=True,
    ).stderr
    (date,) = re.findall(r"^.*\bDate: (.*GMT)", told, re.MULTILINE)
    return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()


def takes_s(kube: Kube) -> float:
    """A few megabytes from the front to the API server."""
    began = time.monotonic()
    assert len(asked(kube, "front", "shell?cmd=seq+1+600000")) > 4_000_000
    return time.monotonic() - began


def test_a_memory_stress_that_says_injected_and_does_nothing_is_not_confirmed(mesh: Kube, setting: Setting) -> None:
    """The systems' README: the helper memStress is missing here, and the object says AllInjected all the same."""
    memory = {"memory": {"workers": 1, "size": "120MB"}}
    with struck(setting, inject("StressChaos", "60s", stressors=memory)) as strike:
        assert strike.target.visible, strike.target.note
        found = strike.confirmed(within_s=12.0)
    assert not found.confirmed
    assert "with the stress it would be about" in found.sentence


@systems.catalogue
def test_its_duration_ends_a_pod_failure_when_all_of_us_are_dead(
    mesh: Kube, chaos_run: ChaosRun, tmp_path: Path
) -> None:
    until(lambda: whole(mesh), 60, "all pods to be ready")
    file = experiment(tmp_path, inject("PodChaos", "4s", action="pod-failure").arguments | {"within": "8s"})
    with chaos_run.running(file) as run:
        name = run.wait_for("effective")["run"]
        assert not whole(mesh)
        for process in chaos_run.processes(name).values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process["pid"], signal.SIGKILL)
        until(lambda: whole(mesh), 90, "Chaos Mesh to end it")
    objects = [o["metadata"]["labels"][identity.LABEL] for o in mesh.get("podchaos", "-n", SPACE)]
    assert objects == [name], "acknowledged by nobody, and still there"
    assert chaos_run("recover").code == 0
    assert mesh.get("podchaos", "-n", SPACE) == []


def experiment(folder: Path, arguments: Mapping[str, Any]) -> Path:
    provider = {"type": "python", "module": "runner.faults.chaos_mesh.actions", "func": "inject"}
    method = {"type": "action", "name": "strike", "provider": {**provider, "arguments": arguments}}
    ours = {"name": "chaos-run", "service": "front", "windows": {"baseline": "1s", "stable": "1s", "recovery": "30s"}}
    ours |= {"abort": [{"duration": "2m"}], "traffic": [], "objectives": []}
    document = {"title": "struck by Chaos Mesh", "description": "made by a test", "rollbacks": [], "extensions": [ours]}
    path = folder / "strike.json"
    path.write_text(json.dumps({**document, "method": [{**method, "pauses": {"after": 60}}]}), "utf-8")
    return path


@systems.catalogue
def test_pod_kill_passes_the_conformance_suite(mesh: Kube, setting: Setting) -> None:
    kill = inject("PodChaos", action="pod-kill", mode="one")
    theirs = {
        "apiVersion": "chaos-mesh.org/v1alpha1",
        "kind": "PodChaos",
        "metadata": {"name": "theirs", "namespace": SPACE},
    }
    theirs |= {"spec": {"action": "pod-kill", "mode": "one", "selector": BACK}}

    def forget() -> None:
        mesh.run("delete", "podchaos", "theirs", "-n", SPACE, "--ignore-not-found")

    trial = Trial(
        setting=setting,
        activity=kill,
        act=lambda: actions.inject(**kill.arguments),
        nothing=inject("PodChaos", action="pod-kill", selector={**FRONT, "labelSelectors": {"app": "nobody"}}),
        others=lambda: mesh.run("apply", "-f", "-", stdin=json.dumps(theirs)),
        untouched=lambda: bool(mesh.get("podchaos", "-n", SPACE, "--field-selector=metadata.name=theirs")),
    )
    try:
        assert conformance.check(Driver(), trial) == []
    finally:
        forget()


@systems.catalogue
def test_a_killed_container_is_another_one(mesh: Kube, setting: Setting) -> None:
    until(lambda: whole(mesh), 60, "all pods to be ready")
    kill = inject("PodChaos", action="container-kill", containerNames=["web"])
    with struck(setting, kill) as strike:
        assert strike.confirmed().confirmed
    until(lambda: whole(mesh), 60, "the kubelet to start them again")


@systems.catalogue
def test_a_cpu_stress_is_seen_in_what_the_pods_use(mesh: Kube, setting: Setting) -> None:
    until(lambda: whole(mesh), 60, "all pods to be ready")
    with struck(setting, inject("StressChaos", "90s", stressors={"cpu": {"workers": 1, "load": 90}})) as strike:
        found = strike.confirmed()
        assert found.confirmed, found.sentence


@systems.catalogue
def test_a_partition_cuts_front_from_back_and_heals(mesh: Kube, setting: Setting) -> None:
    until(lambda: whole(mesh), 60, "all pods to be ready")
    assert answers(mesh)
    cut = inject("NetworkChaos", "60s", action="partition", direction="both", target={"mode": "all", "selector": BACK})
    with struck(setting, cut):
        assert not answers(mesh)
    assert answers(mesh)


@systems.catalogue
def test_a_bandwidth_limit_slows_the_front(mesh: Kube, setting: Setting) -> None:
    until(lambda: whole(mesh), 60, "all pods to be ready")
    usual = takes_s(mesh)
    limit = {"rate": "8mbps", "limit": 20971520, "buffer": 10000}
    with struck(setting, inject("NetworkChaos", "60s", action="bandwidth", bandwidth={**limit, "rate": "1mbps"})):
        slow = takes_s(mesh)
    assert slow > 2 * usual
    assert slow > 2 * takes_s(mesh)


@systems.catalogue
def test_a_clock_that_is_set_back_shows_in_the_answers(mesh: Kube, setting: Setting) -> None:
    until(lambda: whole(mesh), 60, "all pods to be ready")
    assert abs(offset_s(mesh)) < 600
    with struck(setting, inject("TimeChaos", "60s", timeOffset="-1h")) as strike:
        found = strike.confirmed(within_s=5.0)
        assert found.confirmed, found.sentence
        assert offset_s(mesh) < -3000
    assert abs(offset_s(mesh)) < 600


@systems.catalogue
def test_a_delay_that_the_kernel_does_not_have_is_told_as_stuck_and_what_it_leaves_too(
    mesh: Kube, setting: Setting
) -> None:
    """netem is missing here: the injection fails for ever, the object stays, and once it is forced off the pods keep its rules."""
    until(lambda: whole(mesh), 60, "all pods to be ready")
    strike = Strike(setting, inject("NetworkChaos", "60s", action="delay", delay={"latency": "200ms"}))
    with pytest.raises(errors.EnvironmentFailure) as caught:
        strike.act()
    assert "is stuck" in caught.value.message
    assert not strike.confirm().confirmed
    assert strike.undo().state is State.FAILED
    name = strike.record.args["name"]
    mesh.run("patch", "networkchaos", name, "-n", SPACE, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    until(lambda: mesh.get("networkchaos", "-n", SPACE) == [], 30, "the object to be gone")
    try:
        assert "keeps" in str(strike.undo().error), "the object is gone, and its pods are not as they were"
        assert len(strike.left()) == 2
    finally:
        mesh.run("delete", "pods", "-n", SPACE, "-l", "app=front")
    until(lambda: strike.left() == (), 30, "the rules to be gone with their pods")
    assert strike.undo().state is State.ALREADY


@systems.catalogue
def test_what_is_stuck_goes_when_its_pods_are_deleted(mesh: Kube, setting: Setting) -> None:
    until(lambda: whole(mesh), 60, "all pods to be ready")
    strike = Strike(setting, inject("NetworkChaos", "60s", action="loss", loss={"loss": "10"}))
    with pytest.raises(errors.EnvironmentFailure, match="delete these pods"):
        strike.act()
    mesh.run("delete", "pods", "-n", SPACE, "-l", "app=front")
    until(lambda: mesh.get("networkchaos", "-n", SPACE) == [], 60, "the object to go by itself")
    assert strike.undo().state is State.ALREADY
    assert strike.left() == ()


@systems.catalogue
def test_a_selector_that_finds_nobody_is_told_and_nothing_stays(mesh: Kube, setting: Setting) -> None:
    nobody = inject("PodChaos", action="pod-kill", selector={**FRONT, "labelSelectors": {"app": "nobody"}})
    assert Driver().open(setting).resolve(nobody).targets == ()  # type: ignore[union-attr]
    with pytest.raises(errors.EnvironmentFailure, match="its selector finds no pod; it was deleted again"):
        actions.inject(**nobody.arguments)
    assert mesh.get("podchaos", "-n", SPACE) == []


@systems.catalogue
@pytest.mark.parametrize(
    ("activity", "words"),
    [
        (inject("NetworkChaos", "9s", action="delay", delay={"latency": "1m30s"}), "spec.delay.latency"),
        (inject("PodChaos", action="pod-kill", mode="fixed-percent", value="200"), "value"),
    ],
    ids=["latency", "percent"],
)
def test_what_its_api_refuses_is_told_in_its_words(activity: Activity, words: str, mesh: Kube) -> None:
    with pytest.raises(errors.EnvironmentFailure) as caught:
        actions.inject(**activity.arguments)
    assert words in caught.value.message
