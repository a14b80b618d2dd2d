"""A record with something in every list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from runner.timeline import record as records
from runner.timeline.asked import Asked

BEGAN = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)


def record(run: str, **changes: Any) -> records.RunRecord:
    given: dict[str, Any] = {
        "run": run,
        "title": "The shop survives a killed pod",
        "experiment": "experiments/pod-kill.yaml",
        "experiment_hash": "abc",
        "service": "shop",
        "context": "kind-shop",
        "started": BEGAN,
        "ended": BEGAN + timedelta(seconds=42),
        "started_mono_ns": 7,
        "verdict": "PASS",
        "exit_code": 0,
        "sentence": "PASS: all objectives were met",
        "folder": "/tmp/none",
        "objectives": (_objective(),),
        "hypothesis": (records.HypothesisResult(when="before", met=True),),
        "faults": (records.Fault(name="kill", targets=("pod/a", "pod/b"), proof="proven", evidence="its UID changed"),),
        "undo": (records.UndoStep(step=1, what="delete it", state="undone", seconds=0.2),),
        "residue": ("node n1 is cordoned",),
        "marks": (records.Mark(name="injected", at=BEGAN, mono_ns=2**40, error_s=0.01, source="kill"),),
        "windows": (records.Window(phase="inject", start_ns=1, end_ns=2),),
        "indicators": (records.Indicator(name="front", url="http://x", rate=50.0, timeout_s=1.0, tape="front.tape"),),
        "findings": (records.Finding(severity="warning", message="few requests"),),
        "ttd_s": 1.5,
        "labels": {"team": "checkout", "commit": "4f2a"},
        "asked": Asked(variables={"replicas": 2}, secret_variables=("token",), context="kind-shop", cwd="/tmp"),
        "environment": {"versions": {"python": "3.11"}},
    }
    return records.RunRecord(**given | changes)


def _objective() -> records.ObjectiveResult:
    return records.ObjectiveResult(
        name="availability", indicator="front", kind="availability", target=0.99, verdict="PASS",
        sentence="0.1 % bad (1/1000)", bad=1, total=1000, lower=0.0, upper=0.005,
    )  # fmt: skip
