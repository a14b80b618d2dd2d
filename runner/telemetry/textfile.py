"""Textfile: the metrics of all experiments of this machine in one file for node exporter; a run replaces its own series only."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from runner import clock, files
from runner.telemetry import metrics
from runner.telemetry.finished import Finished

PATIENCE_S = 3.0
"""For another run that is writing."""
MOST = 200
"""Experiments of one file; of more, those that ran last."""
OURS = "chaos_run_"
Old = Mapping[str, list[Sample]]


def write(path: Path, run: Finished) -> str:
    """Merge a run into the file, whole or not at all. Returns why it could not be, or an empty text. Raises OSError."""
    with _locked(path) as held:
        if not held:
            return f"another run has been writing it for {PATIENCE_S:g} s"
        try:
            before = path.read_text(encoding="utf-8") if path.exists() else ""
            old = {family.name: family.samples for family in text_string_to_metric_families(before)}
        except ValueError:
            return "it is there and holds no metrics: it is not overwritten"
        if foreign := next((name for name in old if not name.startswith(OURS)), None):
            return f"it holds metrics of another program ({foreign}): it is not overwritten"
        files.write_atomically(path, metrics.text(merged(old, run)), durable=False)
    return ""


def merged(old: Old, run: Finished) -> list[Metric]:
    """The file's families with this run in them.

    A run that is told again counts once, and one that is told late does not hide what has run since.
    """
    own, ended = metrics.key(run), run.record.ended.timestamp()
    known = {_key(s): s.value for s in old.get(metrics.ENDED, ())}
    latest = known.get(own)
    families = list(metrics.last_run(run))
    for family in families:
        before = old.get(family.name, [])
        ours = [s for s in before if _key(s) == own] if latest is not None and latest > ended else family.samples
        family.samples = [*(s for s in before if _key(s) != own), *ours]
    families.append(_runs(old, run, again=latest == ended))
    ages = known | {own: max(ended, latest or 0.0)}
    kept = set(sorted(ages, key=lambda k: ages[k])[-MOST:])
    for family in families:
        family.samples = sorted((s for s in family.samples if _key(s) in kept), key=lambda s: tuple(s.labels.values()))
    return families


def _runs(old: Old, run: Finished, *, again: bool) -> Metric:
    """A counter of this file: it begins with it, and goes with it."""
    family = CounterMetricFamily(metrics.RUNS, "Runs that ended, by verdict.", labels=[*metrics.LABELS, "verdict"])
    counts = {(*_key(s), s.labels["verdict"]): s.value for s in old.get(metrics.RUNS, ())}
    ours = (*metrics.key(run), run.record.verdict)
    counts[ours] = counts.get(ours, 0.0) + (0.0 if again else 1.0)
    for labels, value in counts.items():
        family.add_metric(list(labels), value)
    return family


def _key(sample: Sample) -> metrics.Key:
    return tuple(sample.labels.get(name, "") for name in metrics.LABELS)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether we hold it: one writer at a time, for the file is read before it is written."""
    descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        yield clock.poll_until(lambda: _try_lock(descriptor), PATIENCE_S)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
