"""Which fault system an activity acts on is said by its driver, for every part of an experiment that runs something."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from runner.chaostoolkit.values import RunSecrets
from runner.experiment import tree
from runner.faults import host, registry
from runner.faults.driver import Claim, Setting, Where
from runner.faults.kubernetes import words
from runner.faults.kubernetes.driver import Driver
from tests.rundir.starts import start

HTTP = {"type": "http", "url": "http://127.0.0.1/"}
PROGRAM = {"type": "process", "path": "kubectl"}
STOCK = {"type": "python", "module": "chaosk8s.pod.actions", "func": "terminate_pods"}


def of(document: dict[str, Any]) -> Claim:
    return max(map(Driver().claims, tree.providers(document)), default=Claim.NO)


def python(module: str) -> dict[str, Any]:
    return {"type": "python", "module": module, "func": "f"}


@pytest.mark.parametrize(
    ("provider", "reaches"),
    [
        (HTTP, Claim.NO),
        (PROGRAM, Claim.PERHAPS),
        (STOCK, Claim.YES),
        (python("chaosk8s"), Claim.YES),
        (python("chaosk8sandmore.actions"), Claim.PERHAPS),
        (python("ourteam.faults"), Claim.PERHAPS),
        (python("subprocess"), Claim.PERHAPS),
        (python("time"), Claim.NO),
        (python("chaosaws.ec2.actions"), Claim.NO),
    ],
)
def test_an_action_reaches_as_far_as_what_it_calls(provider: dict[str, Any], reaches: Claim) -> None:
    assert of({"method": [{"type": "action", "name": "a", "provider": provider}]}) is reaches


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
    assert of(document) is Claim.PERHAPS


def test_nothing_reaches_nothing() -> None:
    assert of({"title": "t", "method": [], "extensions": [{"name": "x", "provider": PROGRAM}]}) is Claim.NO


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
        ("bash", "-c 'kubectl -n shop delete deployment web'", ("shop",)),
        ("bash", ["-c", "kubectl -n 'shop' delete pod x"], ("shop",)),
        ("kubectl", ["-nshop", "delete", "pod", "x"], ("shop",)),
        ("kubectl", ["exec", "-itn", "shop", "x", "--", "head", "-n", "5"], ("shop",)),
        ("sh", ["-c", "kubectl delete pod x -n shop; echo done"], ("shop",)),
        ("sh", ["-c", "kubectl -n shop get pods | head -n 5"], ("shop",)),
        ("kubectl", ["delete", "ns", "shop", "cart", "--wait=false", "x"], ("shop", "cart")),
        ("kubectl", ["delete", "namespace/shop"], ("shop",)),
        ("kubectl", ["-n", "ns", "delete", "pod", "x"], ("ns",)),
        ("kubectl", 'patch deploy x -p \'{"spec": {"a": "-n b"}}\' -n shop', ("shop",)),
        ("kubectl", "-n $NS delete pod x", ()),
    ],
)
def test_a_program_names_the_namespaces_that_it_strikes(path: str, arguments: Any, spaces: tuple[str, ...]) -> None:
    assert words.namespaces({"type": "process", "path": path, "arguments": arguments}) == spaces


@pytest.mark.parametrize(
    ("path", "arguments", "unread"),
    [
        ("kubectl", ["delete", "pod", "x"], True),
        ("kubectl", ["delete", "-f", "all.yaml"], True),
        ("kubectl", "-n $NS delete pod x", True),
        ("sh", ["-c", "kubectl -n shop get pods; kubectl delete pod x"], True),
        ("sh", ["-c", "kubectl -n shop get pods; sleep 1"], False),
        ("kubectl", "patch deploy x -p '{\"spec\": {}}' -n shop", False),
        ("systemctl", ["stop", "shop"], False),
    ],
)
def test_a_program_that_names_no_namespace_strikes_where_its_words_do_not_say(
    path: str, arguments: Any, unread: bool
) -> None:
    provider = {"type": "process", "path": path, "arguments": arguments}
    assert Driver().unread(provider) is unread
    named = words.namespaces(provider)
    setting = Setting(run="r", secrets=RunSecrets(start()), context="kind-lab", namespace="home")
    assert Driver().open(setting).scopes([provider]) == ((*named, "home") if unread or not named else named)


def test_own_code_that_starts_a_program_names_its_namespaces() -> None:
    provider = {
        "type": "python",
        "module": "os",
        "func": "system",
        "arguments": {"command": "kubectl -n shop get pods"},
    }
    assert words.namespaces(provider) == ("shop",)
    assert not Driver().unread({**provider, "arguments": {"command": "kubectl get pods", "ns": "shop"}})


def test_own_code_names_a_namespace_by_its_argument() -> None:
    assert words.namespaces(python("ours") | {"arguments": {"ns": "shop"}}) == ("shop",)
    assert words.namespaces(python("ours") | {"arguments": {"namespace": "shop"}}) == ("shop",)
    assert words.namespaces(python("ours") | {"arguments": {"ns": 5}}) == ()


@pytest.mark.parametrize(
    ("path", "arguments", "found"),
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
        # a script is read as its shell reads it
        ("bash", "-c 'kubectl --kubeconfig /root/.kube/config delete pod x'", "--kubeconfig /root/.kube/config"),
        ("bash", '-c "KUBECONFIG=/root/.kube/config kubectl delete pod x"', "KUBECONFIG /root/.kube/config"),
        ("bash", """-c 'sh -c "kubectl --context \\"prod\\" get pods"'""", "--context prod"),
        ("sh", ["-c", "KUBECONFIG= kubectl get pods"], "KUBECONFIG"),
        ("sh", ["-c", "echo it's; kubectl --context prod-eu get pods"], "--context prod-eu"),
        ("sh", ["-c", "HELM_KUBECONTEXT=prod-eu helm list"], "HELM_KUBECONTEXT prod-eu"),
        ("sh", ["-c", 'KUBECONFIG="$KUBECONFIG" kubectl get pods'], ""),
        # the short form of --server, which other programs mean otherwise
        ("kubectl", "-s https://prod:6443 delete pod x", "-s https://prod:6443"),
        ("kubectl", ["-shttps://prod:6443", "delete", "pod", "x"], "-s https://prod:6443"),
        ("sh", ["-c", "curl -s http://shop/; kubectl get pods"], ""),
        ("kubectl", ["exec", "x", "--", "curl", "-s", "http://shop/"], ""),
        # who loses the run's KUBECONFIG finds that of the machine
        ("sh", "-c 'unset KUBECONFIG; kubectl delete pod x'", "unset KUBECONFIG"),
        ("env", ["-i", "kubectl", "get", "pods"], "env -i without the run's KUBECONFIG"),
        ("env", ["-u", "KUBECONFIG", "kubectl"], "env -u=KUBECONFIG without the run's KUBECONFIG"),
        ("env", ["A=b", "sh", "-ic", "kubectl get pods"], ""),
        ("sudo", ["kubectl", "delete", "pod", "x"], "sudo without the run's KUBECONFIG"),
        ("sudo", ["-u", "me", "sh", "-c", "kubectl get pods"], "sudo without the run's KUBECONFIG"),
        ("sudo", ["-E", "kubectl", "get", "pods"], ""),
        ("sudo", ["--preserve-env=KUBECONFIG", "kubectl", "get", "pods"], ""),
        ("sh", ["-c", "sudo kubectl --kubeconfig $KUBECONFIG get pods"], ""),
        ("sh", ["-c", "sudo systemctl stop shop; kubectl get pods"], ""),
        ("sh", ["-c", "sudo KUBECONFIG=$KUBECONFIG kubectl get pods"], ""),
        ("sh", ["-c", "KUBECONFIG=$KUBECONFIG sudo kubectl get pods"], "sudo without the run's KUBECONFIG"),
        ("env", ["-i", "KUBECONFIG=$KUBECONFIG", "kubectl"], ""),
    ],
)
def test_a_program_that_names_another_cluster_is_found_by_its_words(path: str, arguments: Any, found: str) -> None:
    assert words.elsewhere({"type": "process", "path": path, "arguments": arguments}, "kind-lab") == found


@pytest.mark.parametrize(
    ("module", "arguments", "found"),
    [
        (
            "os",
            {"command": "kubectl --kubeconfig '/root/.kube/config' delete pod x"},
            "--kubeconfig /root/.kube/config",
        ),
        ("subprocess", {"args": ["kubectl", "--context", "prod-eu", "get", "pods"]}, "--context prod-eu"),
        ("subprocess", {"args": ["kubectl"], "env": {"KUBECONFIG": "/x"}}, "KUBECONFIG /x"),
        ("subprocess", {"args": ["kubectl"], "env": {"A": "b"}}, "env -i without the run's KUBECONFIG"),
        ("ourteam.faults", {"command": "kubectl get pods", "env": {"A": "b"}}, ""),
        ("os", {"command": "kubectl --context kind-lab get pods"}, ""),
        ("chaosk8s.pod.actions", {"cmd": "kubectl --context in-the-pod get pods"}, ""),
        ("time", {"seconds": 5}, ""),
    ],
)
def test_code_that_starts_a_program_is_read_like_the_program(module: str, arguments: Any, found: str) -> None:
    assert (
        Driver().leaves({"type": "python", "module": module, "func": "f", "arguments": arguments}, "kind-lab") == found
    )


def test_with_no_cluster_handed_every_context_is_another_one() -> None:
    assert words.elsewhere({"type": "process", "path": "kubectl", "arguments": ["--context", "kind-lab"]}, "")


@pytest.mark.parametrize(
    ("provider", "driver"),
    [
        (STOCK, "kubernetes"),
        (python("chaosaws.ec2.actions"), "aws"),
        (PROGRAM, "host"),
        (HTTP, "host"),
        (python("ourteam.faults"), "host"),
        (python("time"), "host"),
        (python("chaosgremlin.actions"), None),
        (python("chaosazure.machine.actions"), None),
    ],
)
def test_one_driver_claims_an_activity_or_none(provider: dict[str, Any], driver: str | None) -> None:
    found = registry.claiming(provider)
    assert (found.name if found else None) == driver


@pytest.mark.parametrize(
    ("configuration", "env", "name"),
    [
        ({}, {}, "account unknown, region unknown"),
        ({"aws_region": "eu-west-1"}, {"AWS_REGION": "us-east-1"}, "account unknown, region eu-west-1"),
        ({}, {"AWS_DEFAULT_REGION": "us-east-1"}, "account unknown, region us-east-1"),
        ({"aws_assume_role_arn": "arn:aws:iam::123456789012:role/chaos"}, {}, "account 123456789012, region unknown"),
        ({"aws_profile_name": "lab"}, {}, "account of profile lab, region unknown"),
        ({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"}, "stand-in at http://127.0.0.1:5000"),
        ({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000@prod.example"}, "account unknown, region unknown"),
        (
            {},
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000", "AWS_ENDPOINT_URL_EC2": "https://ec2.example"},
            "account unknown, region unknown",
        ),
        (
            {},
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "account unknown, region unknown",
        ),
        (
            {"aws_endpoint": "https://aws.example"},
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"},
            "account unknown, region unknown",
        ),
    ],
)
def test_what_is_struck_in_aws_is_an_account_and_a_region(
    configuration: dict[str, str], env: dict[str, str], name: str
) -> None:
    found = registry.environment(python("chaosaws.ec2.actions"), Where(configuration=configuration, env=env))
    assert (found.system, found.name) == ("aws", name)


@pytest.mark.parametrize(
    ("provider", "anything"),
    [(PROGRAM, True), (python("teams.own"), True), (HTTP, False), (python("chaosaws.ec2.actions"), False)],
)
def test_programs_and_own_code_could_start_something_here(provider: dict[str, str], anything: bool) -> None:
    assert host.runs_anything(provider) is anything


def test_every_built_in_driver_is_found_by_its_name_and_by_the_actions_of_its_folder() -> None:
    for module in registry.BUILT_IN:
        driver = registry.named(module)
        assert registry.by_name(driver.name) is driver, module
        own = {"type": "python", "module": f"runner.faults.{module.partition('.')[0]}.actions", "func": "f"}
        claims = {m for m in registry.BUILT_IN if registry.named(m).claims(own) is Claim.YES}
        assert claims <= {module, *registry.WIDE}, "a driver that is not asked about it would claim it"
        everything = {"type": "python", "module": "chaosk8s.pod.actions"}, {"type": "process", "path": "kubectl"}
        if any(driver.claims(p) for p in everything) or hasattr(driver, "environment_of"):
            assert module in registry.WIDE, module


def test_a_local_experiment_imports_no_driver_that_it_does_not_need() -> None:
    asked = (
        "import sys; from runner.faults import registry; "
        "registry.reached([{'type': 'http', 'url': 'http://x'}, {'type': 'process', 'path': 'true'}]); "
        "print(*sorted(m for m in sys.modules if m.count('.') == 3 and m.startswith('runner.faults.') and m.endswith('.driver')))"
    )
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert found == sorted(f"runner.faults.{m}" for m in registry.WIDE)


@pytest.mark.parametrize(
    "script",
    [
        """kubectl delete pod "$(kubectl get pods | tr -s ' ' | cut -d' ' -f1)\"""",
        'kubectl cordon "$(hostname -s)"',
        'kubectl create secret generic x --from-literal=token="$(curl -s http://v/t)"',
        'kubectl -n shop patch cm x -p "$(jq -s . a b)"',
        "kubectl apply -f <(curl -s https://x/m.yaml)",
        "# no sudo here: kubectl takes the KUBECONFIG of the run\nkubectl -n shop delete pod -l app=shop",
        "# unset KUBECONFIG would lose it\nkubectl get pods",
        'sudo pkill -f "kubectl port-forward"',
        "sudo killall kubectl",
        "sudo systemctl restart linkerd",
        "sudo chmod +x /usr/local/bin/kubectl",
        "sudo rm -rf /var/cache/helm",
    ],
)
def test_a_script_that_stays_in_the_cluster_is_not_refused(script: str) -> None:
    assert words.elsewhere({"type": "process", "path": "bash", "arguments": ["-c", script]}, "kind-lab") == ""


@pytest.mark.parametrize(
    "script",
    [
        "kubectl -s https://prod:6443 get pods",
        "sh -c 'kubectl -s https://prod:6443 get pods'",
        'echo "$(kubectl -s https://prod:6443 get pods)"',
        "echo x | xargs kubectl -s https://prod:6443 delete pod",
        "cat <(sudo kubectl get pods)",
        "cat <(kubectl --context prod get pods)",
        "sudo -u x kubectl get pods",
        "sudo env kubectl get pods",
        "sudo sh -c 'kubectl get pods'",
        "# a comment\nsudo kubectl get pods",
    ],
)
def test_a_script_that_leaves_the_cluster_is_found(script: str) -> None:
    assert words.elsewhere({"type": "process", "path": "bash", "arguments": ["-c", script]}, "kind-lab")
