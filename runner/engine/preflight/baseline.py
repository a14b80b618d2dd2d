"""The baseline: users are watched before anything is broken, and all that comes later is imported meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import Mapping

from runner import errors, units
from runner.engine.crew import Crew
from runner.engine.session import Session
from runner.plan.plan import Plan
from runner.timeline.event import Name
from runner.timeline.vocabulary import Phase, StopReason

LATER = (
    "runner.engine.observe.detection",
    "runner.engine.execute.stages",
    "runner.engine.conclude.recovery",
    "runner.engine.conclude.judge",
    "runner.engine.execute.method",
    "runner.store.store",
    "sqlalchemy.dialects.sqlite",
    "ctypes",
)
"""Imported while we wait anyway, so that neither the beginning nor the end of the run does."""


def announce(session: Session, crew: Crew, drawn: Plan) -> None:
    """The run begins."""
    session.tell(
        Name.RUN_STARTED,
        title=session.experiment.title,
        experiment=session.experiment.path,
        context=crew.where.said,
        environment=crew.where.environment,
        plan_hash=drawn.hash,
        targets=[t for step in drawn.steps for t in step.targets],
        service=session.experiment.block.service,
        by=units.user(),
        planned_s=drawn.baseline_s + drawn.method_s,
    )
    for warning in drawn.warnings:
        session.find("warning", warning)
    for sentence in drawn.standing:
        session.find("info", sentence)


async def holds(session: Session, crew: Crew) -> bool:
    """Whether all is well before anything is broken; if not, nothing is injected. Raises Interrupted."""
    if drawn_vacuous := [a.action for a in crew.world.actions if a.resolved and not a.targets]:
        session.find("error", f"nothing to test: no target matches {', '.join(drawn_vacuous)}")
        return False
    windows = session.experiment.block.windows
    asked = crew.series or "baseline" in windows.model_fields_set
    length = windows.baseline if asked else 0.0  # by default nobody waits for traffic that is not there
    if any(d.kind is not None for d in session.experiment.block.detection):
        await crew.detecting.open()
    if crew.silencing:
        await crew.ready()
        await crew.silencing.check()
    await crew.traffic.start()
    session.enter(Phase.BASELINE, length)
    crew.start_watching()
    loading = asyncio.create_task(asyncio.to_thread(_load_what_comes_later))
    await _wait_or_stop(session, length - session.phase_elapsed_s)
    await loading
    await crew.ready()
    if session.stop.done():
        stop = session.stop.result()
        if stop.by == StopReason.RUNNER:
            raise errors.EnvironmentFailure(stop.sentence)
        raise errors.Interrupted(f"{stop.sentence}; nothing was injected")
    if crew.traffic.dead:
        raise errors.EnvironmentFailure("the prober died in the baseline: the impact of a fault could not be measured")
    _tell_odd_answers(session, crew, await crew.traffic.learn())
    from runner.engine.conclude import judge

    return judge.baseline_holds(session, crew)


def _tell_odd_answers(session: Session, crew: Crew, redirects: Mapping[str, str]) -> None:
    """A service that only ever sends users elsewhere, or away, is hardly the one that was meant."""
    from runner.slo import answers

    for stream in crew.traffic.streams:
        before = crew.traffic.before[stream.name]
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


def _load_what_comes_later() -> None:
    for module in LATER:
        importlib.import_module(module)
    importlib.import_module("runner.report.html").prepare()
    importlib.import_module("runner.engine.conclude.judge").machine()


async def _wait_or_stop(session: Session, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(session.stop), seconds)
