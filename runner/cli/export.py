"""`chaos-run export RUN`: the evidence of one run as a bundle that verifies offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from runner import codec, errors
from runner import files as outputs
from runner.rundir.names import EVENTS, RECORD


@click.command(name="export")
@click.argument("run", default="last")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The bundle: RUN.zip here unless said otherwise.")
@click.option("--store", help="The record: a path or a database URL.")
def command(run: str, output: Path | None, store: str | None) -> int:
    """Bundle everything that RUN rests on: inputs, plan, samples, events, ledger, journal and record, each with its hash.

    Secrets are not in it.
    """
    from runner.store import Store, bundle
    from runner.timeline.mask import Mask

    if output:
        outputs.check_output(output, "the bundle", suffixes=(".zip",))
    with Store.open(store) as opened:
        record = opened.get(run)
        path = output or Path(f"{record.run}.zip")
        outputs.check_output(path, "the bundle")
        events = opened.events(record.run)
    folder = Path(record.folder)
    mask = Mask(_secrets(folder))
    files = dict(bundle.gather(folder, mask.text)) if folder.is_dir() else {}
    missing = [i.tape for i in record.indicators if i.tape not in files]
    files[RECORD] = _json(codec.encode(codec.with_texts(record, mask.text)))
    files.setdefault(EVENTS, b"".join(_json(mask.value(e)) for e in events))
    seal = bundle.pack(files, record.run, path)
    click.echo(f"{path}: {len(files)} files of {record.run}, seal {seal}")
    for name in missing:
        click.echo(f"warning: {name} is not in it: {folder} has it not", err=True)
    return errors.ExitCode.PASS


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, default=str) + "\n").encode(errors="backslashreplace")


def _secrets(folder: Path) -> Iterator[str]:
    """The values that the experiment's secrets have on this machine; literal ones were never written to the folder."""
    import os

    for name in ("run.json", "evidence/run.json"):
        try:
            document = json.loads((folder / name).read_text(encoding="utf-8"))["document"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        yield from (value for key in _variables(document.get("secrets")) if (value := os.environ.get(key)))


def _variables(secrets: Any) -> Iterator[str]:
    if not isinstance(secrets, dict):
        return
    if secrets.get("type") == "env":
        yield str(secrets.get("key"))
        return
    for value in secrets.values():
        yield from _variables(value)
