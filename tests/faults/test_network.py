"""Packets of this machine, in network namespaces of the tests' own: lost, slowed down and delayed for real, and left alone afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from runner import errors
from runner.faults import conformance, identity
from runner.faults.conformance import Trial
from runner.faults.detached import Program
from runner.faults.driver import Activity, Claim, FaultTarget, Owner, Setting, State
from runner.faults.network import actions, disturbance, selection
from runner.faults.network.driver import Driver, System
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from tests import waiting
from tests.faults.test_conformance import NoSecrets

TOOLS = ("ip", "nft", "tc", "iptables", "ip6tables", "nsenter")
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces take root"),
    pytest.mark.skipif(
        bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (apt-get install iproute2 nftables iptables)"
    ),
]
PORT = 9000
LONG_S = 60
"""Far longer than a test takes: what ends before was ended."""
ECHO = f"""
import socket, threading
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", {PORT}))
tcp = socket.create_server(("0.0.0.0", {PORT}))
def send():
    while True:
        with tcp.accept()[0] as link:
            try:
                while asked := link.recv(16):
                    link.sendall(b"x" * int(asked))
            except OSError:
                pass
threading.Thread(target=send, daemon=True).start()
print("ready", flush=True)
while True:
    data, who = udp.recvfrom(2048)
    udp.sendto(data, who)
"""


@dataclass(frozen=True)
class Net:
    """A service behind a cable: its namespace, its end of the cable, its address; and who asks it, by theirs."""

    namespace: str
    interface: str
    address: str
    asking: str

    def ask(self, wait_s: float = 2.0) -> float:
        """Seconds until a datagram came back; -1 where it did not."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(wait_s)
            began = time.monotonic()
            link.sendto(b"x", (self.address, PORT))
            try:
                link.recv(16)
            except TimeoutError:
                return -1.0
            return time.monotonic() - began

    def lost(self, count: int) -> int:
        """Of so many datagrams, sent one after the other, those that never came back."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            back = 0
            for number in range(count):
                link.sendto(str(number).encode(), (self.address, PORT))
                link.settimeout(0.001)
                with suppress(TimeoutError):
                    while link.recv(16):
                        back += 1
            link.settimeout(0.5)
            with suppress(TimeoutError):
                while back < count and link.recv(16):
                    back += 1
        return count - back

    def load(self, size: int) -> float:
        """Seconds for an answer of so many bytes."""
        with socket.create_connection((self.address, PORT), timeout=60) as link:
            began = time.monotonic()
            link.sendall(f"{size}".encode())
            left = size
            while left:
                left -= len(link.recv(65536))
            return time.monotonic() - began

    def here(self, command: str) -> None:
        subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.namespace}", *command.split()], check=True, capture_output=True
        )


@pytest.fixture
def net() -> Iterator[Net]:
    tag = secrets.token_hex(3)
    high, low = secrets.randbelow(256), 4 * secrets.randbelow(64)
    found = Net(f"chaostest{tag}", f"in{tag}", f"10.201.{high}.{low + 2}", f"10.201.{high}.{low + 1}")
    ip = f"ip link add out{tag} type veth peer name {found.interface} netns {found.namespace}"
    made = subprocess.run(["ip", "netns", "add", found.namespace], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    try:
        for command in (ip, f"ip addr add {found.asking}/30 dev out{tag}", f"ip link set out{tag} up"):
            subprocess.run(command.split(), check=True)
        found.here(f"ip addr add {found.address}/30 dev {found.interface}")
        found.here(f"ip link set {found.interface} up")
        found.here("ip link set lo up")
        inside = ["nsenter", f"--net=/run/netns/{found.namespace}", sys.executable, "-c", ECHO]
        with subprocess.Popen(inside, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            yield found
            server.kill()
    finally:
        subprocess.run(["ip", "link", "del", f"out{tag}"], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", found.namespace], capture_output=True, check=False)


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    """A run of its own: tests run beside each other on one machine."""
    run = f"20260101-000000-{secrets.token_hex(2)}"
    monkeypatch.setenv(identity.VARIABLE, run)
    identity.run_id.cache_clear()
    yield Setting(run=run, secrets=NoSecrets())
    actions.restore()
    identity.run_id.cache_clear()


@contextmanager
def asked_all_the_time(net: Net) -> Iterator[None]:
    """Somebody uses the service meanwhile."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            net.ask(0.02)

    user = threading.Thread(target=ask)
    user.start()
    try:
        yield
    finally:
        over.set()
        user.join()


def activity(function: str, **arguments: Any) -> Activity:
    provider = {"type": "python", "module": actions.__name__, "func": function, "arguments": arguments}
    return Activity(name="disturb it", provider=provider, arguments=arguments)


def planned(setting: Setting, function: str, **arguments: Any) -> tuple[System, FaultTarget]:
    system = Driver().open(setting)
    target = system.resolve(activity(function, **arguments))
    assert target is not None
    return system, target


def record(target: FaultTarget) -> UndoRecord:
    (step,) = target.undo
    return UndoRecord(number=1, kind=step.kind, what=step.what, args=dict(step.args))


def left(system: System, target: FaultTarget) -> list[str]:
    return [*system.residue(system.snapshot([target], must=True), [record(target)], Kept()).residue]


OTHERS: dict[str, tuple[dict[str, Any], Callable[[Net], None], str]] = {
    "lose_packets": (
        {"percent": 30},
        lambda net: net.here("nft add table inet theirs"),
        "nft list table inet theirs",
    ),
    "limit_bandwidth": (
        {"rate_kb_s": 8},
        lambda net: net.here("tc qdisc add dev lo root handle 7: htb"),
        "tc qdisc del dev lo root handle 7: htb",
    ),
    "delay_packets": (
        {"delay_ms": 50, "jitter_ms": 5},
        lambda net: net.here("iptables -t mangle -I POSTROUTING -m comment --comment theirs -j ACCEPT -d 192.0.2.1"),
        "iptables -t mangle -C POSTROUTING -m comment --comment theirs -j ACCEPT -d 192.0.2.1",
    ),
}
"""By action: how much, what somebody else has done of the same kind, and what fails when that is gone."""


@pytest.mark.slow("its time to live is waited for, long enough for a busy machine")
@pytest.mark.parametrize("function", OTHERS)
def test_each_passes_conformance(function: str, setting: Setting, net: Net) -> None:
    amount, others, proof = OTHERS[function]
    where = {"namespace": net.namespace, "interface": net.interface, "ports": [PORT], "seconds": 5, **amount}

    def untouched() -> bool:
        net.here(proof)
        return True

    trial = Trial(
        setting=setting,
        activity=activity(function, **where),
        act=lambda: getattr(actions, function)(**where),
        nothing=activity(function, **(where | {"namespace": "typo"})),
        others=lambda: others(net),
        untouched=untouched,
        leftover=lambda: getattr(actions, function)(**where),
        remove_target=None,
    )
    with asked_all_the_time(net):
        assert conformance.check(Driver(), trial) == []


def test_packets_are_lost_until_the_undo(setting: Setting, net: Net) -> None:
    where: dict[str, Any] = {"percent": 20, "seconds": LONG_S, "ports": [PORT], "namespace": net.namespace}
    system, target = planned(setting, "lose_packets", **where)
    assert (target.owner, target.ttl_s) == (Owner.UNDOER, LONG_S)
    assert net.lost(200) == 0
    actions.lose_packets(**where)
    assert not system.confirm(activity("lose_packets"), target).confirmed, "nobody has felt it yet"
    lost = net.lost(200)
    assert 10 <= lost <= 80, "20 % of 200 are 40; beyond these bounds less than once in a million times"
    found = system.confirm(activity("lose_packets"), target)
    assert found.confirmed
    assert found.sentence.startswith(f"{lost} of 200 packets were lost")
    assert len(left(system, target)) >= 2, "the table, and the process that ends it"
    assert system.undo(record(target)).state is State.UNDONE
    assert system.undo(record(target)).state is State.ALREADY
    assert net.lost(200) == 0
    assert left(system, target) == []


def test_only_the_chosen_port_and_address_are_hit(setting: Setting, net: Net) -> None:
    actions.lose_packets(100, seconds=LONG_S, ports=[PORT + 1], namespace=net.namespace)
    actions.lose_packets(100, seconds=LONG_S, ports=PORT, addresses="192.0.2.0/24", namespace=net.namespace)
    assert net.ask() > 0
    actions.lose_packets(100, seconds=LONG_S, ports=PORT, addresses=net.asking, namespace=net.namespace)
    assert net.ask(0.3) == -1.0
    assert len(actions.restore()) == 3
    assert net.ask() > 0


def test_bandwidth_is_limited_until_the_undo(setting: Setting, net: Net) -> None:
    where: dict[str, Any] = {"rate_kb_s": 125, "seconds": LONG_S, "ports": [PORT], "namespace": net.namespace}
    where["interface"] = net.interface
    system, target = planned(setting, "limit_bandwidth", **where)
    net.load(200_000)
    actions.limit_bandwidth(**where)
    assert not system.confirm(activity("limit_bandwidth"), target).confirmed, "nobody has felt it yet"
    assert net.load(200_000) > 1.0, "1.6 Mbit at 1 Mbit/s, the first 16 kB at once"
    found = system.confirm(activity("limit_bandwidth"), target)
    assert found.confirmed, found.sentence
    assert system.undo(record(target)).state is State.UNDONE
    assert system.undo(record(target)).state is State.ALREADY
    assert left(system, target) == []


def test_packets_are_delayed_until_the_undo(setting: Setting, net: Net) -> None:
    where: dict[str, Any] = {"delay_ms": 200, "seconds": LONG_S, "ports": [PORT], "namespace": net.namespace}
    system, target = planned(setting, "delay_packets", **where)
    actions.delay_packets(**where)
    assert not system.confirm(activity("delay_packets"), target).confirmed, "nobody has felt it yet"
    assert net.ask() >= 0.2
    with asked_all_the_time(net):
        waiting.until(lambda: system.confirm(activity("delay_packets"), target).confirmed, "a packet is seen waiting")
    assert system.undo(record(target)).state is State.UNDONE
    assert system.undo(record(target)).state is State.ALREADY
    assert min(net.ask() for _ in range(5)) < 0.2
    assert left(system, target) == []


def test_without_the_process_that_holds_them_packets_pass(setting: Setting, net: Net) -> None:
    """The rule alone is no fault: `--queue-bypass`."""
    where: dict[str, Any] = {"delay_ms": 5000, "seconds": LONG_S, "ports": [PORT], "namespace": net.namespace}
    system, target = planned(setting, "delay_packets", **where)
    actions.delay_packets(**where)
    assert net.ask(0.3) == -1.0
    for process in Program.named(record(target).args["name"]).alive():
        process.kill()
    waiting.until(lambda: net.ask(0.3) > 0, "packets pass")
    assert left(system, target) != [], "the rules are still there"
    assert not system.confirm(activity("delay_packets"), target).confirmed
    assert system.undo(record(target)).state is State.UNDONE
    assert left(system, target) == []


ALONE = """
import sys
from runner.faults.network import actions
actions.{function}(**{where!r})
print("applied", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("function", OTHERS)
def test_it_ends_by_itself_with_all_of_us_dead(function: str, setting: Setting, net: Net) -> None:
    where = {
        "namespace": net.namespace,
        "interface": net.interface,
        "ports": [PORT],
        "seconds": 1,
        **OTHERS[function][0],
    }
    system, target = planned(setting, function, **where)
    command = [sys.executable, "-c", ALONE.format(function=function, where=where)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == "applied\n"
        runner.kill()
    waiting.until(lambda: left(system, target) == [], "nothing is left")


def test_killed_between_apply_and_acknowledgement_it_is_undone(setting: Setting, net: Net) -> None:
    where = {"namespace": net.namespace, "interface": net.interface, "ports": [PORT], "seconds": LONG_S, "percent": 100}
    system, target = planned(setting, "lose_packets", **where)
    command = [sys.executable, "-c", ALONE.format(function="lose_packets", where=where)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as runner:
        waiting.until(lambda: left(system, target), "something is there", every_s=0.001)
        runner.kill()
    assert system.undo(record(target)).state is State.UNDONE
    assert left(system, target) == []
    assert net.ask() > 0


def test_a_namespace_that_is_gone_took_everything_with_it(setting: Setting, net: Net) -> None:
    system, target = planned(setting, "lose_packets", percent=50, seconds=LONG_S, ports=[PORT], namespace=net.namespace)
    actions.lose_packets(50, seconds=LONG_S, ports=[PORT], namespace=net.namespace)
    subprocess.run(["ip", "netns", "del", net.namespace], check=True)
    assert system.undo(record(target)).state is State.UNDONE, "the process that would have ended it"
    assert left(system, target) == []


def test_a_queue_of_somebody_else_is_not_replaced(setting: Setting, net: Net) -> None:
    net.here(f"tc qdisc add dev {net.interface} root handle 7: tbf rate 1gbit burst 1mb latency 50ms")
    where: dict[str, Any] = {"rate_kb_s": 8, "seconds": 5, "namespace": net.namespace, "interface": net.interface}
    _, target = planned(setting, "limit_bandwidth", **where)
    assert target.targets == ()
    assert "somebody has set up a queue (tbf 7:)" in target.note
    with pytest.raises(errors.EnvironmentFailure, match="not touched"):
        actions.limit_bandwidth(**where)
    net.here(f"tc qdisc del dev {net.interface} root handle 7:")  # fails when it is not there


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "cut the machine off on every interface"),
        ({"interface": "lo"}, "cut the machine off on lo"),
        ({"addresses": "0.0.0.0/0"}, "cut the machine off"),
        ({"addresses": ["10.0.0.1", "::/0"]}, "cut the machine off"),
        ({"addresses": "shop.example"}, "is no address"),
        ({"ports": "http"}, "list of numbers"),
        ({"ports": [70000]}, "70000 is no port"),
        ({"ports": [80], "direction": "sideways"}, "direction has to be"),
        ({"namespace": "typo"}, "no network namespace 'typo'"),
        ({"namespace": "../ns"}, "no name of a network namespace"),
        ({"ports": [80], "interface": "typo0"}, "no network interface 'typo0'"),
    ],
)
def test_what_would_cut_the_machine_off_has_no_target(given: dict[str, Any], said: str, setting: Setting) -> None:
    _, target = planned(setting, "lose_packets", percent=5, seconds=1, **given)
    assert target.targets == ()
    assert target.resolved
    assert said in target.note
    with pytest.raises(errors.EnvironmentFailure, match=said):
        disturbance.read(setting.run, "lose_packets", {"percent": 5, "seconds": 1, **given})


def test_the_interface_that_leads_to_everybody_is_refused_and_another_is_not(net: Net, setting: Setting) -> None:
    outside = net.interface.replace("in", "out")
    assert selection.cuts_off(selection.Selection(interface=outside)) == ""
    assert planned(setting, "lose_packets", percent=5, seconds=1, interface=outside)[1].targets
    shown = subprocess.run(
        ["ip", "route", "show", "default"], capture_output=True, text=True, check=True
    ).stdout.split()
    if "dev" not in shown:
        pytest.skip("this machine has no way to everybody")
    leading = shown[shown.index("dev") + 1]
    assert f"on {leading}" in selection.cuts_off(selection.Selection(interface=leading))


@pytest.mark.parametrize(
    ("function", "amount"), [("lose_packets", {"percent": 0.01}), ("limit_bandwidth", {"rate_kb_s": 1_000_000})]
)
def test_packets_that_came_through_unharmed_are_no_proof(
    function: str, amount: dict[str, Any], setting: Setting, net: Net
) -> None:
    where = {"namespace": net.namespace, "interface": net.interface, "ports": [PORT], "seconds": LONG_S, **amount}
    system, target = planned(setting, function, **where)
    getattr(actions, function)(**where)
    assert net.ask() > 0
    found = system.confirm(activity(function), target)
    assert "no packet" not in found.sentence, "one has passed"
    assert not found.confirmed


def test_packets_that_are_hurried_through_are_no_proof(setting: Setting, net: Net) -> None:
    """They went through the queue, and none was seen waiting: hurried through."""
    where: dict[str, Any] = {"delay_ms": 1, "seconds": LONG_S, "ports": [PORT], "namespace": net.namespace}
    system, target = planned(setting, "delay_packets", **where)
    actions.delay_packets(**where)
    assert net.ask() > 0
    found = system.confirm(activity("delay_packets"), target)
    assert not found.confirmed
    assert "0 of them waited" in found.sentence


def test_it_claims_its_own_actions_alone() -> None:
    assert Driver().claims({"type": "python", "module": actions.__name__}) is Claim.YES
    assert Driver().claims({"type": "python", "module": "runner.faults.networks.actions"}) is Claim.NO
