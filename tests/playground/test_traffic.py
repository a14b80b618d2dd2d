"""What users of the shop notice when pods die."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from runner.playground import start
from tests.playground.client import ask, outcomes
from tests.playground.kubectl import Kubectl


@pytest.fixture(autouse=True)
def _three(kubectl: Kubectl) -> Iterator[None]:
    yield
    kubectl.settled(3)


def pid_of(kubectl: Kubectl, pod: str) -> int:
    status = kubectl.get("pod", pod)["status"]["containerStatuses"][0]
    return int(status["containerID"].removeprefix("playground://"))


def test_requests_reach_all_three_pods(playground: start.Playground, kubectl: Kubectl) -> None:
    seen = {ask(playground.urls["shop"])[1] for _ in range(60)}
    assert seen == set(kubectl.names("pods"))


def test_a_killed_pod_breaks_its_connections(playground: start.Playground, kubectl: Kubectl) -> None:
    address = urlsplit(playground.urls["shop"])
    with socket.create_connection((address.hostname, address.port), timeout=5) as line:
        line.sendall(b"GET /hostname HTTP/1.1\r\nHost: shop\r\n\r\n")
        pod = line.recv(4096).decode().rpartition("\n")[2]
        kubectl("delete", "pod", pod, "--grace-period=0", "--force")
        line.settimeout(3)
        try:
            broken = line.recv(4096) == b""
        except ConnectionResetError:
            broken = True
    assert broken


def test_a_killed_pod_is_replaced_after_a_boot_time(kubectl: Kubectl) -> None:
    before = set(kubectl.names("pods"))
    victim = min(before)
    began = time.monotonic()
    kubectl("delete", "pod", victim, "--grace-period=0", "--force")
    kubectl("rollout", "status", "deployment/shop", "--timeout=20s")
    after = set(kubectl.names("pods"))
    assert len(after) == 3
    assert victim not in after
    assert time.monotonic() - began > 0.5


def test_three_replicas_survive_the_loss_of_one(playground: start.Playground, kubectl: Kubectl) -> None:
    victim = kubectl.names("pods")[0]
    kubectl("delete", "pod", victim, "--wait=false")
    seen = outcomes(playground.urls["shop"], 1.5)
    assert sum(not good for _, good in seen) <= 0.05 * len(seen)


def test_one_replica_does_not(playground: start.Playground, kubectl: Kubectl) -> None:
    kubectl.settled(1)
    kubectl("delete", "pod", kubectl.names("pods")[0], "--wait=false")
    seen = outcomes(playground.urls["shop"], 4)
    bad = [at for at, good in seen if not good]
    assert max(bad) - min(bad) > 0.4
    assert seen[-1][1]


def test_a_service_without_pods_refuses_connections(playground: start.Playground, kubectl: Kubectl) -> None:
    kubectl.settled(0)
    with pytest.raises(ConnectionRefusedError):
        ask(playground.urls["shop"])


def test_an_unready_pod_gets_no_traffic(playground: start.Playground, kubectl: Kubectl) -> None:
    pod = kubectl.names("pods")[0]
    process = pid_of(kubectl, pod)
    os.kill(process, signal.SIGSTOP)
    try:
        kubectl("wait", f"pod/{pod}", "--for=condition=Ready=false", "--timeout=15s")
        seen = {ask(playground.urls["shop"])[1] for _ in range(30)}
    finally:
        os.kill(process, signal.SIGCONT)
    assert pod not in seen
    kubectl("wait", f"pod/{pod}", "--for=condition=Ready", "--timeout=15s")


def test_a_crashed_container_is_restarted_in_its_pod(kubectl: Kubectl) -> None:
    pod = kubectl.get("pod", kubectl.names("pods")[0])
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    os.kill(pid_of(kubectl, name), signal.SIGKILL)
    kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "--timeout=10s")
    kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=10s")
    after = kubectl.get("pod", name)
    assert after["metadata"]["uid"] == uid
    assert after["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 137
