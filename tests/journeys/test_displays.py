"""No display ends a run: it may go away, be full, be held up, or lack the characters."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.harness import ROOT, Json, Service, experiment, http
from tests.waiting import PATIENCE_S, until

COMMAND = [sys.executable, "-m", "runner"]


@pytest.fixture
def file(service: Service, tmp_path: Path) -> str:
    quick = {"windows": {"baseline": "600ms", "recovery": "20s", "stable": "300ms"}}
    mend = http("mend – später 支付", "/mend")
    document = experiment(service, method=[http("störe-es", "/break", pauses={"after": 1})], rollbacks=[mend], **quick)
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(document))
    return str(path)


def kept() -> Json:
    """The one record of this test's runs."""
    (found,) = (Path(os.environ["XDG_STATE_HOME"]) / "chaos-run" / "runs").glob("*/record.json")
    return dict(json.loads(found.read_text()))


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("encoding", ["latin-1", "gbk", "ascii", "utf-8:strict"])
def test_what_an_encoding_lacks_is_replaced(file: str, encoding: str, options: list[str]) -> None:
    done = subprocess.run(
        [*COMMAND, "run", file, *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert kept()["verdict"] == "PASS"
    said = done.stdout.decode(encoding.partition(":")[0])
    assert "mend" in said
    if options:  # exact whatever the encoding
        assert "störe-es" in [json.loads(line).get("activity") for line in said.splitlines()]


def test_the_c_locale_shows_signs_by_their_likeness(file: str) -> None:
    plain = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run([*COMMAND, "plan", file], cwd=ROOT, env=plain, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"mend - sp?ter ??" in done.stdout


@pytest.mark.parametrize("stream", ["closed pipe", "full disk", "closed"])
def test_a_screen_that_is_gone_changes_no_exit_code(service: Service, file: str, stream: str) -> None:
    more = {"closed pipe": "| head -n 2", "full disk": ">/dev/full", "closed": ">&- 2>&- <&-"}[stream]
    script = f'set -o pipefail; "$@" {more}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *COMMAND, "run", file], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert kept()["verdict"] == "PASS"
    assert not service.broken
    assert ("No space left" in done.stderr) == (stream == "full disk")


def test_what_only_shows_and_cannot_has_failed(file: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "plan", file], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 7
    assert done.stderr == "error: not everything could be written to the standard output: No space left on device\n"


def test_a_screen_that_is_held_up_holds_up_no_run(service: Service, file: str) -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(write, False)
    os.write(write, b"x" * 4096)  # from the first line on nothing more goes in
    os.set_blocking(write, True)
    process = subprocess.Popen([*COMMAND, "run", file], cwd=ROOT, stdout=write, stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        runs = Path(os.environ["XDG_STATE_HOME"]) / "chaos-run" / "runs"
        until(lambda: list(runs.glob("*/record.json")), "the run ends without its screen")
        assert kept()["verdict"] == "PASS"
        assert "break" in service.get("/log")
        assert not service.broken
        shown = b""
        while chunk := os.read(read, 65536):  # when somebody reads on, nothing is missing
            shown += chunk
        assert b"PASS" in shown
        assert process.wait(PATIENCE_S) == 0
    finally:
        os.close(read)
        process.kill()
        process.wait()


def test_a_file_s_name_may_be_any_bytes(file: str, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/e\xff\x1b[31mx.json"
    Path(os.fsdecode(odd)).write_bytes(Path(file).read_bytes())
    done = subprocess.run([*COMMAND, "run", odd], cwd=ROOT, capture_output=True, check=False)  # type: ignore[list-item]
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout
    assert kept()["experiment"] == os.fsdecode(odd)
    shown = subprocess.run([*COMMAND, "show", "--json"], cwd=ROOT, capture_output=True, check=True)
    assert json.loads(shown.stdout)["experiment"] == os.fsdecode(odd)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte that is full; only root can make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("no right to mount a disk")
    try:
        with contextlib.suppress(OSError), (disk / "full").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


SCENARIO = str(ROOT / "gameday" / "scenarios" / "zone-outage.yaml")


@pytest.mark.parametrize(
    "command", [["run"], ["plan"], ["gate"], ["gameday", "run", SCENARIO, "--fast", "--playground"]], ids=lambda c: c[0]
)
def test_a_full_disk_is_one_sentence_before_anything_is_broken(
    service: Service, file: str, small_disk: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(small_disk))
    words = command if command[0] == "gameday" else [*command, file]
    done = subprocess.run([*COMMAND, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 7, done.stderr
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
    assert service.get("/log") == ""


@pytest.mark.parametrize(
    "words",
    [
        ["gate", "--junit", "out.xml"],
        ["gate", "--summary", "out.md"],
        ["run", "--report", "out.html"],
        ["report", "-o", "out.html"],
        ["metrics", "--plot", "out.svg"],
        ["export", "-o", "out.zip"],
    ],
    ids=lambda w: " ".join(w),
)
def test_results_for_a_full_disk_are_refused_before_anything_is_broken(
    service: Service, file: str, small_disk: Path, words: list[str]
) -> None:
    command, option, name = words
    more = [file] if command in ("gate", "run") else []
    done = subprocess.run(
        [*COMMAND, command, *more, option, str(small_disk / name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 7, done.stderr
    assert f"{name}: No space left on device" in done.stderr
    assert service.get("/log") == ""
    assert not (small_disk / name).exists()


def test_a_terminal_that_vanishes_ends_no_run(service: Service, file: str) -> None:
    ours, theirs = pty.openpty()
    screen = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [*COMMAND, "run", file],
        cwd=ROOT,
        env=screen,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )  # not its controlling terminal: the signal that comes with that is a reason to stop, and another matter
    os.close(theirs)
    seen = b""
    while b"stop it" not in seen:
        seen += os.read(ours, 65536)
    os.close(ours)
    assert process.wait(30) == 0
    assert kept()["verdict"] == "PASS"
    assert "break" in service.get("/log")
    assert not service.broken


@pytest.mark.parametrize("words", [["plan"], ["validate"], ["gate"]], ids=" ".join)
def test_no_command_lets_a_name_command_the_terminal(file: str, words: list[str]) -> None:
    document = json.loads(Path(file).read_text())
    odd = "\x1b[31mred\x1b]0;title\x07 \x9b2J\u202eback"
    document |= {"title": odd, odd: 1}
    document["method"][0]["name"] = odd
    if words == ["validate"]:  # it shows what is wrong, and nothing else
        document["method"][0]["type"] = odd
    document["method"][0]["provider"]["url"] = "http://127.0.0.1:1/" + odd
    Path(file).write_text(json.dumps(document, ensure_ascii=False))
    ours, theirs = pty.openpty()  # a terminal, where colours of our own are welcome
    process = subprocess.Popen(
        [*COMMAND, *words, file], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen = bytearray()
    with contextlib.suppress(OSError):  # the other side is closed
        while chunk := os.read(ours, 65536):
            seen += chunk
    os.close(ours)
    process.wait(60)
    said = seen.decode()
    assert "red" in said
    for harmful in ("\x1b[31mred", "\x1b]", "\x07", "\x9b", "\u202e"):
        assert harmful not in said
