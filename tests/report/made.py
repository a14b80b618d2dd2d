"""Made-up runs, whole enough to be looked at: a pass, a fail, an abort, an undecided one, and one that was not put back."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from runner.report import incident_times
from runner.slo.sample import Flag, Sample
from runner.timeline import way_back
from runner.timeline.event import Event, Name
from runner.timeline.mark import Finding, Indicator, Mark, Window
from runner.timeline.record import Fault, HypothesisResult, ObjectiveResult, RunRecord, UndoStep

START = datetime(2026, 11, 24, 12, 3, 1, tzinfo=UTC)
T0 = 5_000_000_000_000
Fate = Callable[[float], tuple[float, int]]
"""Seconds of the run to latency in seconds and flags."""


def ns(seconds: float) -> int:
    return T0 + int(seconds * 1e9)


def traffic(
    fate: Fate, *, seconds: float = 45.0, rate: float = 100.0, hole: tuple[float, float] = (0, 0)
) -> list[Sample]:
    """Requests at a fixed rate, each with the fate of its moment; none at all within the hole."""
    moments = (i / rate for i in range(int(seconds * rate)))
    return [_sample(t, *fate(t)) for t in moments if not hole[0] <= t < hole[1]]


def _sample(t: float, latency_s: float, flags: int) -> Sample:
    status = 0 if flags & (Flag.CONNECTION | Flag.TIMEOUT) else 200
    return Sample(ns(t), int(40 + 60 * (t % 1)), int(latency_s * 1e6), status, int(Flag.SENT | Flag.DONE) | flags)


def fates(down: tuple[float, float], share: float, seed: int = 7) -> Fate:
    """Healthy, but for a share of connection errors while down and a slow moment after."""
    dice = random.Random(seed)

    def fate(t: float) -> tuple[float, int]:
        latency = dice.lognormvariate(-4.6, 0.35)
        if down[0] <= t < down[1] and dice.random() < share:
            return 0.002, int(Flag.CONNECTION)
        return (latency * 6 if down[1] <= t < down[1] + 1.5 else latency), 0

    return fate


def record(**changes: object) -> RunRecord:
    """A clean pass with three replicas."""
    return replace(_PASS, **changes)  # type: ignore[arg-type]


def objective(**changes: object) -> ObjectiveResult:
    return replace(_AVAILABILITY, **changes)  # type: ignore[arg-type]


def mark(name: str, seconds: float, source: str = "", error_s: float = 0.001) -> Mark:
    return Mark(name=name, at=START + timedelta(seconds=seconds), mono_ns=ns(seconds), error_s=error_s, source=source)


def window(phase: str, start: float, end: float) -> Window:
    return Window(phase=phase, start_ns=ns(start), end_ns=ns(end))


_AVAILABILITY = ObjectiveResult(
    name="availability",
    indicator="storefront",
    kind="availability",
    target=0.99,
    verdict="PASS",
    sentence="PASS: 0.11 % bad (4/3,500), at most 0.32 % with 95 % confidence (dispersion 1.0), allowed 1 %",
    bad=4,
    total=3500,
    lower=0.0004,
    upper=0.0032,
    budget_spent=0.0000154,
    outage_s=0.04,
)
_LATENCY = ObjectiveResult(
    name="latency",
    indicator="storefront",
    kind="latency",
    target=0.95,
    threshold_s=0.5,
    verdict="PASS",
    sentence="PASS: 0.11 % slower than 500ms (4/3,500), at most 0.32 % with 95 % confidence, allowed 5 %",
    bad=4,
    total=3500,
    lower=0.0004,
    upper=0.0032,
    dispersion=1.3,
)
_PASS = RunRecord(
    run="20261124-120301-7f3a",
    title="A killed pod of the shop goes unnoticed",
    experiment="experiments/pod-kill.yaml",
    experiment_hash="9c1185a5c5e9fc54",
    service="shop",
    context="kind-chaos",
    started=START,
    ended=START + timedelta(seconds=46),
    started_mono_ns=T0,
    verdict="PASS",
    exit_code=0,
    sentence="Users were not hurt: 0.11 % bad (4/3,500), at most 0.32 % with 95 % confidence, 1 % allowed; the fault was proven.",
    folder="/home/ada/.local/state/chaos-run/runs/20261124-120301-7f3a",
    objectives=(_AVAILABILITY, _LATENCY),
    hypothesis=(
        HypothesisResult(when="before", met=True),
        HypothesisResult(when="during", met=True, checks=15, sentence="15 of 15 checks held"),
        HypothesisResult(when="after", met=True),
    ),
    faults=(
        Fault(
            name="kill-one-pod",
            targets=("shop/shop-6d5f7c9b8-x2x9k",),
            proof="proven",
            evidence="pod UID 1f0c… is gone, 9a7e… took its place after 2.1s",
            undo_owner="system",
        ),
    ),
    undo=(UndoStep(step=1, what="nothing: the deployment replaces the pod by itself", state="already", seconds=0.004),),
    marks=(
        mark("injected", 10.02, "worker", 0.02),
        mark("effective", 10.11, "storefront", 0.05),
        mark("undo_started", 25.1, "engine"),
        mark("undone", 25.2, "undoer"),
        mark("recovered", 12.4, "storefront", 0.1),
    ),
    windows=(
        window("baseline", 0, 10),
        window("inject", 10, 25.1),
        window("undo", 25.1, 25.4),
        window("recover", 25.4, 45),
    ),
    indicators=(
        Indicator(name="storefront", url="http://127.0.0.1:30080/", rate=100, timeout_s=1, tape="storefront.tape"),
    ),
    ttr_s=2.3,
    ttr_error_s=0.15,
    way_back=way_back.told(acted=True, done=1, failed=(), residue=()),
    environment={"chaos-run": "0.1.0", "python": "3.11.9", "operator": "ada", "options": {"namespace": "shop"}},
)


def passed() -> tuple[RunRecord, dict[str, list[Sample]]]:
    return record(), {"storefront": traffic(fates((10.1, 10.5), 0.12))}


def failed() -> tuple[RunRecord, dict[str, list[Sample]]]:
    """One replica: a total outage of three seconds."""
    said = "8.6 % bad (301/3,500), at least 7.8 % with 95 % confidence, allowed 1 %"
    failing = objective(
        verdict="FAIL",
        sentence=said,
        bad=301,
        total=3500,
        lower=0.078,
        upper=0.094,
        budget_spent=0.00116,
        outage_s=3.01,
    )
    marks = (
        mark("injected", 10.02, "worker", 0.02),
        mark("effective", 10.08, "storefront"),
        mark("detected", 11.3, "burn-rate rule"),
        mark("recovered", 13.1, "storefront", 0.1),
        mark("undo_started", 25.1),
        mark("undone", 25.2, "undoer"),
    )
    broken = HypothesisResult(
        when="during", met=False, checks=15, failed=3, sentence="storefront-answers gave no answer 3 times of 15"
    )
    whole = record(
        run="20261124-120501-11b2", verdict="FAIL", exit_code=1, marks=marks, ttd_s=1.22, ttd_error_s=0.05, ttr_s=3.02,
        sentence="Users were hurt: availability had 8.6 % bad (301/3,500), at least 7.8 % with 95 % confidence, where 1 % is allowed.",
        objectives=(failing, _LATENCY), hypothesis=(HypothesisResult(when="before", met=True), broken),
        findings=(Finding(severity="warning", message="the only replica was hit: there is nothing to fail over to"),),
    )  # fmt: skip
    return whole, {"storefront": traffic(fates((10.05, 13.06), 1.0))}


def aborted() -> tuple[RunRecord, dict[str, list[Sample]]]:
    """A guard stopped it: the recovery is censored; the samples have a hole."""
    whole = record(
        run="20261124-121001-aa01", verdict="ABORTED", exit_code=5, ttd_s=0.9, ttr_s=4.1, ttr_censored=True,
        sentence="Aborted by a guard after 6.2s: storefront had 41 % bad over 5s, where 30 % is the limit. Everything was put back.",
        marks=(mark("injected", 10.02), mark("effective", 10.08), mark("detected", 10.98, "burn-rate rule"), mark("aborted", 14.2, "guard"),
               mark("undo_started", 14.22), mark("undone", 14.9, "undoer"), mark("recovered", 16.1)),
        windows=(window("baseline", 0, 10), window("inject", 10, 14.2), window("undo", 14.2, 15), window("recover", 15, 30)),
        undo=(UndoStep(step=1, what="uncordon node worker-2", state="undone", seconds=0.31),
              UndoStep(step=2, what="delete chaos-mesh NetworkChaos/delay", state="undone", seconds=0.22)),
    )  # fmt: skip
    return whole, {"storefront": traffic(fates((10.05, 15.0), 0.6), seconds=30, hole=(20, 22))}


def undecided() -> tuple[RunRecord, dict[str, list[Sample]]]:
    """A vacuous fault and too few requests."""
    said = "0 % bad (0/60), at most 4.9 % with 95 % confidence, allowed 1 %; 300 requests would decide"
    fault = Fault(name="kill-one-pod", proof="vacuous", evidence="no pod matches app=shopp", undo_owner="system")
    few = objective(
        verdict="INCONCLUSIVE", sentence=said, bad=0, total=60, lower=0.0, upper=0.049, budget_spent=0.0, outage_s=0.0
    )
    whole = record(
        run="20261124-121501-cc77", verdict="INCONCLUSIVE", exit_code=4, faults=(fault,), objectives=(few,), undo=(),
        sentence="Nothing was tested: kill-one-pod hit no target.", marks=(mark("injected", 10.02),), ttr_s=None,
    )  # fmt: skip
    return whole, {"storefront": traffic(fates((0, 0), 0), rate=2)}


def left_behind() -> tuple[RunRecord, dict[str, list[Sample]]]:
    """An undo step failed."""
    whole, samples = failed()
    steps = (
        UndoStep(
            step=1,
            what="uncordon node worker-2",
            state="failed",
            seconds=5.0,
            error="the API server did not answer within 5s",
        ),
        UndoStep(step=2, what="scale shop back to 3", state="undone", seconds=0.2),
    )
    said = "NOT everything was put back: 1 of 2 undo steps failed, node worker-2 is still cordoned. Run `chaos-run recover`."
    residue = ("node worker-2 is still cordoned by us",)
    return replace(
        whole,
        run="20261124-122001-dd90",
        verdict="UNDO_FAILED",
        exit_code=6,
        sentence=said,
        undo=steps,
        residue=residue,
        way_back=way_back.told(acted=True, done=1, failed=("uncordon node worker-2",), residue=residue),
    ), samples


ALL = {"pass": passed, "fail": failed, "abort": aborted, "inconclusive": undecided, "undo-failed": left_behind}


def event(name: Name, t: float, **fields: object) -> Event:
    return Event(event=name, at=START + timedelta(seconds=t), mono_ns=ns(t), t=t, run=_PASS.run, fields=fields)


def told(of: RunRecord) -> list[Event]:
    """The events that a run like this would have sent."""
    plain = of.to_json()
    fault = of.faults[0]
    return [
        event(Name.RUN_STARTED, 0.0, title=of.title, experiment=of.experiment, context=of.context, targets=list(of.targets)),
        event(Name.PHASE, 0.1, phase="baseline", planned_s=10.0),
        event(Name.BASELINE, 10.0, met=True, objectives=[]),
        event(Name.PHASE, 10.0, phase="inject", planned_s=15.0),
        event(Name.INJECTED, 10.02, fault=fault.name, targets=list(fault.targets), error_s=0.02),
        event(Name.EFFECTIVE, 10.08, indicator="storefront", how="the error ratio left its baseline", error_s=0.05),
        event(Name.PHASE, 25.1, phase="undo", planned_s=None),
        *(event(Name.UNDO_STEP, 25.2, step=s.step, what=s.what, state=s.state, error=s.error) for s in of.undo),
        event(Name.UNDONE, 25.3, clean=not of.residue, residue=list(of.residue)),
        event(Name.PHASE, 25.4, phase="recover", planned_s=120.0),
        event(Name.RECOVERED, 30.0, stable_s=5.0, error_s=0.1),
        *(event(Name.FINDING, 45.0, severity=f.severity, message=f.message) for f in of.findings),
        event(Name.VERDICT, 45.0, report="/tmp/report.html", **{k: plain[k] for k in ("verdict", "exit_code", "sentence", "objectives")},
              targets=list(of.targets), ttd_s=of.ttd_s, ttr_s=of.ttr_s, ttr_censored=of.ttr_censored,
              ttd_error_s=of.ttd_error_s, ttr_error_s=of.ttr_error_s, felt=incident_times.was_felt(of),
              ttd_why=incident_times.why_censored(of, "ttd"), ttr_why=incident_times.why_censored(of, "ttr"),
              findings=[f.message for f in of.findings]),
    ]  # fmt: skip
