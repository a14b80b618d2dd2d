"""Pacer: wakes the event loop at a moment of the monotonic clock, some 50 µs late.

asyncio rounds its waits up to whole milliseconds, so its own timers cannot pace (docs/measurement.md 4.2). On Linux a
timerfd does, elsewhere a thread.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol


class Pacer(Protocol):
    """One alarm at a time."""

    def arm(self, at_ns: int) -> None:
        """Call back at that moment, or at once when it has passed; replaces the alarm before."""
        ...

    def close(self) -> None:
        """No more alarms."""
        ...


def pacer(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> Pacer:
    """The best one of this system; `ring` is called in the loop."""
    return TimerFd(loop, ring) if sys.platform == "linux" else PacerThread(loop, ring)


class TimerFd:
    """A kernel timer that is a file descriptor of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._settime, self._descriptor = _timerfd()
        loop.add_reader(self._descriptor, self._fired)

    def arm(self, at_ns: int) -> None:
        self._settime(self._descriptor, max(at_ns, 1))

    def close(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _fired(self) -> None:
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:  # armed anew since the loop saw it
            return
        self._ring()


class PacerThread:
    """A thread that sleeps until the moment and then calls into the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._changed = threading.Condition()
        self._at_ns: int | None = None
        self._closed = False
        threading.Thread(target=self._run, name="pacer", daemon=True).start()

    def arm(self, at_ns: int) -> None:
        with self._changed:
            self._at_ns = at_ns
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                left = None if self._at_ns is None else (self._at_ns - time.monotonic_ns()) / 1e9
                if left is not None and left <= 0:
                    self._at_ns = None
                    self._loop.call_soon_threadsafe(self._ring)
                else:
                    self._changed.wait(left)


_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_ABSOLUTE = 1


def _timerfd() -> tuple[Callable[[int, int], None], int]:
    """How to set one to a moment in nanoseconds, and a new one. Python has it from 3.13, libc for twenty years."""
    if sys.platform == "linux" and sys.version_info >= (3, 13):
        fd = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

        def set_ns(fd: int, at_ns: int) -> None:
            os.timerfd_settime_ns(fd, flags=os.TFD_TIMER_ABSTIME, initial=at_ns)

        return set_ns, fd
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.timerfd_create(time.CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    value = (ctypes.c_long * 4)()  # struct itimerspec: interval s, ns; value s, ns
    pointer = ctypes.byref(value)
    settime = libc.timerfd_settime

    def set_to(fd: int, at_ns: int) -> None:
        value[2], value[3] = divmod(at_ns, 1_000_000_000)
        settime(fd, _ABSOLUTE, pointer, None)

    return set_to, fd
