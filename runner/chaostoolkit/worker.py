"""The worker: Chaos Toolkit in the main thread of a process of its own, with its rollbacks switched off.

It tells every step as it happens, so that nothing is lost when it is killed; it stops on SIGUSR1, or by itself when the
parent has died, and then makes sure that somebody undoes.
"""

from __future__ import annotations

import atexit
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any

import chaoslib.run
from chaoslib.control import controls
from chaoslib.exceptions import ActivityFailed, InterruptExecution
from chaoslib.run import RunEventHandler, Runner, initialize_run_journal
from chaoslib.types import Dry, Schedule, Strategy

from runner import codec, error_text
from runner.chaostoolkit import control_hooks, secrets, setup, values
from runner.chaostoolkit.draws import Draws
from runner.chaostoolkit.values import Values
from runner.chaostoolkit.waiting import Waits, without_pauses
from runner.process import messages, orphans, run_processes
from runner.process.channel import ChildChannel, carried, commands, take_stdin
from runner.process.messages import Conclude, Inject, WorkerMessage, WorkerOrder
from runner.rundir.start_message import StartMessage

GRACE_S = 0.4
"""After the parent's death: how long an action may take to unwind before the process group is killed."""


class EventReporter(RunEventHandler):  # type: ignore[misc]
    """Chaos Toolkit's event handler: reports each step, times Python actions out, and stops when told."""

    def __init__(self, voice: ChildChannel[WorkerMessage], *, hooked: bool = False) -> None:
        self.voice = voice
        self._hooked = hooked
        self.journal: dict[str, Any] = {}
        self.draws: Draws | None = None
        """From which seed the activities of the method draw."""
        self.waits: Waits | None = None
        """What the method waits for between its activities."""
        self.stopping = False
        self.broke = ""
        """Which activity ended Chaos Toolkit, and how."""
        self._phase = "before"
        self._foreground: str | None = None
        self._background = 0
        self._main = threading.get_ident()

    def started(self, _: Any, journal: dict[str, Any]) -> None:
        self.journal = journal

    def interrupted(self, *_: Any) -> None:
        """By a control, which is heard by itself, or by an activity: newer versions of chaoslib let one end the run."""
        self.broke = self.broke or str(sys.exception() or "")

    def running(self, *_: Any) -> None:
        # Chaos Toolkit has just installed its own handlers; ours must win.
        signal.signal(signal.SIGUSR1, self._stop)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGALRM, _timed_out)

    def start_hypothesis_before(self, *_: Any) -> None:
        self._phase = "before"

    def hypothesis_before_completed(self, _: Any, state: Any, __: Any) -> None:
        self._hypothesis("before", state)

    def start_method(self, *_: Any) -> None:
        self._phase = "method"

    def continuous_hypothesis_iteration(self, _: int, state: Any) -> None:
        self._hypothesis("during", state)

    def method_completed(self, *_: Any) -> None:
        self._phase = "after"

    def hypothesis_after_completed(self, _: Any, state: Any, __: Any) -> None:
        self._hypothesis("after", state)

    def start_activity(self, activity: Mapping[str, Any]) -> None:
        foreground = threading.get_ident() == self._main
        if foreground and self.stopping:  # the stop came between two activities
            self._leave()
        if self._is_of_method(activity, foreground):
            if self.draws is not None:
                self.draws.begin(str(activity.get("name")))
            self.voice.say(messages.ActivityStarted(activity=activity, timeout=_timeout(activity)))
        else:
            self.voice.say(messages.Checking(name=str(activity.get("name"))))
        if foreground:
            self._foreground = str(activity.get("name"))
            if seconds := _timeout(activity):
                signal.setitimer(signal.ITIMER_REAL, seconds)
        elif activity.get("background"):
            self._background += 1

    def activity_completed(self, activity: Mapping[str, Any], run: Mapping[str, Any]) -> None:
        foreground = threading.get_ident() == self._main
        if foreground:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._foreground = None
        elif activity.get("background"):
            self._background -= 1
        if "status" not in run and (problem := sys.exception()) is not None:  # not a failure, but an end of everything
            run = {**run, "exception": [error_text.sentence(problem)]}
            self.broke = f"the {activity.get('type')} {activity.get('name')!r}: {run['exception'][0]}"
        if self._is_of_method(activity, foreground):
            self.voice.say(messages.ActivityCompleted(activity=activity, run=run))
        else:
            self.voice.say(messages.Checked(name=str(activity.get("name"))))
        if foreground and self._phase == "method" and run.get("status") == "succeeded":
            self._wait(activity)
        if foreground and self.stopping:  # or Chaos Toolkit would still sit out `pauses.after`
            self._leave()

    def _wait(self, activity: Mapping[str, Any]) -> None:
        """Chaos Toolkit begins no further activity of a method whose run has failed."""
        if self.waits is not None and not self.stopping:
            status, self.journal["status"] = self.journal["status"], "failed"  # should anything break in it
            if self.waits.play(activity):
                self.journal["status"] = status

    def _is_of_method(self, activity: Mapping[str, Any], foreground: bool) -> bool:
        """The hypothesis' own probes run in a thread beside the method, and are told as `hypothesis`."""
        return self._phase == "method" and (foreground or bool(activity.get("background")))

    def outcome(self) -> dict[str, Any]:
        """Chaos Toolkit's own words for how it went; `asked`: code of the experiment asked for the end."""
        journal = self.journal
        return {
            "status": journal["status"],
            "deviated": journal["deviated"],
            "asked": setup.EXIT_ASKED.is_set(),
            "broke": self.broke,
        }

    def _hypothesis(self, when: str, state: Any) -> None:
        self.voice.say(messages.HypothesisChecked(when=when, state=state))

    def _stop(self, signum: int, _: FrameType | None) -> None:
        self.stopping = True
        if self._foreground is None:  # a pause, or between two steps: nothing to unwind
            self._leave()
        raise SystemExit(20)

    def _leave(self) -> None:
        """End the process at once; only background activities may still hold it, until the grace is over.

        Where controls have hooks, Chaos Toolkit unwinds, and calls those that come after the method.
        """
        if self._hooked:
            raise SystemExit(20)
        if self._background:
            return
        self.voice.say(messages.Stopped(asked=setup.EXIT_ASKED.is_set()))
        os._exit(0)


def _timeout(activity: Mapping[str, Any]) -> float | None:
    """Seconds a Python activity may take; the other providers keep their own timeouts."""
    provider = activity.get("provider") or {}
    value = activity.get("timeout") or provider.get("timeout")
    return float(value) if provider.get("type") == "python" and isinstance(value, int | float) else None


def _timed_out(*_: Any) -> None:
    raise ActivityFailed("timed out: the activity's own timeout ended it")


class ResolvedRunner(Runner):  # type: ignore[misc]
    """Chaos Toolkit's runner, with the values that everybody else has, too."""

    values: Values

    def configure(self, _: Any, settings: Any, __: Any) -> None:
        self.settings = settings
        self.config, self.secrets = self.values.configuration, self.values.secrets


def inject(start: StartMessage, order: Inject, reporter: EventReporter, known: Values, told: SimpleQueue[Any]) -> None:
    """Run the experiment once. Says `finished` with Chaos Toolkit's own status, or `crashed` with the traceback.

    Where there are controls it says `waiting` before, and goes on when it is `told` which rollbacks were played.
    """
    document = {**_aimed(start.document, order.arguments), "dry": Dry.from_string(start.dry)}
    voice, settings = reporter.voice, control_hooks.load(start.settings)
    strategy = "never"  # the undoer plays them
    if start.hooked:
        control_hooks.hear(voice.say)
        strategy = "always" if start.rollbacks == "default" else start.rollbacks
        chaoslib.run.run_rollbacks = partial(_wait_for_rollbacks, reporter, told, deepcopy(document.get("rollbacks")))
    runner = ResolvedRunner(
        Strategy.from_string(start.strategy),
        Schedule(continuous_hypothesis_frequency=start.frequency, fail_fast=False),
    )
    runner.values = known
    reporter.draws = Draws(start.seed) if start.seed is not None else None
    if start.waits and not start.dry:
        reporter.waits = Waits(start, known, voice)
        document = without_pauses(document, start.waits)
    runner.register_event_handler(reporter)
    journal = initialize_run_journal(document)
    voice.say(messages.JournalBegun(journal={k: v for k, v in journal.items() if k != "experiment"}))
    settings["runtime"] = {"hypothesis": {"strategy": start.strategy}, "rollbacks": {"strategy": strategy}}
    try:
        with controls(level="loader", context=start.experiment) as loading:
            loading.with_state(seen := deepcopy(start.document))
        if seen != start.document:
            voice.say(messages.Changed(what="the experiment while it was loaded"))
    except InterruptExecution:  # heard already
        voice.say(messages.Finished(status="interrupted"))
        return
    journal = runner.run(document, settings, None, journal)
    voice.say(messages.Finished(**reporter.outcome()))


def _aimed(document: Mapping[str, Any], arguments: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The document, its actions with these arguments by their names."""

    def called(activity: Mapping[str, Any]) -> Mapping[str, Any]:
        given = arguments.get(str(activity.get("name")))
        return activity if given is None else {**activity, "provider": {**activity["provider"], "arguments": given}}

    return {**document, "method": [called(a) for a in document["method"]]} if arguments else dict(document)


def _wait_for_rollbacks(
    reporter: EventReporter,
    told: SimpleQueue[Any],
    planned: Any,
    experiment: Any,
    *given: Any,
    runs: Any = None,
    **_: Any,
) -> tuple[()]:
    """In place of Chaos Toolkit's own: between the hooks before and after the rollbacks, wait for the undoer to have played them."""
    runs = given[-1] if runs is None else runs
    if experiment.get("rollbacks") != planned:
        reporter.voice.say(messages.Changed(what="the rollbacks"))
    reporter.voice.say(messages.Waiting(**reporter.outcome()))
    runs.extend(told.get())
    return ()


def prepare(start: StartMessage, voice: ChildChannel[WorkerMessage]) -> Values:
    """Import what the method needs, so that the first action is not late; resolve all values; learn what must be masked."""
    absent = setup.load(start.modules)
    known, troubles = values.resolve(start)
    hidden = secrets.values(known.secrets)
    revealed = {group: known.secrets.get(group) for group in start.reveal}
    # Through the pipe only: the parent masks what we print, and lets its sources have what is theirs.
    trouble = "; ".join(absent + troubles)
    configuration = carried(known.configuration)
    voice.say(messages.Ready(hide=tuple(hidden), revealed=revealed, trouble=trouble, configuration=configuration))
    voice.mask = secrets.mask(hidden)
    return known


def main() -> None:
    """Start message, then `inject`; SIGINT is the parent's business."""
    run_processes.ignore_signals(signal.SIGINT)
    setup.set_up(Path.cwd(), alarmed=True)
    voice, lines = ChildChannel.take_stdout(messages.WORKER.messages), commands(take_stdin())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if (first := next(lines, None)) is None:
        return
    start = codec.decode(StartMessage, first, "start")
    # Into the log itself: through the pipe a long traceback of a crash would push out what the action said last.
    faulthandler.enable((Path(start.folder) / "worker.log").open("a"))
    known = prepare(start, voice)
    orders = (messages.WORKER.orders.decode(line, "order") for line in lines)
    if not isinstance(order := next(orders, None), Inject):
        return
    told: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_watch_parent, args=(orders, start, told), daemon=True).start()
    reporter = EventReporter(voice, hooked=start.hooked)
    try:
        inject(start, order, reporter, known, told)
    except BaseException as problem:  # Chaos Toolkit lets anything through, SystemExit included: all of it is told
        said, trace = error_text.sentence(problem), traceback.format_exc()
        voice.say(messages.Crashed(error=said, broke=reporter.broke, traceback=trace))
        raise
    _exit_fast()


def _exit_fast() -> None:
    """End as Python ends, but for taking every module apart: with a cluster's client that alone is half a second."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _watch_parent(orders: Iterator[WorkerOrder], start: StartMessage, told: SimpleQueue[Any]) -> None:
    """The parent's pipe ended: have the undo played by a process of its own, then stop injecting, hard if need be."""
    for order in orders:
        if isinstance(order, Conclude):
            told.put(order.rollbacks)
    orphans.replay(start.on_orphan)
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(GRACE_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
