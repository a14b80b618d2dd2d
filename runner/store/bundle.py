"""Bundle: the evidence of one run in one zip file that proves itself: a manifest of hashes inside, a seal over every byte outside.

record.json events.jsonl run.json plan.json ledger.jsonl journal.json *.tape …    what the run left
manifest.json                                                                   size and SHA-256 of each
the zip's comment                                                               SHA-256 of every byte before it
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import errors
from runner.slo import sample

MANIFEST = "manifest.json"
FORMAT = 1
LARGEST = 4 << 30
"""Bytes of all files of a bundle together, unpacked."""
MOST_FILES = 1000
RATIO = 200
"""A file of more than a megabyte that packs better than this is no evidence of a run."""
INNER = "evidence"
"""Where an imported run keeps what nobody may play again: its ledger and start message."""
_INNER = ("ledger.jsonl", "run.json")
_KINDS = (".json", ".jsonl", ".tape")
_LEFT_OUT = ("processes.json",)
_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}/){0,3}[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_SEAL = "chaos-run evidence sha256:"
_LONG = len(_SEAL) + 64
_UNREADABLE = (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError, OSError)
"""What a changed byte in an archive may raise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A bundle that was looked through: what is wrong with it, nothing if it is as it was exported."""

    run: str
    seal: str
    """SHA-256 over the whole file: tell it to whoever gets the bundle."""
    files: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


def pack(files: Mapping[str, bytes], run: str, output: Path) -> str:
    """Write a bundle, whole or not at all; its seal. The same files give the same bytes. Raises EnvironmentFailure."""
    manifest = {
        "format": FORMAT,
        "run": run,
        "files": {name: {"size": len(data), "sha256": _sha(data)} for name, data in sorted(files.items())},
    }
    whole = {**files, MANIFEST: json.dumps(manifest, indent=1).encode() + b"\n"}
    aside = output.with_name(f".{output.name}.part")
    try:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(whole):
                archive.writestr(zipfile.ZipInfo(name), whole[name], zipfile.ZIP_DEFLATED)
            archive.comment = b"-" * _LONG
        seal = _seal_of(aside)
        with aside.open("r+b") as file:
            file.seek(-_LONG, 2)
            file.write(f"{_SEAL}{seal}".encode())
        aside.replace(output)
    except OSError as problem:
        aside.unlink(missing_ok=True)
        raise errors.EnvironmentFailure(f"cannot write {output}: {problem.strerror}") from None
    return seal


def gather(folder: Path, clean: Callable[[str], str]) -> Iterator[tuple[str, bytes]]:
    """The evidence in a run's folder by name; `clean` takes secrets out of what is text. Logs and reports are none."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix().removeprefix(f"{INNER}/")
        if path.suffix not in _KINDS or path.is_symlink() or not path.is_file() or name in _LEFT_OUT:
            continue
        if _NAME.fullmatch(name) is None:
            continue
        if path.suffix == ".tape":
            yield name, _trimmed(path)
        else:
            yield name, clean(path.read_text(encoding="utf-8", errors="replace")).encode()


def _trimmed(path: Path) -> bytes:
    """A tape without the room that was never written to (a killed prober leaves hours of it)."""
    with path.open("rb") as file:
        head = file.read(sample.HEADER.size)
        if len(head) < sample.HEADER.size or not head.startswith(sample.MAGIC):
            return b""
        return head + file.read(sample.RECORD.size * sample.HEADER.unpack(head)[3])


def check(path: Path) -> Checked:
    """Look through a bundle without a network and without writing. Raises UsageError for what is no bundle at all, and
    Refused for one that would write elsewhere or unpack to more than it may."""
    with _opened(path) as archive:
        manifest = _manifest(archive, path)
        _refuse(path, archive.infolist(), manifest)
        seal, wrong = _seal_of(path), list(_differences(archive, manifest))
        if archive.comment != f"{_SEAL}{seal}".encode() and not wrong:
            wrong.append("the archive itself: a byte outside of its files, or its seal, was changed")
        return Checked(run=manifest["run"], seal=seal, files=tuple(manifest["files"]), wrong=tuple(wrong))


def unpack(path: Path, folder: Path) -> None:
    """Write a bundle that was checked into a new folder. Raises Refused when it is not as it was exported."""
    found = check(path)
    if found.wrong:
        raise errors.Refused(f"{path} is not as it was exported", reasons=found.wrong)
    with _opened(path) as archive:
        for name in found.files:
            target = folder / INNER / name if name in _INNER else folder / name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with archive.open(name) as source:
                target.write_bytes(source.read(LARGEST))


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise errors.UsageError(f"there is no file {path}") from None
    except OSError as problem:
        raise errors.EnvironmentFailure(f"cannot read {path}: {problem.strerror}") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as problem:
        raise errors.UsageError(f"{path} is no evidence bundle, or its directory was damaged: {problem}") from None


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        info = archive.getinfo(MANIFEST)
        if info.file_size > 1 << 20:
            raise ValueError("it is too long")
        manifest: dict[str, Any] = json.loads(archive.read(info))
        sizes = [int(f["size"]) for f in manifest["files"].values()]
        if manifest["format"] != FORMAT or not _RUN.fullmatch(manifest["run"]) or min(sizes, default=0) < 0:
            raise ValueError("it is of a version or form that this chaos-run does not know")
    except KeyError as problem:
        raise errors.UsageError(f"{path} is no evidence bundle: nothing called {problem} in it") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        RuntimeError,
        EOFError,
        OSError,
        TypeError,
        AttributeError,
    ) as problem:
        raise errors.UsageError(f"{path}: {MANIFEST} was changed or is not ours: {problem}") from None
    return manifest


def _refuse(path: Path, members: Iterable[zipfile.ZipInfo], manifest: Mapping[str, Any]) -> None:
    """What must not even be looked into."""
    found = list(members)
    reasons = [f"{m.filename!r} would be written elsewhere" for m in found if not _NAME.fullmatch(m.filename)]
    reasons += [f"{name!r} would be written elsewhere" for name in manifest["files"] if not _NAME.fullmatch(name)]
    reasons += [f"{name} is no evidence" for name in manifest["files"] if name in _LEFT_OUT]
    reasons += [f"{m.filename} is a link" for m in found if m.external_attr >> 28 == 0xA]
    reasons += [
        f"{m.filename} unpacks to {m.file_size:,} bytes of {m.compress_size:,}"
        for m in found
        if m.file_size > 1 << 20 and m.file_size > RATIO * max(1, m.compress_size)
    ]
    if len(found) > MOST_FILES or sum(m.file_size for m in found) > LARGEST:
        reasons.append(f"{len(found):,} files, {sum(m.file_size for m in found):,} bytes: more than a run leaves")
    if reasons:
        raise errors.Refused(f"{path} is not unpacked", reasons=reasons[:10])


def _differences(archive: zipfile.ZipFile, manifest: Mapping[str, Any]) -> Iterator[str]:
    names = [m.filename for m in archive.infolist()]
    known = manifest["files"]
    for name in sorted({*names} - {*known, MANIFEST}):
        yield f"{name}: is not in the manifest"
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"{name}: is there twice"
    for name, told in known.items():
        if name not in names:
            yield f"{name}: is missing"
        elif why := _difference(archive, name, told):
            yield f"{name}: {why}"


def _difference(archive: zipfile.ZipFile, name: str, told: Mapping[str, Any]) -> str | None:
    digest, size = hashlib.sha256(), 0
    try:
        with archive.open(name) as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
                if size > int(told["size"]):
                    return "is longer than when it was exported"
    except _UNREADABLE as problem:
        return f"was changed ({problem})"
    except KeyError:
        return "has no size in the manifest"
    return None if (size, digest.hexdigest()) == (told["size"], told.get("sha256")) else "was changed"


def _seal_of(path: Path) -> str:
    """SHA-256 of every byte before the comment."""
    digest, left = hashlib.sha256(), max(0, path.stat().st_size - _LONG)
    with path.open("rb") as file:
        while left and (block := file.read(min(1 << 20, left))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
