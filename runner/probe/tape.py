"""Tape: every request of one indicator in a memory-mapped file, written while it is read, whole whoever dies.

The layout is that of `runner.slo.sample`. Dirty pages of a shared mapping belong to the kernel, so a killed writer loses
nothing but what was in flight. No reader sees half a record, without any lock:

- status and flags share one aligned 32-bit word, which is one store. It is written last: intended start and lateness
  before SENT, latency before SENT | DONE. The header's counters are aligned 64-bit words, one store each, and a record is
  written before the counter that covers it.
- a reader looks at the flags first and copies the record afterwards, so whatever the flags promise is there. x86 keeps the
  order of stores and of loads; on weaker machines the microsecond of Python and the system calls between them do.
"""

from __future__ import annotations

import math
import mmap
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from runner.slo import sample

assert sys.byteorder == "little", "tapes are read and written in place"

_HEAD = sample.HEADER.size
_SIZE = sample.RECORD.size
_WORDS = _SIZE // 4
_FIRST = _HEAD // 4
_SCHEDULED, _HEARTBEAT = 3, 4
_SENT = int(sample.Flag.SENT)
_DONE = int(sample.Flag.DONE)
_MOST = 0xFFFF_FFFF


class Header(NamedTuple):
    """The head of a tape."""

    t0_ns: int
    """Monotonic; 0 before traffic has started."""
    t0_wall_ns: int
    scheduled: int
    """Records so far."""
    heartbeat_ns: int
    """When the prober last showed that it lives, monotonic."""
    rate: float
    timeout_s: float


class TapeWriter:
    """The prober's end. One writer a tape."""

    def __init__(self, path: Path, *, rate: float, timeout_s: float, limit_s: float) -> None:
        self.path = path
        self.capacity = math.ceil(rate * limit_s) + 1
        self.scheduled = 0
        with path.open("x+b") as file:
            file.truncate(_HEAD + _SIZE * self.capacity)  # sparse: what is not written takes no room
            self._map = mmap.mmap(file.fileno(), 0)
        sample.HEADER.pack_into(self._map, 0, sample.MAGIC, 0, 0, 0, time.monotonic_ns(), rate, timeout_s)
        self._view = memoryview(self._map)
        self._words = self._view.cast("I")
        self._head = self._view[:_HEAD].cast("Q")

    def start(self, t0_ns: int, t0_wall_ns: int) -> None:
        """Traffic begins at t0."""
        self._head[2], self._head[1] = t0_wall_ns, t0_ns

    def beat(self, now_ns: int) -> None:
        """The prober lives."""
        self._head[_HEARTBEAT] = now_ns

    def sent(self, intended_ns: int, late_us: int) -> int:
        """Add a record and return its number. Raises IndexError beyond the limit."""
        number = self.scheduled
        if number >= self.capacity:
            raise IndexError("the tape is full")
        at, words = _FIRST + _WORDS * number, self._words
        words[at] = intended_ns & _MOST
        words[at + 1] = intended_ns >> 32
        words[at + 2] = late_us if late_us < _MOST else _MOST
        words[at + 4] = _SENT << 16
        self.scheduled = self._head[_SCHEDULED] = number + 1
        return number

    def left(self, number: int, late_us: int) -> None:
        """Correct the lateness: the request waited for its turn in our own loop."""
        self._words[_FIRST + _WORDS * number + 2] = late_us if late_us < _MOST else _MOST

    def done(self, number: int, latency_us: int, status: int, flags: int) -> None:
        """A request ended; `flags` besides SENT and DONE."""
        at, words = _FIRST + _WORDS * number, self._words
        words[at + 3] = latency_us if latency_us < _MOST else _MOST
        words[at + 4] = status | (flags | _SENT | _DONE) << 16

    def trim(self) -> None:
        """Give the file its real size and close it. Readers never look beyond `scheduled`, so theirs stay valid."""
        self._head.release()
        self._words.release()
        self._view.release()
        self._map.close()
        os.truncate(self.path, _HEAD + _SIZE * self.scheduled)


class Reader:
    """A tape that is being written, as somebody else sees it; each finished record is handed out once."""

    def __init__(self, path: Path) -> None:
        """Raises FileNotFoundError, and ValueError for a file that is no tape."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _HEAD:
                raise ValueError(f"{path} is not a tape: it has {size} bytes")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self._map[: len(sample.MAGIC)] != sample.MAGIC:
            self._map.close()
            raise ValueError(f"{path} is not a tape")
        self._room = (size - _HEAD) // _SIZE
        self._view = memoryview(self._map)
        self._words = self._view[: _HEAD + _SIZE * self._room].cast("I")
        self._head = self._view[:_HEAD].cast("Q")
        self._seen = 0
        self._open: list[int] = []

    def header(self) -> Header:
        """The head as it is now."""
        _, t0, wall, scheduled, beat = self._head[: _HEARTBEAT + 1].tolist()
        return Header(t0, wall, min(scheduled, self._room), beat, *sample.HEADER.unpack_from(self._map)[5:])

    def poll(self) -> tuple[list[sample.Sample], list[sample.Sample]]:
        """What finished since the last poll, and what is still pending, both in schedule order.

        Costs a look at each pending and each new record, whatever the length of the tape.
        """
        until = min(self._head[_SCHEDULED], self._room)
        words, finished, pending, still_open = self._words, [], [], []
        for number in (*self._open, *range(self._seen, until)):
            if words[_FIRST + 4 + _WORDS * number] >> 16 & _DONE:
                finished.append(self._copy(number))
            else:
                still_open.append(number)
                pending.append(self._copy(number)._replace(latency_us=0, status=0, flags=_SENT))
        self._seen, self._open = until, still_open
        return finished, pending

    def close(self) -> None:
        """Give the mapping back."""
        for view in (self._head, self._words, self._view):
            view.release()
        self._map.close()

    def _copy(self, number: int) -> sample.Sample:
        return sample.Sample._make(sample.RECORD.unpack_from(self._map, _HEAD + _SIZE * number))


def read_all(path: Path) -> list[sample.Sample]:
    """Every scheduled record of a tape, finished or not, in schedule order. A file cut short gives what it holds.

    Raises FileNotFoundError, and ValueError for a file that is no tape.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if len(head) < _HEAD or not head.startswith(sample.MAGIC):
            raise ValueError(f"{path} is not a tape")
        records = file.read(_SIZE * sample.HEADER.unpack(head)[3])  # not the sparse rest
    whole = memoryview(records)[: len(records) // _SIZE * _SIZE]
    return [sample.Sample._make(record) for record in sample.RECORD.iter_unpack(whole)]
