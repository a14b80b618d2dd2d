"""A child process as the parent sees it: started in a session of its own, told things, listened to, ended hard if need be."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import psutil

from runner import clock, error_text, errors
from runner.codec import DecodeError
from runner.process.channel import Talk

OrderT = TypeVar("OrderT")
MessageT = TypeVar("MessageT")
KindT = TypeVar("KindT")
LINE_LIMIT = 64 << 20
"""Bytes of one message: an activity may have a large output."""
DRAIN_S = 0.3
"""After its last message: how long its end and its last printed words may take."""


class Child(Generic[OrderT, MessageT]):
    """One of worker, undoer, prober."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path, talk: Talk[OrderT, MessageT]) -> None:
        self.name = name
        self._talk = talk
        self.pid = process.pid
        self.created = psutil.Process(process.pid).create_time()
        self.last_words: deque[str] = deque(maxlen=20)
        """The end of what it printed."""
        self._process = process
        self._log = log
        self.mask: Callable[[str], str] = lambda text: text
        self._messages: asyncio.Queue[MessageT | None] = asyncio.Queue()
        self._draining = asyncio.create_task(self._drain())
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls,
        name: str,
        module: str,
        first: Mapping[str, Any],
        talk: Talk[OrderT, MessageT],
        *,
        log: Path,
        env: Mapping[str, str],
        pass_fds: Sequence[int] = (),
    ) -> Self:
        """Start `python -m module` and give it its start message. Raises EnvironmentFailure when it cannot be started."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", module),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                limit=LINE_LIMIT,
                pass_fds=list(pass_fds),
                env=dict(env),
            )
        except OSError as problem:
            raise errors.EnvironmentFailure(f"cannot start the {name}: {problem}") from problem
        child = cls(name, process, log, talk)
        await child._write(first)
        return child

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    @property
    def code(self) -> int | None:
        """Its exit code; negative for a signal; None while it runs."""
        return self._process.returncode

    @property
    def how_it_ended(self) -> str:
        """Its exit code or signal in words."""
        if self.code is None:
            return "its pipe closed"
        return f"signal {signal.Signals(-self.code).name}" if self.code < 0 else f"exit code {self.code}"

    async def send(self, order: OrderT) -> bool:
        """Whether it could still be told."""
        return await self._write(self._talk.orders.encode(order))

    async def _write(self, line: Mapping[str, Any]) -> bool:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write((json.dumps(line) + "\n").encode())
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    async def messages(self) -> AsyncIterator[MessageT]:
        """What it says, until it has ended."""
        while (message := await self._messages.get()) is not None:
            yield message
        self._messages.put_nowait(None)  # so that a later reader ends as well

    async def expect(self, kind: type[KindT], within_s: float) -> KindT:
        """The next message of that kind. Raises EnvironmentFailure with its last words when it dies or stays silent."""
        try:
            async with asyncio.timeout(within_s):
                async for message in self.messages():
                    if isinstance(message, kind):
                        return message
        except TimeoutError:
            word = self._talk.messages.word(kind)
            raise errors.EnvironmentFailure(f"the {self.name} did not say {word!r} within {within_s:g} s") from None
        await self.wait(1.0)
        raise errors.EnvironmentFailure(
            f"the {self.name} ended with {self.how_it_ended}: {error_text.last_words(self.last_words) or 'no output'}"
        )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; one that has ended needs none."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill_group(self) -> None:
        """Kill it with everything in its session's process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def exited(self, within_s: float) -> bool:
        """Whether it ended in time, drained or not: a grandchild may hold its output open."""
        return await clock.poll_until_async(lambda: not self.running, within_s, 0.003)

    async def wait(self, within_s: float) -> bool:
        """Whether it ended in time, its output drained."""
        try:
            async with asyncio.timeout(within_s):
                await self._process.wait()
                await asyncio.wait({self._draining})
        except TimeoutError:
            return False
        return True

    async def close(self, within_s: float = 1.0) -> None:
        """End of its pipe is its cue to go; after that it is killed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if not await self.wait(within_s):
            self.kill_group()
            await self.wait(1.0)
        self._draining.cancel()
        self._listening.cancel()

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        while line := await _line(self._process.stdout):
            try:
                document = json.loads(line)
            except ValueError:  # the torn last line of a killed process
                continue
            try:
                self._messages.put_nowait(self._talk.messages.decode(document, "message"))
            except DecodeError as problem:  # a child of another mind than ours is of no use
                self.last_words.append(str(problem))
                self.kill_group()
        await self.wait(DRAIN_S)  # a grandchild may hold its output open for ever; its own last words are there by then
        self._messages.put_nowait(None)

    async def _drain(self) -> None:
        assert self._process.stderr is not None
        with self._log.open("ab") as log:
            while line := await _line(self._process.stderr):
                text = self.mask(line.decode(errors="replace"))
                self.last_words.append(text.rstrip())
                log.write(text.encode())
                log.flush()


async def _line(stream: asyncio.StreamReader) -> bytes:
    """A line, or what there is of one that is too long."""
    try:
        return await stream.readline()
    except ValueError:
        return await stream.read(LINE_LIMIT)
