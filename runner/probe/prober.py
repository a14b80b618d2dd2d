"""The prober process: `python -m runner.probe.prober`, told what to do on stdin (see `runner.probe.messages`).

It shares its interpreter with nothing. When its parent dies (end of stdin without a stop before) it stops sending at once and
starts the `on_orphan` command. SIGINT is the parent's business: the terminal sends Ctrl-C to everybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runner import codec, errors
from runner.probe import messages, pacer, stream, tape
from runner.probe.attention import LoopStalls

BEAT_S = 0.01
"""Between two heartbeats, each with a look for timeouts."""
LEAD_S = 0.05
"""From the order to start until the first slot."""
WARM_S = 2.0
"""How long opening connections beforehand may take."""
WARM_CONNECTIONS = 16
LOOKUPS = 256
"""So many names are looked up at once, in threads. Python's own number, a few more than there are processors, makes lookups of half a
second at 50 a second wait for each other: we would be slow, not the service."""
NICENESS = -10
"""Before everything that has not asked for such a place itself: a prober needs little of a processor, but on time."""
USUAL_NICENESS = os.getpriority(os.PRIO_PROCESS, 0)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Prober:
    """All indicators of one run."""

    def __init__(self, start: messages.Start) -> None:
        """Creates the tapes. Raises ValueError for a URL that cannot be asked, OSError when a tape cannot be written."""
        self._indicators = start.indicators
        self.tapes = {i.name: _tape(i, number, start) for number, i in enumerate(start.indicators)}
        self._attention = LoopStalls(time.monotonic_ns())
        self._streams = [
            stream.Stream(
                indicator,
                writer,
                stream.schedule(indicator.rate, share, f"{start.seed}/{indicator.name}"),
                self._attention,
            )
            for indicator, writer, share in zip(
                start.indicators, self.tapes.values(), _shares(len(start.indicators)), strict=True
            )
        ]
        self._limit_ns = round(start.limit_s * 1e9)
        self._end_ns = 0
        self._sending = False
        self._loop = asyncio.get_running_loop()
        self._pacer = pacer.pacer(self._loop, self._ring)
        self.on_limit: Callable[[], None] = lambda: None

    async def warm(self) -> None:
        """Open connections by requests that are no records, where asking changes nothing; then keep the collector's hands off."""
        asks = [s.warm(_warm(i)) for i, s in zip(self._indicators, self._streams, strict=True)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WARM_S):
                await asyncio.gather(*asks)
        gc.collect()
        gc.freeze()

    def beat(self) -> None:
        """Show that we live, give up what took too long, and do so again."""
        if not self._streams:  # finished: the tapes are trimmed and closed
            return
        now_ns = time.monotonic_ns()
        self._attention.beat(now_ns)
        for traffic, writer in zip(self._streams, self.tapes.values(), strict=True):
            writer.beat(now_ns)
            traffic.expire(now_ns)
        self._loop.call_later(BEAT_S, self.beat)

    def start(self) -> tuple[int, int]:
        """Begin; t0 on the monotonic and on the wall clock in ns."""
        t0_ns = time.monotonic_ns() + round(LEAD_S * 1e9)
        t0_wall_ns = time.time_ns() + round(LEAD_S * 1e9)
        for traffic, writer in zip(self._streams, self.tapes.values(), strict=True):
            writer.start(t0_ns, t0_wall_ns)
            traffic.start(t0_ns)
        self._end_ns = t0_ns + self._limit_ns
        self._sending = True
        self._arm()
        return t0_ns, t0_wall_ns

    def accept(self, status: Mapping[str, messages.Ranges]) -> dict[str, str]:
        """Take other statuses for good from now on; where each indicator was redirected to."""
        streams = dict(zip(self.tapes, self._streams, strict=True))
        for name, ranges in status.items():
            streams[name].accept(ranges)
        return {name: traffic.redirected for name, traffic in streams.items()}

    def hold(self) -> None:
        """Send nothing more."""
        self._sending = False

    def abandon(self) -> None:
        """Send nothing more and drop what is in flight."""
        self.hold()
        for traffic in self._streams:
            traffic.abandon()

    async def finish(self) -> dict[str, int]:
        """Send nothing more, wait for what is in flight (its timeouts bound it), trim the tapes; how many records each has."""
        self.hold()
        while any(traffic.in_flight for traffic in self._streams):
            await asyncio.sleep(BEAT_S)
        self._pacer.close()
        for traffic in self._streams:
            await traffic.close()
        scheduled = {name: writer.scheduled for name, writer in self.tapes.items()}
        self._streams.clear()
        for writer in self.tapes.values():
            writer.trim()
        return scheduled

    def _arm(self) -> None:
        self._pacer.arm(min((self._end_ns, *(traffic.next_ns for traffic in self._streams))))

    def _ring(self) -> None:
        if not self._sending:
            return
        now_ns = time.monotonic_ns()
        for traffic in self._streams:
            traffic.send_due(min(now_ns, self._end_ns))
        if now_ns >= self._end_ns and all(traffic.next_ns > self._end_ns for traffic in self._streams):
            self.hold()
            self.on_limit()
        else:
            self._arm()


async def serve(lines: asyncio.StreamReader) -> int:
    """Start message to end; the exit code."""
    try:
        start = codec.decode(messages.Start, json.loads(await lines.readline() or b"null"), "start")
        prober = Prober(start)
    except (ValueError, OSError) as problem:
        say(messages.Failed(message=f"the prober cannot start: {problem}"))
        print(problem, file=sys.stderr)  # a parent that only sees the exit quotes our last words
        return int(errors.ExitCode.ENVIRONMENT)
    prober.on_limit = lambda: say(messages.LimitReached())
    prober.beat()
    await prober.warm()
    say(messages.Ready(tapes={name: str(writer.path) for name, writer in prober.tapes.items()}))
    if await _run_until_stopped(prober, lines):
        await _finish(prober, lines)
    else:
        prober.abandon()
        orphan(start.on_orphan)
    return 0


async def _run_until_stopped(prober: Prober, lines: asyncio.StreamReader) -> bool:
    """Until told to stop (True), or until the parent is gone."""
    while line := await lines.readline():
        match messages.PROBER.orders.decode(json.loads(line), "order"):
            case messages.Begin():
                t0_ns, t0_wall_ns = prober.start()
                say(messages.Started(t0_ns=t0_ns, t0_wall_ns=t0_wall_ns))
            case messages.Accept(status=status):
                say(messages.Accepts(redirects=prober.accept(status)))
            case messages.End():
                return True
    return False


async def _finish(prober: Prober, lines: asyncio.StreamReader) -> None:
    """The orderly end, cut short when the parent goes meanwhile: everything finished is on the tapes already."""
    finishing = asyncio.create_task(prober.finish())
    gone = asyncio.create_task(lines.read())
    await asyncio.wait({finishing, gone}, return_when=asyncio.FIRST_COMPLETED)
    if finishing.done():
        say(messages.Stopped(scheduled=finishing.result()))


def say(message: messages.ProberMessage) -> None:
    """One line to the parent, if there still is one."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, (json.dumps(messages.PROBER.messages.encode(message)) + "\n").encode())


def _go_first() -> None:
    """Before others in the queue for a processor, where we may: who waits there sends late.

    Where the kernel groups processes by session (autogroup, sched(7)) a nice value counts only within the group, so the group gets it, too.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, min(NICENESS, USUAL_NICENESS))
        if os.getsid(0) == os.getpid():
            Path("/proc/self/autogroup").write_text(str(NICENESS), "ascii")


def orphan(command: Sequence[str]) -> None:
    """Start the command of a surviving child, in a session of its own. It inherits what we were given to pass on (`pass_fds`)."""
    if command:
        with contextlib.suppress(OSError):  # what it starts may stay, and is nobody's prober
            os.setpriority(os.PRIO_PROCESS, 0, USUAL_NICENESS)
        null = subprocess.DEVNULL
        subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True, close_fds=False)


def _tape(indicator: messages.Indicator, number: int, start: messages.Start) -> tape.TapeWriter:
    path = Path(start.folder) / f"{number}-{_plain(indicator.name)}.tape"
    return tape.TapeWriter(path, rate=indicator.rate, timeout_s=indicator.timeout_s, limit_s=start.limit_s)


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:60]


def _shares(count: int) -> list[float]:
    """Streams of one rate are spread over the interval rather than sent in one burst."""
    return [number / count for number in range(count)]


def _warm(indicator: messages.Indicator) -> int:
    if indicator.new_every == 1 or indicator.method not in SAFE_METHODS:
        return 0
    return min(WARM_CONNECTIONS, math.ceil(indicator.rate / 100) + 1)


async def _main() -> int:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(LOOKUPS, "lookup"))
    lines = asyncio.StreamReader(limit=1 << 24)
    protocol = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return await serve(lines)


def main() -> None:
    """Run on uvloop where that is installed."""
    os.environ["UV_THREADPOOL_SIZE"] = str(LOOKUPS)  # uvloop has threads of its own for that
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _go_first()
    factory = importlib.import_module("uvloop").new_event_loop if importlib.util.find_spec("uvloop") else None
    with asyncio.Runner(loop_factory=factory) as loop:
        code = loop.run(_main())
    os._exit(code)  # at once: what is in flight is not ours to wait for


if __name__ == "__main__":
    main()
