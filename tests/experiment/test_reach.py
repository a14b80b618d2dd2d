"""What touches a cluster is decided in one place, for every part of an experiment that runs something."""

from __future__ import annotations

from typing import Any

import pytest

from runner.experiment import reach
from runner.experiment.reach import Reach

HTTP = {"type": "http", "url": "http://127.0.0.1/"}
PROGRAM = {"type": "process", "path": "kubectl"}
STOCK = {"type": "python", "module": "chaosk8s.pod.actions", "func": "terminate_pods"}


def python(module: str) -> dict[str, Any]:
    return {"type": "python", "module": module, "func": "f"}


@pytest.mark.parametrize(
    ("provider", "reaches"),
    [
        (HTTP, Reach.NONE),
        (PROGRAM, Reach.PERHAPS),
        (STOCK, Reach.CLUSTER),
        (python("chaosk8s"), Reach.CLUSTER),
        (python("chaosk8sandmore.actions"), Reach.PERHAPS),
        (python("ourteam.faults"), Reach.PERHAPS),
        (python("subprocess"), Reach.PERHAPS),
        (python("time"), Reach.NONE),
        (python("chaosaws.ec2.actions"), Reach.NONE),
    ],
)
def test_an_action_reaches_as_far_as_what_it_calls(provider: dict[str, Any], reaches: Reach) -> None:
    assert reach.of({"method": [{"type": "action", "name": "a", "provider": provider}]}) is reaches


@pytest.mark.parametrize(
    "document",
    [
        {"steady-state-hypothesis": {"title": "t", "probes": [{"provider": PROGRAM}]}},
        {"method": [{"provider": HTTP, "tolerance": {"type": "probe", "provider": PROGRAM}}]},
        {"method": [{"provider": HTTP, "controls": [{"name": "c", "provider": python("ours")}]}]},
        {"method": [], "rollbacks": [{"provider": PROGRAM}]},
        {"controls": [{"name": "c", "provider": python("ours")}], "method": [{"provider": HTTP}]},
        {"configuration": {"x": {"type": "probe", "provider": PROGRAM}}, "method": [{"provider": HTTP}]},
    ],
    ids=["hypothesis", "tolerance", "control of an activity", "rollback", "control", "configuration"],
)
def test_every_part_that_runs_something_counts(document: dict[str, Any]) -> None:
    assert reach.of(document) is Reach.PERHAPS


def test_nothing_reaches_nothing() -> None:
    assert reach.of({"title": "t", "method": [], "extensions": [{"name": "x", "provider": PROGRAM}]}) is Reach.NONE


@pytest.mark.parametrize(
    ("path", "arguments", "spaces"),
    [
        ("kubectl", ["-n", "shop", "delete", "pod", "x"], ("shop",)),
        ("/usr/bin/kubectl", "delete pod x --namespace=shop", ("shop",)),
        ("helm", ["upgrade", "--namespace", "shop", "-n", "other"], ("shop", "other")),
        ("sh", ["-c", "sleep 1; kubectl -n shop delete pod x && kubectl -n cart get pods"], ("shop", "cart")),
        ("kubectl", {"-n": "shop"}, ("shop",)),
        ("kubectl", ["delete", "pod", "x"], ()),
        ("head", ["-n", "5", "file"], ()),
        ("kubectlx", ["-n", "shop"], ()),
        ("kubectl", None, ()),
    ],
)
def test_a_program_names_the_namespaces_that_it_strikes(path: str, arguments: Any, spaces: tuple[str, ...]) -> None:
    assert reach.spaces({"type": "process", "path": path, "arguments": arguments}) == spaces


def test_own_code_names_a_namespace_by_its_argument() -> None:
    assert reach.spaces(python("ours") | {"arguments": {"ns": "shop"}}) == ("shop",)
    assert reach.spaces(python("ours") | {"arguments": {"namespace": "shop"}}) == ("shop",)
    assert reach.spaces(python("ours") | {"arguments": {"ns": 5}}) == ()
    assert reach.spaces(STOCK | {"arguments": {"ns": "shop"}}) == (), "it has targets by name"


@pytest.mark.parametrize(
    ("path", "arguments", "words"),
    [
        ("kubectl", ["--context", "prod-eu", "get", "pods"], "--context prod-eu"),
        ("kubectl", "--context=prod-eu get pods", "--context prod-eu"),
        ("helm", ["--kube-context", "prod-eu", "list"], "--kube-context prod-eu"),
        ("kubectl", ["--kubeconfig", "/home/me/.kube/config", "get", "pods"], "--kubeconfig /home/me/.kube/config"),
        ("kubectl", ["--server=https://prod.example", "get", "pods"], "--server https://prod.example"),
        ("sh", ["-c", "KUBECONFIG=~/.kube/config kubectl get pods"], "KUBECONFIG ~/.kube/config"),
        ("sh", ["-c", "export KUBECONFIG='/x/y'; helm list"], "KUBECONFIG /x/y"),
        ("kubectl", ["--context", "kind-lab", "get", "pods"], ""),
        ("kubectl", ["--kubeconfig", "$KUBECONFIG", "get", "pods"], ""),
        ("sh", ["-c", 'kubectl --kubeconfig "${KUBECONFIG}" get pods'], ""),
        ("docker", ["--context", "other", "ps"], ""),
        ("kubectl", ["get", "pods"], ""),
    ],
)
def test_a_program_that_names_another_cluster_is_found_by_its_words(path: str, arguments: Any, words: str) -> None:
    assert reach.elsewhere({"type": "process", "path": path, "arguments": arguments}, "kind-lab") == words


def test_with_no_cluster_handed_every_context_is_another_one() -> None:
    assert reach.elsewhere({"type": "process", "path": "kubectl", "arguments": ["--context", "kind-lab"]}, "")
