"""Pumba on a real Docker host: a stand-in program after what was recorded of a real one; its effects, and what is undone, are real."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.faults import conformance, identity
from runner.faults.conformance import Trial
from runner.faults.driver import Activity, Claim, FaultTarget, Owner, Setting, State, Where
from runner.faults.pumba import actions, attack
from runner.faults.pumba import state as states
from runner.faults.pumba.driver import Driver, System
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from runner.safety import policy
from tests import waiting
from tests.fakes import docker_host
from tests.faults.systems import catalogue
from tests.faults.test_conformance import NoSecrets

ROOT = Path(__file__).resolve().parents[2]
MISSING = [name for name in ("dockerd", "docker", "iptables", "tc", "stress-ng", "nsenter") if not shutil.which(name)]
on_docker = [
    pytest.mark.slow("a Docker host is started"),
    catalogue,
    pytest.mark.skipif(os.geteuid() != 0, reason="a Docker host of its own takes root"),
    pytest.mark.skipif(
        bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (apt-get install docker.io iptables stress-ng)"
    ),
]
LONG_S = 60
PING = """
import socket
one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "12")
other.bind(("127.0.0.1", 9000))
other.settimeout(0.02)
lost = 0
for _ in range(100):
    one.sendto(b"x", ("127.0.0.1", 9000))
    try:
        other.recv(16)
    except TimeoutError:
        lost += 1
print(lost)
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_host.running(tmp_path_factory.mktemp("docker")) as found:
        yield found


@pytest.fixture
def pumba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in, as the program of that name."""
    program = tmp_path / "bin" / "pumba"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tests.fakes.pumba "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


@pytest.fixture
def setting(host: str, pumba: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    run = f"20260101-000000-{secrets.token_hex(2)}"
    monkeypatch.setenv(identity.VARIABLE, run)
    monkeypatch.setenv("DOCKER_HOST", host)
    identity.run_id.cache_clear()
    yield Setting(run=run, secrets=NoSecrets())
    actions.restore()
    identity.run_id.cache_clear()


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def web(setting: Setting) -> Iterator[str]:
    """A container of its own."""
    name = f"web-{secrets.token_hex(3)}"
    docker("run", "-d", "--name", name, "--network", "none", docker_host.IMAGE, "sleep", "1000")
    yield name
    subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)


def state(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("container", "inspect", name))[0]["State"]
    return found


def lost(name: str) -> int:
    """Of a hundred packets inside the container."""
    inside = ["nsenter", f"--net=/proc/{state(name)['Pid']}/ns/net", sys.executable, "-c", PING]
    return int(subprocess.run(inside, capture_output=True, text=True, check=True).stdout)


def activity(function: str, **arguments: Any) -> Activity:
    provider = {"type": "python", "module": actions.__name__, "func": function, "arguments": arguments}
    return Activity(name="strike it", provider=provider, arguments=arguments)


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


class TestOnDocker:
    pytestmark = on_docker

    def test_a_pause_passes_conformance(self, setting: Setting, web: str) -> None:
        other = f"{web}-other"
        docker("run", "-d", "--name", other, "--network", "none", docker_host.IMAGE, "sleep", "1000")

        def remade() -> None:
            docker("run", "-d", "--name", web, "--network", "none", docker_host.IMAGE, "sleep", "1000")

        trial = Trial(
            setting=setting,
            activity=activity("pause_containers", containers=[web], seconds=5),
            act=lambda: actions.pause_containers(5, containers=[web]),
            nothing=activity("pause_containers", containers=["typo"], seconds=5),
            others=lambda: docker("pause", other),
            untouched=lambda: bool(state(other)["Paused"]),
            leftover=lambda: actions.pause_containers(5, containers=[web]),
            remove_target=lambda: docker("rm", "-f", web),
            restore_target=remade,
        )
        assert conformance.check(Driver(), trial) == []

    def test_what_a_killed_pumba_leaves_is_unpaused_by_us(self, setting: Setting, web: str) -> None:
        """Recorded: after SIGKILL the container stays paused."""
        system, target = planned(setting, "pause_containers", containers=web, seconds=LONG_S)
        assert (target.owner, target.ttl_s) == (Owner.UNDOER, LONG_S)
        actions.pause_containers(LONG_S, containers=web)
        program = attack.read(setting.run, "pause_containers", {"containers": web, "seconds": LONG_S}).program
        for process in program.alive():
            process.kill()
        waiting.until(lambda: not program.alive(), "Pumba is gone")
        assert state(web)["Paused"]
        assert left(system, target) == [f"the container {web} is still paused"]
        assert system.undo(record(target)).state is State.UNDONE
        assert not state(web)["Paused"]
        assert left(system, target) == []

    def test_a_killed_container_is_started_again(self, setting: Setting, web: str) -> None:
        system, target = planned(setting, "kill_containers", containers=web)
        assert not system.confirm(activity("kill_containers"), target).confirmed
        actions.kill_containers(web)
        assert "exit code 137" in system.confirm(activity("kill_containers"), target).sentence
        assert system.undo(record(target)).state is State.UNDONE
        assert state(web)["Running"]
        assert system.undo(record(target)).state is State.ALREADY

    def test_a_killed_container_that_is_removed_as_it_ends_is_not_put_back(self, setting: Setting, web: str) -> None:
        docker("rm", "-f", web)
        docker("run", "-d", "--rm", "--name", web, "--network", "none", docker_host.IMAGE, "sleep", "1000")
        system, target = planned(setting, "kill_containers", containers=web)
        actions.kill_containers(web)
        assert system.confirm(activity("kill_containers"), target).confirmed
        undone = system.undo(record(target))
        assert undone.state is State.FAILED
        assert undone.error.startswith(f"the container {web} is gone")
        assert left(system, target)

    def test_a_rule_of_somebody_else_stays(self, setting: Setting, web: str) -> None:
        where: dict[str, Any] = {"percent": 50, "seconds": LONG_S, "image": docker_host.IMAGE, "containers": web}
        system, target = planned(setting, "lose_packets", **where, interface="lo")
        actions.lose_packets(**where, interface="lo")
        theirs = ("INPUT", "-i", "lo", "-m", "statistic", "--mode", "random", "--probability", "0.25", "-j", "DROP")
        inside = ["nsenter", f"--net=/proc/{state(web)['Pid']}/ns/net", "iptables"]
        subprocess.run([*inside, "-A", *theirs], check=True)
        assert system.undo(record(target)).state is State.UNDONE
        assert left(system, target) == []
        subprocess.run([*inside, "-C", *theirs], check=True)

    def test_packets_are_lost_and_what_a_killed_pumba_leaves_is_removed(self, setting: Setting, web: str) -> None:
        where: dict[str, Any] = {"percent": 50, "seconds": LONG_S, "image": docker_host.IMAGE, "containers": web}
        where["interface"] = "lo"
        system, target = planned(setting, "lose_packets", **where)
        actions.lose_packets(**where)
        assert not system.confirm(activity("lose_packets"), target).confirmed, "nobody has felt it yet"
        assert 20 <= lost(web) <= 80
        assert system.confirm(activity("lose_packets"), target).confirmed
        for process in attack.read(setting.run, "lose_packets", where).program.alive():
            process.kill()
        assert any("-j DROP" in sentence for sentence in left(system, target))
        assert system.undo(record(target)).state is State.UNDONE
        assert lost(web) == 0
        assert left(system, target) == []
        assert docker("images", "-q", target.undo[0].args["attack"]["name"]) == ""

    def test_a_kernel_without_netem_is_a_failure_with_pumbas_words(self, setting: Setting, web: str) -> None:
        where: dict[str, Any] = {"delay_ms": 100, "seconds": LONG_S, "image": docker_host.IMAGE, "containers": web}
        where["interface"] = "lo"
        _, target = planned(setting, "delay_network", **where)
        config = Path("/proc/config.gz")
        known = subprocess.run(["zgrep", "CONFIG_NET_SCH_NETEM=", str(config)], capture_output=True, check=False)
        if not config.exists() or known.returncode == 0:
            pytest.skip("this kernel may have netem")
        with pytest.raises(errors.EnvironmentFailure, match="netem delay 100ms 0ms failed with exit code 2"):
            actions.delay_network(**where)
        assert target.targets == (f"container/{web}",)

    def test_processors_are_pressed_by_a_helper_which_we_remove(self, setting: Setting, web: str) -> None:
        where: dict[str, Any] = {"processors": 1, "seconds": LONG_S, "image": docker_host.IMAGE, "containers": web}
        system, target = planned(setting, "stress_cpu", **where)
        actions.stress_cpu(**where)
        waiting.until(lambda: system.confirm(activity("stress_cpu"), target).confirmed, "the load is seen")
        for process in attack.read(setting.run, "stress_cpu", where).program.alive():
            process.kill()
        assert any("helper container" in sentence for sentence in left(system, target))
        assert system.undo(record(target)).state is State.UNDONE
        assert left(system, target) == []

    def test_a_container_that_runs_no_more_is_no_target(self, setting: Setting, web: str) -> None:
        _, target = planned(setting, "pause_containers", containers=web, seconds=LONG_S)
        assert target.targets == (f"container/{web}",)
        docker("kill", web)
        assert planned(setting, "pause_containers", containers=web, seconds=LONG_S)[1].targets == ()
        with pytest.raises(errors.EnvironmentFailure, match="none of the containers"):
            actions.pause_containers(LONG_S, containers=web)


@pytest.mark.parametrize("percent", [0.5, 2.5, 7.5, 12.5, 10, 100])
def test_a_rule_is_ours_by_the_chance_as_pumba_and_the_kernel_write_it(percent: float) -> None:
    asked = replace(ASKED, kind="loss", amount=percent)
    chance = round(float(f"{percent / 100:.2f}") * 2**31) / 2**31
    rule, theirs = (
        f"-A INPUT -i eth0 -m statistic --mode random --probability {c:.11f} -j DROP" for c in (chance, 0.25)
    )
    assert states._added(asked, {"rules": [rule, theirs]}, {"rules": []}) == [rule]


def test_a_signal_that_nobody_undoes_is_refused() -> None:
    with pytest.raises(errors.EnvironmentFailure, match="not 'SIGSTOP'"):
        attack.read("r", "kill_containers", {"containers": "web", "signal": "SIGSTOP"}, {"DOCKER_HOST": "unix:///x"})


ASKED = attack.Attack(kind="pause", name="chaosrun-x-abcdef", host="unix:///x", containers=("a", "b"), seconds=5)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", "names no container, although it ends with exit code 0"),
        ('{"level":"warning","msg":"no containers found"}', "names no container"),
        ('{"name":"/a","dryrun":true}\n{"name":"/b","dryrun":true}\n{"name":"/c","dryrun":true}', "would strike c too"),
        ('{"name":"/a","dryrun":true}', "would not strike b"),
        ('{"name":"/a","dryrun":false}\n{"name":"/b"}\nplain text\n[1]', "names no container"),
    ],
)
def test_a_dry_run_that_names_others_than_we_do_stops_everything(log: str, said: str) -> None:
    with pytest.raises(errors.EnvironmentFailure, match=said):
        actions.compare(ASKED, actions.struck(log))


def test_a_dry_run_that_names_the_same_lets_it_go_on() -> None:
    actions.compare(ASKED, actions.struck('{"name":"/b","dryrun":true}\n{"name":"a","dryrun":true}'))


@pytest.mark.parametrize(
    ("function", "given", "said"),
    [
        ("pause_containers", {"seconds": 5}, "needs containers"),
        ("pause_containers", {"containers": "re2:^web", "seconds": 5}, "is a pattern"),
        ("pause_containers", {"containers": "a"}, "seconds has to be a number"),
        ("lose_packets", {"containers": "a", "percent": 5, "seconds": 5}, "needs an image"),
        ("lose_packets", {"containers": "a", "percent": 500, "seconds": 5, "image": "x"}, "from 0.1 to 100"),
    ],
)
def test_what_is_wrong_is_said_before_docker_is_asked(function: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.EnvironmentFailure, match=said):
        attack.read("run", function, given)


def test_only_a_docker_host_of_this_machine_is_a_sandbox() -> None:
    provider = {"type": "python", "module": actions.__name__, "func": "kill_containers"}
    assert Driver().claims(provider) is Claim.YES

    def struck(**env: str) -> bool:
        return policy.is_sandbox(Driver().environment(provider, Where(env=env)))

    assert struck()
    assert struck(DOCKER_HOST="unix:///run/other.sock")
    assert not struck(DOCKER_HOST="tcp://build.example:2376")
    assert not struck(DOCKER_HOST="ssh://ops@prod")
