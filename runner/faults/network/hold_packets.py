"""The process that holds packets: it takes them from a queue of the kernel and lets each go when its delay is over.

`python -m runner.faults.network.hold_packets QUEUE DELAY_MS JITTER_MS SECONDS`. Only the numbers of the packets come here, not their
contents. It speaks netlink by itself (the kernel's nfnetlink_queue.h), so that nothing has to be installed.
"""

from __future__ import annotations

import heapq
import random
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator

NETLINK_NETFILTER, SOL_NETLINK, NO_ENOBUFS, SO_RCVBUFFORCE = 12, 270, 5, 33
PACKET, VERDICT, CONFIG = 0x300, 0x301, 0x302
REQUEST, ACK = 1, 4
CFG_CMD, CFG_PARAMS, CFG_QUEUE_MAXLEN, CFG_MASK, CFG_FLAGS = 1, 2, 3, 4, 5
BIND, COPY_META = 1, 1
FAIL_OPEN, GSO = 1, 4
"""When the queue is full, packets pass; large ones are not cut before they come here."""
VERDICT_HEADER, PACKET_HEADER = 2, 1
ACCEPT = 1
WAITING = 100_000
"""Packets that may wait at a time."""
ERROR = 2
HEARS_S = 0.2
"""It looks so often whether it was asked to end: the packets that wait are let go then, not lost."""


def main(words: list[str]) -> int:
    queue, delay, jitter, seconds = int(words[0]), float(words[1]) / 1000, float(words[2]) / 1000, float(words[3])
    link = _bound(queue)
    ended = list[int]()
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    until, waiting = time.monotonic() + seconds, list[tuple[float, int]]()
    while (now := time.monotonic()) < until and not ended:
        while waiting and waiting[0][0] <= now:
            _accept(link, queue, heapq.heappop(waiting)[1])
        wait = min(until, waiting[0][0] if waiting else until) - now
        if select.select([link], [], [], min(max(0.0, wait), HEARS_S))[0]:
            arrived = time.monotonic()
            for packet in _packets(link.recv(1 << 16)):
                heapq.heappush(waiting, (arrived + delay + random.uniform(-jitter, jitter), packet))
    for _, packet in sorted(waiting):
        _accept(link, queue, packet)
    return 0


def _bound(queue: int) -> socket.socket:
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    link.bind((0, 0))
    link.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    link.setsockopt(SOL_NETLINK, NO_ENOBUFS, 1)
    for attribute in (
        _attribute(CFG_CMD, struct.pack(">BxH", BIND, 0)),
        _attribute(CFG_PARAMS, struct.pack(">IB", 0, COPY_META)),
        _attribute(CFG_QUEUE_MAXLEN, struct.pack(">I", WAITING)),
        _attribute(CFG_FLAGS, struct.pack(">I", FAIL_OPEN | GSO))
        + _attribute(CFG_MASK, struct.pack(">I", FAIL_OPEN | GSO)),
    ):
        link.send(_message(CONFIG, queue, attribute, flags=REQUEST | ACK))
        answer = link.recv(1 << 16)
        if (error := struct.unpack_from("=i", answer, 16)[0]) and struct.unpack_from("=H", answer, 4)[0] == ERROR:
            raise OSError(-error, f"the kernel refuses the queue {queue}")
    return link


def _accept(link: socket.socket, queue: int, packet: int) -> None:
    link.send(_message(VERDICT, queue, _attribute(VERDICT_HEADER, struct.pack(">II", ACCEPT, packet)), flags=REQUEST))


def _packets(data: bytes) -> Iterator[int]:
    """The numbers of the packets in what the kernel sent."""
    at = 0
    while at + 20 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if kind == PACKET:
            yield from _numbers(data[at + 20 : at + length])
        at += (max(length, 16) + 3) & ~3


def _numbers(attributes: bytes) -> Iterator[int]:
    at = 0
    while at + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, at)
        if kind & 0x3FFF == PACKET_HEADER:
            yield struct.unpack_from(">I", attributes, at + 4)[0]
        at += (max(length, 4) + 3) & ~3


def _message(kind: int, queue: int, attributes: bytes, *, flags: int) -> bytes:
    body = struct.pack(">BBH", 0, 0, queue) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    head = struct.pack("=HH", 4 + len(value), kind)
    return head + value + b"\0" * (-len(value) % 4)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
