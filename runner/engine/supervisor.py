"""Supervisor: the parent's hands on worker and undoer. Starts them, asks the undoer to look, stops the worker, has it all undone."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner import clock, codec, errors
from runner.experiment import variables
from runner.faults import identity, registry
from runner.faults.driver import Evidence, FaultTarget, Inspection, LockAnswer, Residue
from runner.process import messages, orphans, run_processes
from runner.process.channel import Talk
from runner.process.child import Child, MessageT, OrderT
from runner.process.messages import Answer, Ready, UndoerMessage, UndoerOrder, UndoProgress, WorkerMessage, WorkerOrder
from runner.rundir.start_message import Kept, StartMessage
from runner.timeline.mask import Mask

GRACE_S = 0.5
"""From SIGUSR1 until the worker's whole group is killed."""
WORKER, UNDOER = "runner.chaostoolkit.worker", "runner.undo.undoer"
"""Modules, as each child is started."""
UNDO_S = 300.0
"""How long an undoer that was left to itself may take."""
INSPECT_S, CONFIRM_S, LOOK_S = 20.0, 8.0, 15.0
"""How long the undoer may look: before the first change, for the effects of faults, and for anything else."""
START_S = 30.0
"""How long a child may take to import what it needs."""


class Supervisor:
    """One run's worker and undoer."""

    def __init__(
        self, start: StartMessage, env: Mapping[str, str], lifeline: int, alone: Mapping[str, str] | None = None
    ) -> None:
        """`alone`: what the undoer has in its environment besides, for when it is left to itself."""
        self._start = start
        self._folder = Path(start.folder)
        self._lifeline = lifeline
        self._env = registry.environment_of(env) | {
            "CHAOS_RUN_LIFELINE": str(lifeline),
            identity.VARIABLE: start.run,
            "PYTHONUNBUFFERED": "1",
        }
        self._alone = alone or {}
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._listener: asyncio.Task[None] | None = None
        self.worker: Child[WorkerOrder, WorkerMessage]
        self.undoer: Child[UndoerOrder, UndoerMessage]
        self.on_undo: Callable[[UndoProgress], None] = lambda message: None
        """Called with every `undo_step`."""
        self.undoer_died = asyncio.Event()
        self.mask = Mask(())
        """Over the experiment's secrets, known from `ready` on."""
        self.revealed: Mapping[str, Any] = {}
        """The groups of secrets that the start message asks for, known from `ready` on: never to be written anywhere."""
        self._undone: asyncio.Future[bool | None] | None = None
        self._replacing = asyncio.Lock()
        self.spare: int | None = None
        """A worker that injects nothing any more and has something to do after the undo, by its id."""
        self._at_stake = False
        """Something was changed outside, or the worker told to inject, and nothing was undone since."""
        self._children: asyncio.Task[set[int]] | None = None
        """Of this process, when worker and undoer were ready: looked for while the baseline waits."""
        self._ordered = False
        """The worker was told to inject."""
        self._strays: dict[int, float] = {}
        """Processes that the method started, by id with their time of birth, as far as this process has seen them."""
        self._swept = False
        """The undoer has ended what the method left running: its first step."""

    async def open(self) -> None:
        """Start both; they import while the caller goes on. See `ready`."""
        self.worker, self.undoer = await asyncio.gather(
            self._spawn("worker", WORKER, messages.WORKER, {}), self._spawn_undoer()
        )

    async def ready(self) -> None:
        """Wait until both can act at once. Raises EnvironmentFailure."""
        document = self._start.document
        asked = [document["configuration"][name] for name in variables.asks_probes(document)]
        within_s = START_S + sum(map(variables.look_up_s, asked))
        told, undoer = await asyncio.gather(_ready(self.worker, within_s), _ready(self.undoer))
        hide = (*told.hide, *undoer.hide)
        self._start = replace(self._start, hide=hide)  # for another undoer, should this one die
        self.mask, self.revealed = Mask(hide), told.revealed
        if trouble := told.trouble or undoer.trouble:
            raise errors.EnvironmentFailure(self.mask.text(trouble), hint="nothing was injected")
        self._start = replace(self._start, configuration=told.configuration)
        await self.undoer.send(messages.Know(configuration=told.configuration))
        self._listener = asyncio.create_task(self._listen(self.undoer))
        self._children = asyncio.create_task(asyncio.to_thread(run_processes.children))

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Every value of the configuration; those that come from probes from `ready` on."""
        return self._start.configuration

    @property
    def hidden(self) -> list[str]:
        """Every secret, from `ready` on: never to be written anywhere."""
        return list(self._start.hide or ())

    async def inspect(self) -> Inspection:
        """The systems of the experiment before anything is changed. This and the other looks raise EnvironmentFailure with what
        the world answered."""
        return codec.decode(Inspection, await self._look("inspect", INSPECT_S), "inspect")

    async def services(self, targets: Sequence[str]) -> list[str]:
        """The services that lead users to these targets."""
        found: list[str] = await self._look("services", targets=targets)
        return found

    async def confirm(self, actions: Sequence[FaultTarget]) -> dict[str, Evidence]:
        """Whether each of these actions, by name, took effect."""
        found = await self._look("confirm", CONFIRM_S, actions=codec.encode(actions))
        return codec.decode(dict[str, Evidence], found, "confirm")

    async def residue(self, system: str, snapshot: Mapping[str, Any], kept: Kept, deadline_s: float) -> Residue:
        """What is left of the run in one system."""
        arguments = {"system": system, "snapshot": snapshot, "kept": codec.encode(kept)}
        return codec.decode(Residue, await self._look("residue", deadline_s, **arguments), "residue")

    async def hypothesis(self, deadline_s: float) -> Mapping[str, Any] | None:
        """One check of the file's steady-state hypothesis, as Chaos Toolkit's own state; None without one."""
        state: Mapping[str, Any] | None = await self._look("hypothesis", deadline_s)
        return state

    async def acquire(self, system: str, names: Sequence[str]) -> tuple[LockAnswer, ...]:
        """Ask one system for its locks: an answer for each."""
        answers = await self._look("acquire", system=system, names=names)
        return codec.decode(tuple[LockAnswer, ...], answers, "acquire")

    async def renew(self, system: str, names: Sequence[str]) -> bool:
        """Whether all of these locks are still ours."""
        return all(await self._look("renew", system=system, names=names))

    async def release(self, system: str, names: Sequence[str]) -> None:
        """Let others have these locks."""
        await self._look("release", system=system, names=names)

    async def readable(self, kind: str, asked: Sequence[Mapping[str, Any]], deadline_s: float) -> str:
        """Why what is to be made of this kind of undo records cannot be; empty where it can."""
        return str(await self._look("readable", deadline_s, kind=kind, asked=asked))

    async def make(self, kind: str, args: Mapping[str, Any], seconds: float, why: str, *, deadline_s: float) -> str:
        """Make what an undo record of this kind ends; why not, or empty."""
        return str(await self._look("make", deadline_s, kind=kind, args=args, seconds=seconds, why=why))

    async def _look(self, do: str, deadline_s: float = LOOK_S, **arguments: Any) -> Any:
        if not self._at_stake:  # else it is for `undo` to replace it, at once
            await self._have_undoer()
        number = next(self._numbers)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            order = messages.Look(id=number, what=do, deadline_s=deadline_s, arguments=arguments)
            if not await self.undoer.send(order):
                raise errors.EnvironmentFailure(f"{do}: the undoer died")
            async with asyncio.timeout(deadline_s + 2):
                message = await answer
        except TimeoutError:
            raise errors.EnvironmentFailure(f"{do}: no answer within {deadline_s:g} s") from None
        finally:
            self._answers.pop(number, None)
        if message.error:
            raise errors.EnvironmentFailure(f"{do}: {message.error}")
        return message.value

    def arm_undo(self) -> None:
        """From here on something is changed outside: if we fail ourselves, the undoer plays."""
        self._at_stake = True

    async def inject(self, arguments: Mapping[str, Mapping[str, Any]]) -> None:
        """Let the worker begin; its messages follow on `worker.messages()`. `arguments`: of the actions that are aimed, by name."""
        self.arm_undo()
        if self._children is not None:
            await self._children
        run_processes.adopt_orphans()
        self._ordered = True
        await self.worker.send(messages.Inject(arguments=arguments))

    async def stop_worker(self, unwound: asyncio.Event | None = None) -> None:
        """Stop injecting: ask once, then kill the group, unless it has `unwound`. Returns when nothing is injected any more."""

        def is_unwound() -> bool:
            return unwound is not None and unwound.is_set()

        if self.worker.running and not is_unwound():
            self.worker.signal(signal.SIGUSR1)
        await clock.poll_until_async(lambda: not self.worker.running or is_unwound(), GRACE_S, 0.003)
        if not self.worker.running or not is_unwound():
            self.worker.kill_group()

    async def undo(self) -> bool:
        """Play the ledger; True when nothing is left open. A dead undoer is replaced: there is always one way back."""
        for _ in range(3):
            with contextlib.suppress(errors.EnvironmentFailure):  # one that cannot start or is killed while it does
                await self._have_undoer()
                self._undone = asyncio.get_running_loop().create_future()
                self._strays |= await self._astray()
                await self.undoer.send(messages.Undo(spare=self.spare, strays=tuple(self._strays.items())))
                if (clean := await self._undone) is not None:
                    self._at_stake, self._swept = False, True
                    return clean
                await self.undoer.exited(1.0)
        return False

    async def left_running(self) -> list[str]:
        """What the method started and the undo could not end, a sentence each; not what a rollback started."""
        return list(run_processes.told(self._strays.items()))

    async def _astray(self) -> dict[int, float]:
        if not self._ordered:
            return {}
        known = (await self._children if self._children else set()) | {self.worker.pid, self.undoer.pid}
        return await asyncio.to_thread(run_processes.strays, known, self.worker.pid)

    async def close(self) -> None:
        """End both; nothing of the run's processes is left afterwards."""
        if self.undoer.running and not self._at_stake:
            await self.undoer.send(messages.Bye())
        # We broke something and failed ourselves: without a word the undoer takes us for dead, and plays.
        patience = UNDO_S if self._at_stake else 1.0
        await asyncio.gather(self.worker.close(), self.undoer.close(patience))
        if self._listener is not None:
            self._listener.cancel()
        if not self._swept:
            await asyncio.to_thread(run_processes.end, self._start.run, "worker")

    async def _spawn_undoer(self) -> Child[UndoerOrder, UndoerMessage]:
        return await self._spawn("undoer", UNDOER, messages.UNDOER, self._alone)

    async def _spawn(
        self, part: str, module: str, talk: Talk[OrderT, MessageT], env: Mapping[str, str]
    ) -> Child[OrderT, MessageT]:
        first = replace(self._start, on_orphan=tuple(orphans.argv(self._folder)))
        return await Child.start(
            part,
            module,
            codec.encode(first),
            talk,
            log=self._folder / f"{part}.log",
            env={**self._env, **env, **run_processes.mark(self._start.run, part)},
            pass_fds=[self._lifeline],
        )

    async def _have_undoer(self) -> None:
        """Replace a dead one. Raises EnvironmentFailure when the new one cannot start."""
        async with self._replacing:
            if self.undoer.running:
                return
            fresh = await self._spawn_undoer()
            try:
                await _ready(fresh)
                self.undoer_died.clear()
                self.undoer, self._listener = fresh, asyncio.create_task(self._listen(fresh))
            finally:
                if self.undoer is not fresh:
                    fresh.kill_group()

    async def _listen(self, undoer: Child[UndoerOrder, UndoerMessage]) -> None:
        try:
            async for message in undoer.messages():
                self._take(message)
        finally:
            undoer.kill_group()  # one that nobody hears any more is of no use
            self.undoer_died.set()
            if self._undone is not None and not self._undone.done():
                self._undone.set_result(None)
            for number, answer in self._answers.items():
                if not answer.done():
                    answer.set_result(Answer(id=number, error="the undoer died"))

    def _take(self, message: UndoerMessage) -> None:
        match message:
            case messages.Answer(id=number) if number in self._answers:
                self._answers[number].set_result(message)
            case messages.UndoProgress():
                self.on_undo(message)
            case messages.UndoDone(clean=clean) if self._undone is not None and not self._undone.done():
                self._undone.set_result(clean)


async def _ready(child: Child[Any, Any], within_s: float = START_S) -> Ready:
    """Its imports are done; what it prints from now on is masked."""
    message = await child.expect(Ready, within_s)
    child.mask = Mask(message.hide).text
    return message
