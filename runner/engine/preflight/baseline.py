"""The baseline: users are watched before anything is broken, and all that comes later is imported meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner import errors, units
from runner.engine.observe.observers import Observers
from runner.engine.observe.traffic import Traffic
from runner.engine.preflight.admission import Targets
from runner.engine.processes import Processes
from runner.engine.run_context import RunContext
from runner.engine.session import Session
from runner.plan.plan import Plan
from runner.timeline.event import Name
from runner.timeline.vocabulary import Phase, StopReason

if TYPE_CHECKING:
    from runner.engine.execute.silencing import Silencing
    from runner.slo.series import Series
    from runner.slo.verdict import Judgement

LATER = (
    "runner.engine.observe.detection",
    "runner.engine.execute.inject_and_undo",
    "runner.engine.conclude.recovery",
    "runner.engine.conclude.build_record",
    "runner.engine.conclude.publish",
    "runner.engine.execute.method",
    "runner.store.store",
    "sqlalchemy.dialects.sqlite",
    "ctypes",
)
"""Imported while we wait anyway, so that neither the beginning nor the end of the run does."""


def announce(context: RunContext, drawn: Plan) -> None:
    """Tell that the run begins, and what is known of it."""
    session, experiment, where = context.session, context.experiment, context.where
    session.tell(
        Name.RUN_STARTED,
        title=experiment.title,
        experiment=experiment.path,
        context=where.said,
        environment=where.environment,
        plan_hash=drawn.hash,
        targets=[t for step in drawn.steps for t in step.targets],
        service=experiment.block.service,
        by=units.user(),
        labels=dict(context.options.labels),
        planned_s=drawn.baseline_s + drawn.method_s,
    )
    if drawn.repeats:
        from runner.engine.preflight import repeated

        repeated.tell(session, drawn)
    for warning in drawn.warnings:
        session.find("warning", warning)
    for sentence in drawn.standing:
        session.find("info", sentence)


async def holds(
    context: RunContext, processes: Processes, observers: Observers, targets: Targets, silencing: Silencing
) -> bool:
    """Whether all is well before anything is broken; if not, nothing is injected. Raises Interrupted."""
    session, block = context.session, context.experiment.block
    if drawn_vacuous := [a.action for a in targets.actions if a.resolved and not a.targets]:
        session.find("error", f"nothing to test: no target matches {', '.join(drawn_vacuous)}")
        return False
    windows = block.windows
    asked = observers.series or "baseline" in windows.model_fields_set
    length = windows.baseline if asked else 0.0  # by default nobody waits for traffic that is not there
    if any(d.kind is not None for d in block.detection):
        await observers.detecting.open()
    if silencing:
        await processes.ready()
        await silencing.check()
    await observers.traffic.start()
    session.enter(Phase.BASELINE, length)
    observers.sources.start()
    processes.learn(indicators=observers.indicators())
    processes.persist(durable=True)  # where the samples are, for the record of whoever survives us
    observers.start_watching()
    loading = asyncio.create_task(asyncio.to_thread(_load_what_comes_later))
    await _wait_or_stop(session, length - session.phase_elapsed_s)
    await loading
    await processes.ready()
    if session.stop.done():
        stop = session.stop.result()
        if stop.by == StopReason.RUNNER:
            raise errors.EnvironmentFailure(stop.sentence)
        raise errors.Interrupted(f"{stop.sentence}; nothing was injected")
    if observers.traffic.dead:
        raise errors.EnvironmentFailure("the prober died in the baseline: the impact of a fault could not be measured")
    _tell_odd_answers(session, observers.traffic, await observers.traffic.learn())
    return _objectives_hold(session, observers)


def _tell_odd_answers(session: Session, traffic: Traffic, redirects: Mapping[str, str]) -> None:
    """A service that only ever sends users elsewhere, or away, is hardly the one that was meant."""
    from runner.slo import answers

    for stream in traffic.streams:
        before = traffic.before[stream.name]
        if not answers.none_usual(before):
            continue
        said = f"{stream.name}: every answer of the baseline had status {' or '.join(sorted(before))}"
        if all(int(status) in answers.REDIRECTS for status in before):
            where = answers.destination(stream.url, redirects.get(stream.name, ""))
            said += f", a redirect to {where}, which was not requested and may be down: use that address as the traffic's url"
        elif stream.expect.status is None and all(int(status) < 500 for status in before):
            said += (
                ", which counts as good; if it is not, correct the url, or say what is good with expect: {status: …}"
            )
        else:
            continue
        session.find("warning", said)


def _objectives_hold(session: Session, observers: Observers) -> bool:
    """Whether every objective held while nothing was broken; if not, why is said."""
    start, end = session.phase_since_ns, session.clock.monotonic()
    found = [observers.judge(o.momentary, start, end) for o in observers.objectives]
    # The baseline asks whether the objective holds, not whether that can be certified.
    told: list[dict[str, Any]] = [
        {"name": j.objective.name, "met": _met(j, observers.series[j.objective.indicator], end), "sentence": j.detail}
        for j in found
    ]
    unwell = observers.checks.unwell(end)
    met = all(t["met"] for t in told) and not unwell
    session.tell(Name.BASELINE, met=met, objectives=told)
    if not met:
        missed = ", ".join(t["name"] for t in told if not t["met"])
        failing = "; ".join(filter(None, (missed, *unwell)))
        session.find("error", f"the baseline does not hold ({failing}): nothing was injected{_why(observers)}")
    return met


def _met(judged: Judgement, series: Series, now_ns: int) -> bool:
    """Whether an objective held; not where its source has fallen silent meanwhile."""
    silent = series.trouble and series.lag_ns(now_ns) > 2 * series.step_s * 1e9
    return judged.total > 0 and judged.bad <= judged.objective.budget * judged.total and not silent


def _why(observers: Observers) -> str:
    from runner.slo import causes

    traffic, counted = observers.traffic, {**observers.sources.series, **observers.checks.series}
    failed = [(s.name, s.url, causes.counted(traffic.samples[s.name])) for s in traffic.streams]
    told = "".join(f"; {name}, {url}: {causes.told(failures)}" for name, url, failures in failed if failures)
    told += "".join(f"; {said}" for *_, failures in failed if (said := causes.hint(failures)))
    return told + "".join(f"; {s.name}: no data, {s.trouble}" for s in counted.values() if s.trouble)


def _load_what_comes_later() -> None:
    for module in LATER:
        importlib.import_module(module)
    importlib.import_module("runner.report.html").prepare()
    importlib.import_module("runner.engine.machine").machine()


async def _wait_or_stop(session: Session, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(session.stop), seconds)
