"""The checker process: `python -m runner.probe.checks.checker`, told what to read on stdin (see `messages`).

The clients of clusters and clouds block, and take half a second to import: here they are in nobody's way. Each check is read in a
thread of its own, so that one that hangs holds up no other. It goes when its parent does.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

from runner import codec, error_text
from runner.checks import table
from runner.checks.check import Answer, NoData
from runner.probe.checks import messages, reading
from runner.process import channel
from runner.timeline.mask import Mask


def follow(
    asks: messages.Asks,
    configuration: Mapping[str, Any],
    out: channel.ChildChannel[messages.CheckerMessage],
    stopped: threading.Event,
) -> None:
    """Read one check again and again, on a grid of its own. Whatever a reading raises is said: a thread that dies says nothing."""
    made = cache(partial(_reading, asks, configuration))
    began, n, apart = time.monotonic(), 0, ThreadPoolExecutor(max_workers=1)
    while not stopped.wait(max(0.0, began + n * asks.every_s - time.monotonic())):
        n = max(n + 1, int((time.monotonic() - began) / asks.every_s) + 1)
        tried = apart.submit(lambda: made()())
        if (problem := tried.exception()) is not None:
            out.say(messages.Unread(indicator=asks.indicator, unix_s=time.time(), why=_why(problem)))
            continue
        found = tried.result()
        out.say(
            messages.Read(
                indicator=asks.indicator,
                mono_ns=time.monotonic_ns(),
                unix_s=time.time(),
                bad=found.bad,
                sentence=found.sentence,
            )
        )


def _why(problem: BaseException) -> str:
    """Why there is no reading. Where it was that something unforeseen happened goes to the log."""
    if isinstance(problem, NoData):
        return str(problem)
    traceback.print_exception(problem)
    return f"reading it failed: {error_text.sentence(problem)}"


def _reading(asks: messages.Asks, configuration: Mapping[str, Any]) -> Callable[[], Answer]:
    """What reads a check, by one client all the time."""
    asked = table.asked(asks.check, asks.arguments)
    reader = reading.reader(asked.check.asks.source, asks.secrets, configuration)
    return lambda: asked.check.judge(reader.read(asked.check.asks, asked), asked.limit)


def main() -> None:
    """Until the pipe of orders ends."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # the terminal sends Ctrl-C to everybody: that is the parent's business
    lines = channel.commands(channel.take_stdin())
    out = channel.ChildChannel.take_stdout(messages.CHECKER.messages)
    start = codec.decode(messages.Start, next(lines), "start")
    mask = Mask(str(value) for asks in start.asks for value in asks.secrets.values())
    out.mask = lambda field: mask.text(field) if isinstance(field, str) else field
    stopped = threading.Event()
    for asks in start.asks:
        threading.Thread(target=follow, args=(asks, start.configuration, out, stopped), daemon=True).start()
    next(lines, None)  # an order to stop, or the end of the pipe
    stopped.set()
    os._exit(0)  # at once: what is being read is not ours to wait for


if __name__ == "__main__":
    main()
