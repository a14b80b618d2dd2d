"""An evidence bundle proves itself: a changed byte is named, and nothing is written that does not belong to a run."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from runner import errors
from runner.cli import main
from runner.rundir import paths
from runner.store import Store, bundle
from tests.store.samples import record

FILES = {
    "record.json": json.dumps(record("20261124-120000-aaaa").to_json()).encode(),
    "events.jsonl": b'{"event": "phase", "at": "2026-11-24T12:00:01Z", "t": 1.0, "run": "20261124-120000-aaaa"}\n',
    "ledger.jsonl": b'{"step": 1}\n',
    "front.tape": bytes(range(200)),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "bundle.zip"
    bundle.pack(FILES, "20261124-120000-aaaa", made)
    return made


def chaos_run(*arguments: str) -> int:
    return main.entry(arguments, main.app, "chaos-run")


def test_the_same_evidence_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    bundle.pack(dict(reversed(FILES.items())), "20261124-120000-aaaa", other)
    assert other.read_bytes() == path.read_bytes()
    assert bundle.check(path).wrong == ()


def test_whatever_byte_is_changed_it_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for place_ in range(len(whole)):
        path.write_bytes(whole[:place_] + bytes([whole[place_] ^ 0x55]) + whole[place_ + 1 :])
        try:
            assert bundle.check(path).wrong, place_
        except (errors.UsageError, errors.Refused):
            continue


@pytest.mark.parametrize("name", [*FILES])
def test_a_changed_file_is_named(path: Path, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            new.writestr(member, data[:-1] + b"?" if member == name else data)
    assert chaos_run("import", "--verify", str(changed)) == errors.ExitCode.REFUSED
    said = capfd.readouterr().err
    assert f"{name}: was changed" in said
    assert chaos_run("import", str(changed)) == errors.ExitCode.REFUSED
    assert not list(paths.runs_dir().iterdir())


def _traversal(archive: zipfile.ZipFile) -> None:
    archive.writestr("../../outside.json", b"{}")


def _absolute(archive: zipfile.ZipFile) -> None:
    archive.writestr("/tmp/outside.json", b"{}")


def _link(archive: zipfile.ZipFile) -> None:
    link = zipfile.ZipInfo("link.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(link, b"/etc/passwd")


def _bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("bomb.json", bytes(8 << 20), zipfile.ZIP_DEFLATED)


def _crowd(archive: zipfile.ZipFile) -> None:
    for number in range(bundle.MOST_FILES):
        archive.writestr(f"{number}.json", b"")


@pytest.mark.parametrize("add", [_traversal, _absolute, _link, _bomb, _crowd])
def test_what_would_do_harm_is_not_even_unpacked(path: Path, add: Callable[[zipfile.ZipFile], None]) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        add(archive)
    before = sorted(paths.state_dir().parent.rglob("*"))
    assert chaos_run("import", str(path)) == errors.ExitCode.REFUSED
    assert sorted(p for p in paths.state_dir().parent.rglob("*") if p.name != "runs" and "record.db" not in p.name) == [
        p for p in before if p.name != "runs"
    ]


@pytest.mark.parametrize("text", [b"", b"no zip at all", b"PK\x03\x04"])
def test_what_is_no_bundle_is_one_clear_error(tmp_path: Path, text: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(text)
    assert chaos_run("import", str(file)) == errors.ExitCode.USAGE
    assert capfd.readouterr().err.startswith("error: ")


def test_a_bundle_never_brings_something_to_play_nor_replaces_a_run_of_ours(path: Path) -> None:
    ours = record("20261124-120000-aaaa", verdict="FAIL")
    with Store.open() as store:
        store.save(ours, [])
    assert chaos_run("import", str(path)) == 0
    with Store.open() as store:
        assert store.get("last") == ours
    evil = dict(FILES) | {"processes.json": b"{}"}
    bundle.pack(evil, "20261124-120000-bbbb", path)
    assert chaos_run("import", str(path)) == errors.ExitCode.REFUSED
    bundle.pack(FILES, "20261124-120000-bbbb", path)  # the record of another run
    assert chaos_run("import", str(path)) == errors.ExitCode.REFUSED
    assert not list(paths.runs_dir().iterdir())
