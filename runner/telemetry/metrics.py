"""Metrics: the last run of an experiment as Prometheus metric families, in base units and without a label that grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily

from runner.telemetry.finished import Finished

LABELS = ("experiment", "service", "context")
LONGEST = 120
"""Characters of a label: a title is free text."""
VERDICTS = ("PASS", "FAIL", "INCONCLUSIVE", "ABORTED", "UNDO_FAILED", "ENVIRONMENT", "INTERRUPTED")
LAST = "chaos_run_last_run_"
ENDED = f"{LAST}timestamp_seconds"
RUNS = "chaos_run_runs"
Key = tuple[str, ...]


def key(run: Finished) -> Key:
    """What every series of a run carries: title, service and context."""
    record = run.record
    return tuple(text[:LONGEST] for text in (record.title, record.service, record.context or "none"))


def last_run(run: Finished) -> Iterator[Metric]:
    """Everything that is told of the last run; what does not apply to it (TTD of a fault nobody felt) has no series."""
    record, own = run.record, key(run)
    yield _gauge("timestamp_seconds", "When the last run ended, Unix time.", [(own, record.ended.timestamp())])
    duration_s = (record.ended - record.started).total_seconds()
    yield _gauge("duration_seconds", "How long the last run took.", [(own, duration_s)])
    verdicts = [((*own, v), float(v == record.verdict)) for v in VERDICTS]
    yield _gauge("verdict", "1 for the verdict of the last run, 0 for the others.", verdicts, "verdict")
    for name, what, seconds, censored in (
        ("time_to_detect", "until detection", record.ttd_s, record.ttd_censored),
        ("time_to_recover", "until recovery", record.ttr_s, record.ttr_censored),
    ):
        known = [] if seconds is None else [own]
        yield _gauge(f"{name}_seconds", f"From impact {what}, in the last run.", [(k, seconds or 0.0) for k in known])
        told = f"1 where the wait {what} was cut off: its seconds are a lower bound."
        yield _gauge(f"{name}_censored", told, [(k, float(censored)) for k in known])
    spent = [((*own, o.name[:LONGEST]), o.budget_spent) for o in record.objectives]
    yield _gauge("error_budget_spent_ratio", "Share of the whole error budget it spent.", spent, "objective")
    steps = [((*own, "undone"), float(run.undone)), ((*own, "open"), float(len(run.left)))]
    yield _gauge("undo_steps", "Records of its undo ledger that are undone, and that are still open.", steps, "state")
    yield _gauge("residue", "What the scan after the last run found left behind.", [(own, float(len(record.residue)))])


def text(families: Iterable[Metric]) -> str:
    """The text format that node exporter reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(families))
    return generate_latest(registry).decode()


class Families:
    """A collector of families that are made already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = [family for family in families if family.samples]

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._families


def _gauge(name: str, told: str, values: Sequence[tuple[Key, float]], *extra: str) -> Metric:
    family = GaugeMetricFamily(LAST + name, told, labels=[*LABELS, *extra])
    for labels, value in values:
        family.add_metric(list(labels), value)
    return family
