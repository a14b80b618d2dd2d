"""The method: let the worker inject, listen to it, and have it stopped and undone whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from runner import error_text, errors
from runner.chaostoolkit.journal import Journal
from runner.engine.execute import controls, proof
from runner.engine.execute.controls import Hooks
from runner.engine.execute.waits import Waits
from runner.engine.observe.progress import Progress
from runner.engine.session import Session
from runner.engine.supervisor import Supervisor
from runner.experiment import judged
from runner.experiment.experiment import Experiment
from runner.faults import registry
from runner.faults.driver import Evidence, FaultTarget
from runner.process import messages
from runner.process.messages import ActivityCompleted, ActivityStarted, UndoProgress, WorkerMessage
from runner.rundir.ledger import UndoRecord
from runner.timeline.event import Name
from runner.timeline.record import Fault, HypothesisResult, UndoStep
from runner.timeline.vocabulary import MarkName, Phase, StopReason, UndoState

_COMMENTARY = re.compile(r"[\d-]{10} [\d:,]{12} (INFO|DEBUG) ")
NO_WAY_BACK = "the undoer process died: aborting because the undo is no longer guaranteed"
STRANGER = "the worker was stopped by a signal from outside of chaos-run"
PROVE_EVERY_S = 0.5
OVERTIME_S = 2.0
"""How long after its own timeout an activity may go on before the whole method is stopped."""


class Method:
    """What happened to the faults of one run, as told by the worker and proven by the undoer."""

    def __init__(
        self,
        session: Session,
        experiment: Experiment,
        supervisor: Supervisor,
        actions: Sequence[FaultTarget],
        progress: Progress,
    ) -> None:
        self.journal = Journal(experiment.document, session.folder)
        self.finished = False
        self.started = False
        """Whether an action was begun: only then is there something that may have bitten."""
        self.begun: list[str] = []
        """Actions, by name, in the order in which they were begun."""
        self.failed: dict[str, str] = {}
        """Actions that failed, with the reason: whatever they did, it is not what the file describes."""
        self.over = True
        """Whether the worker acts no more and all it said was heard."""
        self.undo_steps: list[UndoStep] = []
        self.step_ended_ns = 0
        """When the last undo step so far that concerns the target was settled; what lies outside of it may take longer."""
        self.waits = Waits(session)
        self.hooks = Hooks(session, supervisor, expected=experiment.has_controls)
        self._progress = progress
        self._runtime = experiment.runtime
        self._session = session
        self._supervisor = supervisor
        self._actions = {a.action: a for a in actions}
        self._runs: dict[str, Mapping[str, Any]] = {}
        self._open: list[str] = []
        """Activities and checks that the worker has begun and not ended: what it dies of, if it dies."""
        self._evidence: dict[str, Evidence] = {}
        self._beside: dict[str, tuple[str, ...]] = {}
        """Which actions had begun when an action was last looked at."""
        self._checks: dict[str, list[tuple[bool, str]]] = {}
        self._deadlines: dict[str, float] = {}
        self._outside: set[str] = set()
        """Undo steps that do not concern the target, by what they do: their numbers change with the undoer that plays them."""
        supervisor.on_undo = self._undo_step

    async def play(self) -> None:
        """Inject until the method is over, or until somebody wants the run stopped."""
        session = self._session
        if not self._supervisor.undoer.running:
            session.end_early(StopReason.RUNNER, NO_WAY_BACK)
            return
        session.injecting, self.over = True, False
        aimed = {a.action: a.arguments for a in self._actions.values() if a.arguments is not None}
        await self._supervisor.inject(aimed)
        listening = asyncio.create_task(self._listen())
        proving = asyncio.create_task(self._prove())
        patience = asyncio.create_task(self._watch_timeouts())
        vanished = asyncio.create_task(self._watch_undoer())
        either: set[asyncio.Future[Any]] = {listening, session.stop}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        for task in (proving, patience, vanished):
            task.cancel()
        if session.stop.done() or not self.finished:
            await self._abort()
        elif not self.hooks.waiting.is_set():
            await self._supervisor.worker.exited(0.3)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(listening, 1.0)
            self.over = True

    async def _abort(self) -> None:
        if not self._session.stop.done():
            self._session.end_early(StopReason.RUNNER, self._epitaph())
        stop = self._session.stop.result()
        self._session.mark(MarkName.ABORTED, source=stop.by)
        self._session.tell(Name.ABORT, by=stop.by, sentence=stop.sentence)
        await self._supervisor.stop_worker(self.hooks.waiting)

    async def conclude(self) -> None:
        """What is still to be called when everything is undone."""
        await self.hooks.conclude(self.journal, over=self.finished)

    def _epitaph(self) -> str:
        """How the worker ended, in what, and what was printed last; Chaos Toolkit's own running commentary is no last word."""
        worker = self._supervisor.worker
        printed = [words for words in worker.last_words if not _COMMENTARY.match(words)]
        words = error_text.last_words(printed[-3:] or list(worker.last_words)[-1:]) or "no output"
        within = "".join(f" in {name!r}" for name in self._open)
        return f"the worker ended with {worker.how_it_ended}{within}: {words}"

    async def undo(self, steps: Sequence[UndoRecord]) -> bool:
        """Put everything back, in the order of the ledger. True when nothing is left open."""
        self._outside = {record.what for record in steps if registry.outlives_target(record.kind)}
        self._progress.note_undo_steps([record.what for record in steps])
        self._session.enter(Phase.UNDO)
        self._session.mark(MarkName.UNDO_STARTED)
        self._session.tell(Name.UNDO_STARTED, steps=len(steps))
        return await self._supervisor.undo()

    async def prove_once(self) -> None:
        """Look for the effects of all actions that have begun."""
        if not (waiting := proof.to_look_at(self._actions.values(), self._evidence, self.begun)):
            return
        with contextlib.suppress(errors.EnvironmentFailure):  # an API server that was hit itself: asked again later
            for name, evidence in (await self._supervisor.confirm(waiting)).items():
                self._take_evidence(name, evidence)

    def faults(self) -> tuple[Fault, ...]:
        """Each action with its targets and how far it is proven."""
        felt = self._session.marked(MarkName.EFFECTIVE)
        seen = proof.Seen(self._evidence, self._runs, felt, self._runtime, self._beside)
        return proof.faults(self._actions.values(), seen)

    def hypothesis(self) -> tuple[HypothesisResult, ...]:
        """The checks of the file's hypothesis: before, during, after."""
        return tuple(
            HypothesisResult(
                when=when,
                met=all(met for met, _ in checks),
                checks=len(checks),
                failed=sum(not met for met, _ in checks),
                sentence=next(
                    (sentence for met, sentence in checks if not met), "every probe was within its tolerance"
                ),
            )
            for when, checks in self._checks.items()
        )

    def note_hypothesis(self, when: str, state: Mapping[str, Any] | None, mono_ns: int | None = None) -> bool:
        """Take in one check. Returns whether it was met; no hypothesis is met."""
        if state is None:
            return True
        probes = [_probe(run, self._supervisor.configuration) for run in state.get("probes") or ()]
        met = bool(state.get("steady_state_met"))
        failed = "; ".join(f"{p['name']}: {p['value']}, expected {p['expected']}" for p in probes if not p["met"])
        if when == "recovered":
            self._checks[when] = []  # the last look counts: recovering takes its time
        self._checks.setdefault(when, []).append((met, failed))
        self._progress.hypothesis_met = met
        self._session.tell(Name.HYPOTHESIS, mono_ns=mono_ns, when=when, met=met, probes=probes)
        return met

    async def _listen(self) -> None:
        async for message in self._supervisor.worker.messages():
            self.journal.note(message)
            self._take(message)
            if self.finished:  # it may still be tearing down its interpreter, which nobody has to wait for
                return

    def _take(self, message: WorkerMessage) -> None:
        match message:
            case messages.Checking(name=name):
                self._open.append(name)
            case messages.Checked(name=name):
                self._ended(name)
            case messages.ActivityStarted():
                self._activity_started(message)
            case messages.ActivityCompleted():
                self._activity_completed(message)
            case messages.WaitStarted() | messages.WaitEnded():
                self.waits.take(message)
            case messages.HypothesisChecked(when=when, state=state):
                self.note_hypothesis(when, state, message.mono_ns)
            case messages.ControlHeard() | messages.Changed():
                self.hooks.take(message)
            case messages.Stopped(asked=asked) if not self._session.stop.done():
                by, why = (StopReason.CONTROL, controls.OWN_CODE) if asked else (StopReason.RUNNER, STRANGER)
                self._session.end_early(by, why)
            case messages.Crashed(broke=broke, error=error):
                said = f"Chaos Toolkit crashed: {broke or error}"
                self._session.end_early(StopReason.RUNNER, said)
                self._session.find("error", said)
            case messages.Waiting() | messages.Finished():
                self.finished = True
                if isinstance(message, messages.Waiting):
                    self.hooks.wait()
                self.hooks.ended(message)

    def _activity_started(self, message: ActivityStarted) -> None:
        activity = message.activity
        name = str(activity.get("name"))
        kind = activity.get("type", "action")
        self._open.append(name)
        self._session.tell(Name.ACTIVITY, mono_ns=message.mono_ns, activity=name, kind=kind, state="started")
        if message.timeout:
            self._deadlines[name] = message.mono_ns / 1e9 + message.timeout + OVERTIME_S
        if kind == "action":
            self.started = True
            self.begun.append(name)
            self._runs[name] = {"started_ns": message.mono_ns}

    def _ended(self, name: str) -> None:
        with contextlib.suppress(ValueError):
            self._open.remove(name)

    def _activity_completed(self, message: ActivityCompleted) -> None:
        activity, run = message.activity, message.run
        name, kind = str(activity.get("name")), activity.get("type", "action")
        self._deadlines.pop(name, None)
        self._ended(name)
        succeeded = run.get("status") == "succeeded"
        cut_off = "interrupted by the stop" if self._session.stop.done() and not succeeded else None
        error = error_text.of_account(run.get("exception")) or cut_off
        self._session.tell(
            Name.ACTIVITY,
            mono_ns=message.mono_ns,
            activity=name,
            kind=kind,
            state="succeeded" if succeeded else "failed",
            output=proof.short(run.get("output")),
            error=error,
        )
        if kind != "action":
            return
        began = self._runs.get(name, {}).get("started_ns", message.mono_ns)
        self._runs[name] = {"started_ns": began, **run}
        if not self._runtime.acts:
            return
        if succeeded:
            self._injected(name, began, message.mono_ns, run.get("output"))
            action = self._actions.get(name)
            if action and action.stays and (refused := error_text.of_answer(run.get("output"))):
                self.failed[name] = refused  # nobody asks whether it bit, but it has to have worked
        elif not self._session.stop.done():
            self.failed[name] = error or proof.UNSAID
            self._session.find("error", f"the action {name!r} failed: {self.failed[name]}")

    def _injected(self, name: str, began_ns: int, ended_ns: int, output: Any) -> None:
        error_s = (ended_ns - began_ns) / 2e9
        middle = (began_ns + ended_ns) // 2
        aimed = list(self._actions[name].targets) if name in self._actions else []
        hit = [t for t in aimed if isinstance(output, list) and t.split("/")[-1] in output]
        targets = hit or aimed  # of a random choice the action itself says whom it took
        if hit:
            self._progress.note_chosen(aimed, hit)
        self._session.mark(MarkName.INJECTED, mono_ns=middle, error_s=error_s, source=name)
        self._session.tell(Name.INJECTED, mono_ns=middle, fault=name, targets=targets, error_s=round(error_s, 4))

    async def _prove(self) -> None:
        while True:
            await self._session.clock.sleep(PROVE_EVERY_S)
            if self.started:
                await self.prove_once()

    def _take_evidence(self, name: str, found: Evidence) -> None:
        self._evidence[name], self._beside[name] = found, tuple(self.begun)
        if found.confirmed:
            self._progress.note_confirmed(found.targets)
            how = proof.told(self._actions[name], found, self.begun)
            self._session.tell(Name.EFFECTIVE, fault=name, how=how, error_s=PROVE_EVERY_S)

    async def _watch_timeouts(self) -> None:
        while True:
            await self._session.clock.sleep(0.2)
            late = [n for n, until in self._deadlines.items() if self._session.clock.monotonic() / 1e9 > until]
            if late:
                self._session.end_early(StopReason.RUNNER, f"the activity {late[0]!r} did not end at its own timeout")

    async def _watch_undoer(self) -> None:
        await self._supervisor.undoer_died.wait()
        self._session.end_early(StopReason.RUNNER, NO_WAY_BACK)

    def _undo_step(self, message: UndoProgress) -> None:
        self.journal.note(message)
        self._progress.note_undo_step(message.step, message.what, message.state)
        self._session.tell(Name.UNDO_STEP, mono_ns=message.mono_ns, **message.fields)
        if message.state == UndoState.STARTED:
            return
        if message.what not in self._outside:
            self.step_ended_ns = message.mono_ns
        if message.step or message.state != UndoState.ALREADY:  # 0: no process was left
            self.undo_steps.append(
                UndoStep(
                    step=message.step,
                    what=message.what,
                    state=message.state,
                    seconds=round(message.seconds or 0.0, 4),
                    error=message.error,
                )
            )


def _probe(run: Mapping[str, Any], configuration: Mapping[str, Any]) -> dict[str, Any]:
    """One probe of a check: what was judged and what was expected of it, or why there was nothing to judge."""
    activity = run.get("activity") or {}
    failed, output = error_text.of_account(run.get("exception")), run.get("output")
    if failed and (activity.get("provider") or {}).get("type") in ("http", "process"):
        output = {"status": None}  # what would have been judged
    compared = judged.judged(activity.get("tolerance"), output, configuration)
    return {
        "name": activity.get("name"),
        "met": bool(run.get("tolerance_met")),
        "value": failed or compared.seen,
        "expected": compared.expected,
    }
