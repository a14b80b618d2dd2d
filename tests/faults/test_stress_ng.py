"""stress-ng on this machine: it presses processors, memory and a disk for real, ends by itself, and the undo ends ours alone."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.faults import conformance, identity
from runner.faults.conformance import Trial
from runner.faults.detached import Program
from runner.faults.driver import Activity, Claim, FaultTarget, Owner, Setting, State
from runner.faults.stress_ng import actions, cgroup, exit_codes, stress
from runner.faults.stress_ng.driver import Driver, System
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from tests import waiting
from tests.faults.test_conformance import NoSecrets

pytestmark = pytest.mark.skipif(
    not shutil.which("stress-ng"), reason="stress-ng is not installed: apt-get install stress-ng"
)
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="mounts a small disk or makes a control group: that takes root"
)
MB = stress.MB
SMALL_MB = 48
LONG_S = 60
"""Far longer than a test takes: what ends before was ended."""


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    """A run of its own: tests run beside each other on one machine."""
    run = f"20260101-000000-{secrets.token_hex(2)}"
    monkeypatch.setenv(identity.VARIABLE, run)
    identity.run_id.cache_clear()
    yield Setting(run=run, secrets=NoSecrets())
    actions.stop()
    identity.run_id.cache_clear()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_MB}m", "none", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def activity(function: str, **arguments: Any) -> Activity:
    provider = {"type": "python", "module": actions.__name__, "func": function, "arguments": arguments}
    return Activity(name="press it", provider=provider, arguments=arguments)


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


@pytest.mark.slow("its time to live is waited for, long enough for a busy machine")
@needs_root
def test_a_disk_passes_conformance(setting: Setting, small_disk: Path) -> None:
    others = Program.named(f"chaosrun-other-{secrets.token_hex(2)}-abcdef")
    arguments = {"folder": str(small_disk), "seconds": 6, "leave_free_mb": 16}
    trial = Trial(
        setting=setting,
        activity=activity("fill_disk", **arguments),
        act=lambda: actions.fill_disk(**arguments),  # type: ignore[arg-type]
        nothing=activity("fill_disk", folder=str(small_disk / "typo"), seconds=8),
        others=lambda: others.start(["stress-ng", "--cpu", "1", "--cpu-load", "1", "--timeout", "100"]),
        untouched=lambda: bool(others.working()) and others.exit_code() is None,
        leftover=lambda: actions.fill_disk(**arguments),  # type: ignore[arg-type]
    )
    try:
        assert conformance.check(Driver(), trial) == []
    finally:
        others.end()
        others.forget()
    assert [*small_disk.iterdir()] == []


@needs_root
def test_a_disk_is_filled_up_to_the_reserve_and_no_further(setting: Setting, small_disk: Path) -> None:
    system, target = planned(setting, "fill_disk", folder=str(small_disk), seconds=LONG_S, leave_free_mb=16)
    assert not system.confirm(activity("fill_disk"), target).confirmed
    actions.fill_disk(str(small_disk), seconds=LONG_S, leave_free_mb=16)
    waiting.until(lambda: stress.space_free(small_disk) < 18 * MB, "the disk is full up to the reserve")
    assert stress.space_free(small_disk) >= 16 * MB
    assert system.confirm(activity("fill_disk"), target).confirmed
    assert any("still runs" in sentence for sentence in left(system, target))
    assert system.undo(record(target)).state is State.UNDONE
    assert stress.space_free(small_disk) == SMALL_MB * MB
    assert left(system, target) == []
    assert not list(small_disk.iterdir())


@needs_root
def test_a_disk_is_filled_to_a_share(setting: Setting, small_disk: Path) -> None:
    (small_disk / "theirs").write_bytes(b"x" * 12 * MB)
    asked = stress.read(
        setting.run, "fill_disk", {"folder": str(small_disk), "seconds": 5, "full_percent": 75, "leave_free_mb": 0}
    )
    assert asked.space == 23 * MB  # 36 of 48 MB, 12 of them somebody else's, and one for the file system itself


@needs_root
def test_free_space_that_somebody_else_took_is_no_proof(setting: Setting, small_disk: Path) -> None:
    system, target = planned(setting, "fill_disk", folder=str(small_disk), seconds=LONG_S, leave_free_mb=16)
    (small_disk / "theirs").write_bytes(b"x" * 32 * MB)
    assert not system.confirm(activity("fill_disk"), target).confirmed


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        ("fill_disk", {"folder": "/", "seconds": 5, "leave_free_mb": 100}, "keeps 512 MB at least"),
        ("fill_disk", {"folder": "/", "seconds": 5, "leave_free_mb": 1 << 30}, "are to be left"),
        ("fill_disk", {"folder": "/nowhere", "seconds": 5}, "is no folder"),
        ("fill_disk", {"folder": "/"}, "needs seconds"),
        ("stress_memory", {"megabytes": 1 << 20, "seconds": 5}, "MB of memory to this machine, not 512"),
        ("stress_memory", {"megabytes": 5, "seconds": 5, "control_group": "../cpu"}, "there is no control group"),
        ("stress_cpu", {"seconds": 0}, "more than 0"),
        ("stress_cpu", {"seconds": "soon"}, "has to be a number"),
        ("stress_cpu", {"seconds": 5, "load": 101}, "from 1 to 100"),
    ],
)
def test_what_would_harm_the_machine_has_no_target(
    setting: Setting, function: str, arguments: dict[str, Any], said: str
) -> None:
    _, target = planned(setting, function, **arguments)
    assert target.targets == ()
    assert target.resolved
    assert said in target.note
    with pytest.raises(errors.EnvironmentFailure, match=said):
        stress.read(setting.run, function, arguments)


def test_a_group_may_take_what_the_groups_around_it_may(tmp_path: Path) -> None:
    inner = tmp_path / "memory" / "system.slice" / "shop.service"
    inner.mkdir(parents=True)
    assert cgroup.memory_limit(inner, tmp_path) is None
    for folder, name, limit in (
        (tmp_path / "memory", "memory.limit_in_bytes", 1 << 62),
        (inner, "memory.max", "max"),
        (inner.parent, "memory.max", 5 * MB),
    ):
        (folder / name).write_text(f"{limit}\n")
    assert cgroup.memory_limit(inner, tmp_path) == 5 * MB


@needs_root
def test_a_group_without_a_limit_is_not_filled_until_somebody_is_killed(setting: Setting) -> None:
    (group,) = cgroup.paths(setting.run, ("memory",))
    cgroup.make((group,))
    try:
        arguments = {"megabytes": 5, "seconds": LONG_S, "until_oom": True, "control_group": setting.run}
        _, target = planned(setting, "stress_memory", **arguments)
        assert target.targets == ()
        assert "would press the whole machine" in target.note
    finally:
        cgroup.remove((group,))


def test_processors_are_pressed_until_the_undo(setting: Setting) -> None:
    system, target = planned(setting, "stress_cpu", seconds=LONG_S, workers=1, load=50)
    assert (target.owner, target.ttl_s) == (Owner.SYSTEM, LONG_S)
    assert not system.confirm(activity("stress_cpu"), target).confirmed
    assert system.undo(record(target)).state is State.ALREADY
    actions.stress_cpu(seconds=LONG_S, workers=1, load=50)
    waiting.until(lambda: system.confirm(activity("stress_cpu"), target).confirmed, "the load is seen")
    assert system.undo(record(target)).state is State.UNDONE
    assert system.undo(record(target)).state is State.ALREADY
    assert left(system, target) == []


@needs_root
def test_memory_grows_until_the_kernel_kills_for_it(setting: Setting) -> None:
    system, target = planned(setting, "stress_memory", megabytes=64, seconds=LONG_S, until_oom=True)
    said = actions.stress_memory(64, seconds=LONG_S, until_oom=True)
    assert "the kernel has killed" in said["seen"]
    assert system.confirm(activity("stress_memory"), target).confirmed
    assert system.undo(record(target)).state is State.UNDONE
    assert left(system, target) == []


def test_memory_is_held(setting: Setting) -> None:
    system, target = planned(setting, "stress_memory", megabytes=64, seconds=LONG_S)
    actions.stress_memory(64, seconds=LONG_S)
    evidence_of = system.confirm(activity("stress_memory"), target)
    assert evidence_of.confirmed, evidence_of.sentence
    assert actions.stop() == [record(target).args["name"]]
    assert left(system, target) == []


ALONE = """
import os, sys
from runner.faults.stress_ng import actions
actions.fill_disk({folder!r}, seconds={seconds}, leave_free_mb=16)
print("effective", flush=True)
sys.stdin.read()
"""


def in_another_process(setting: Setting, folder: Path, seconds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ALONE.format(folder=str(folder), seconds=seconds)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@needs_root
def test_it_ends_by_itself_with_all_of_us_dead(setting: Setting, small_disk: Path) -> None:
    system, target = planned(setting, "fill_disk", folder=str(small_disk), seconds=2, leave_free_mb=16)
    with in_another_process(setting, small_disk, 2) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == "effective\n"
        runner.kill()
    waiting.until(lambda: left(system, target) == [], "nothing is left")
    assert stress.space_free(small_disk) == SMALL_MB * MB


@needs_root
def test_killed_between_apply_and_acknowledgement_it_is_undone(setting: Setting, small_disk: Path) -> None:
    system, target = planned(setting, "fill_disk", folder=str(small_disk), seconds=LONG_S, leave_free_mb=16)
    program = Program.named(record(target).args["name"])
    with in_another_process(setting, small_disk, LONG_S) as runner:
        waiting.until(program.alive, "it was started", every_s=0.001)
        runner.kill()
    assert system.undo(record(target)).state is State.UNDONE
    assert left(system, target) == []
    assert stress.space_free(small_disk) == SMALL_MB * MB


@pytest.mark.parametrize("code", [2, 3, 5, 7])
def test_a_fault_that_was_partial_is_told(setting: Setting, code: int) -> None:
    system, target = planned(setting, "stress_cpu", seconds=LONG_S, workers=1)
    program = Program.named(record(target).args["name"], record(target).args["groups"])
    cgroup.make(program.groups)
    program.start(["sh", "-c", f"echo no space; exit {code}"])
    waiting.until(lambda: program.exit_code() is not None and not program.alive(), "it has ended")
    found = system.confirm(activity("stress_cpu"), target)
    assert not found.confirmed
    assert f"{exit_codes.said(code)} (no space)" in found.sentence
    assert "partial" in found.sentence
    outcome = system.undo(record(target))
    assert "the fault was partial" in str(outcome.error)
    assert outcome.state is State.ALREADY


def test_only_the_partial_codes_are_partial() -> None:
    assert [code for code in range(256) if "partial" in exit_codes.said(code)] == [2, 3, 5, 7]


def test_a_group_of_version_2_has_all_limits_and_one_that_lacks_them_is_an_error(tmp_path: Path) -> None:
    """Names of files as in the kernel's cgroup-v2 document: a folder stands in for the mounted file system."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory")
    (group,) = cgroup.paths("x", ("memory",), tmp_path)
    group.mkdir()
    with pytest.raises(errors.EnvironmentFailure, match=r"know no memory\.max"):
        cgroup.make((group,), memory=5 * MB, root=tmp_path)
    (group / "memory.max").touch()
    cgroup.make((group,), memory=5 * MB, root=tmp_path)
    assert (group / "memory.max").read_text() == str(5 * MB)
    (group / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert cgroup.oom_kills(group) == 2
    assert cgroup.paths("x", ("blkio",), tmp_path) == ()


def test_it_claims_its_own_actions_alone() -> None:
    claims = Driver().claims
    assert claims({"type": "python", "module": actions.__name__}) is Claim.YES
    assert claims({"type": "python", "module": "runner.faults.stress_ngx.actions"}) is Claim.NO
