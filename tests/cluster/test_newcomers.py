"""Users who come anew: a proxy that is behind still sends some of them to a pod that is gone, and who is there already sees nothing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import ROOT
from tests.cluster.kube import Kube, answers_newcomers, until
from tests.cluster.program import ChaosRun

FILE = ROOT / "experiments/pod-kill.yaml"
CLUSTER = ROOT.parent / "shared/cluster/cluster"
"""What can freeze a node's kubelet and proxy."""


@pytest.mark.parametrize(("traffic", "warned"), [("false", True), ("true", False), ("mixed", False)])
@pytest.mark.parametrize("name", ["pod-kill.yaml", "node-drain.yaml"])
def test_plan_says_what_traffic_that_is_all_kept_alive_cannot_see(
    kube: Kube, chaos_run: ChaosRun, short: Callable[..., Path], name: str, traffic: str, warned: bool
) -> None:
    file = short(ROOT / "experiments" / name)
    text = file.read_text("utf-8").replace("new_connections: true", f"new_connections: {traffic}")
    file.write_text(text, "utf-8")
    said = chaos_run("plan", file, SHOP_ZONE=kube.inhabited_zone()).stdout
    warnings = [line for line in said.splitlines() if "all connections are kept alive" in line]
    assert bool(warnings) is warned
    assert all(f"{kube.namespace}/shop" in line.partition("behind the Service")[2] for line in warnings)


@contextmanager
def _frozen(node: str) -> Iterator[None]:
    """Its proxy learns of no change while this lasts."""
    subprocess.run([CLUSTER, "node", node, "pause"], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([CLUSTER, "node", node, "resume"], check=True, capture_output=True)


def _spread(kube: Kube) -> dict[str, str]:
    """Nodes with a pod of the shop each."""
    return {p["spec"]["nodeName"]: p["metadata"]["name"] for p in kube.pods()}


def _address(kube: Kube, node: str) -> str:
    found = kube.run("get", "node", node, "-o", "jsonpath={.status.addresses[?(@.type=='InternalIP')].address}")
    return f"http://{found}:{kube.node_port()}"


@pytest.mark.real
@pytest.mark.skipif(not CLUSTER.exists(), reason="freezes the proxies of the shared cluster's nodes")
@pytest.mark.parametrize("traffic", ["true", "mixed", "false"])
def test_a_proxy_that_is_behind_is_seen_by_those_who_come(
    kube: Kube, chaos_run: ChaosRun, short: Callable[..., Path], traffic: str
) -> None:
    until(lambda: len(_spread(kube)) > 1, 30, "pods on two nodes")
    entrance, other = sorted(_spread(kube))[:2]
    url, victim = _address(kube, entrance), _spread(kube)[other]
    until(lambda: answers_newcomers(url), 60, f"the proxy of {entrance}")
    file = short(FILE)
    text = file.read_text("utf-8").replace("label_selector: app=shop", f"name_pattern: {victim}")
    text = text.replace("new_connections: true", f"new_connections: {traffic}")
    file.write_text(re.sub(r"recovery: \w+", "recovery: 3s", text), "utf-8")
    with _frozen(entrance):
        outcome = chaos_run("run", file, "--json", SHOP_URL=url)
    (met,) = outcome.verdict["traffic"]
    print(f"new_connections: {traffic}: {outcome.verdict['verdict']}: {met['sentence']}")
    if traffic == "false":
        assert not met["kept_bad"], "what keep-alive hides; the reason for the default"
        return
    assert outcome.code == 1, outcome.stderr + str(outcome.verdict)
    assert met["new_bad"] > met["new"] / 8, "about a third of those who come, once the pod is gone"
    assert _ratio(met, "kept") < _ratio(met, "new") / 4


def _ratio(met: Any, over: str) -> float:
    return float(met[f"{over}_bad"] / met[over]) if met[over] else 0.0
