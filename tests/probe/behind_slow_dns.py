"""A prober on a machine whose DNS takes its time: prints what was seen. Started by `unshare --mount --net`, so that only it is told."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from runner.probe import messages
from runner.slo import causes
from tests.probe import odd
from tests.probe.conftest import Probe

TAKES_S = 0.5
RATE = 50.0
NAME = "shop.internal"
_IPV4 = b"\x00\x01"


class SlowResolver:
    """Every name is at 127.0.0.1, and has no IPv6 address; each answer takes TAKES_S."""

    def __init__(self) -> None:
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            threading.Thread(target=self._answer, args=self._socket.recvfrom(4096), daemon=True).start()

    def _answer(self, query: bytes, asker: tuple[str, int]) -> None:
        question = query[12 : query.index(b"\x00", 12) + 5]
        wants_ipv4 = question[-4:-2] == _IPV4
        self._count(wants_ipv4)
        time.sleep(TAKES_S)
        self._count(-wants_ipv4)
        answer = (
            b"\xc0\x0c" + _IPV4 + b"\x00\x01" + (0).to_bytes(4, "big") + b"\x00\x04" + socket.inet_aton("127.0.0.1")
        )
        head = query[:2] + b"\x81\x80\x00\x01" + wants_ipv4.to_bytes(2, "big") + b"\x00\x00\x00\x00"
        self._socket.sendto(head + question + answer * wants_ipv4, asker)

    def _count(self, change: int) -> None:
        with self._lock:
            self._now += change
            self.most_at_once = max(self.most_at_once, self._now)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        servers = Path(folder) / "resolv.conf"
        servers.write_text("nameserver 127.0.0.1\n")
        subprocess.run(["mount", "--bind", servers, Path("/etc/resolv.conf").resolve()], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        resolver = SlowResolver()
        with odd.serving(odd.answers) as url:
            shop = messages.Indicator(
                name="shop",
                url=url.replace("127.0.0.1", NAME),
                rate=RATE,
                timeout_s=30.0,
                status=((200, 299),),
                new_every=1,
            )
            prober = Probe(messages.Start(run="r", folder=folder, seed=7, limit_s=30.0, indicators=(shop,)))
            prober.first = prober.hear()
            prober.start()
            time.sleep(3.0)
            samples = prober.stop()["shop"]
    print(json.dumps({"lookups at once": resolver.most_at_once, "causes": list(causes.counted(samples))}))


if __name__ == "__main__":
    main()
