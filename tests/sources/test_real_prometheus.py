"""Counts against a real Prometheus: eight faults, a restart and a newborn series among them, agree with the service's own counters."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runner.checks.check import NoData
from runner.experiment.metric import Metric
from runner.probe.metered import Metered
from runner.probe.prometheus import Prometheus
from tests.fakes.listening import Quiet, listening
from tests.ports import free_port
from tests.waiting import PATIENCE_S, until

FAULTS = 8
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""
BAD = Metric(
    name="bad", source="team", form="bad", query='shop_requests_total{code=~"5.."}', total="sum(shop_requests_total)"
)
GOOD = Metric(
    name="good", source="team", form="good", query='shop_requests_total{code="200"}', total="shop_requests_total"
)


@dataclass
class Shop:
    """A service whose counters are known exactly."""

    counters: dict[str, int] = field(default_factory=lambda: {"200": 1000})
    reachable: bool = True
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, good: int, code: str, bad: int, *, restart: bool = False) -> None:
        with self.lock:
            if restart:
                self.counters = {"200": 0}
            self.counters["200"] += good
            if bad:
                self.counters[code] = self.counters.get(code, 0) + bad

    def text(self) -> str:
        with self.lock:
            return "".join(f'shop_requests_total{{code="{c}"}} {n}\n' for c, n in self.counters.items())


@contextlib.contextmanager
def shop() -> Iterator[Shop]:
    found = Shop()

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.answer(found.text().encode(), 200 if found.reachable else 503)

    with listening(Handler) as url:
        found.port = int(url.rpartition(":")[2])
        yield found


@contextlib.contextmanager
def prometheus(folder: Path, service: Shop) -> Iterator[str]:
    if not shutil.which("prometheus"):
        pytest.skip("no prometheus here: apt-get install --no-install-recommends prometheus")
    port = free_port()
    (folder / "prometheus.yml").write_text(CONFIG.format(port=service.port))
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["prometheus", *options], cwd=folder, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: scraped(url), "Prometheus has looked at the shop")
        yield url
    finally:
        process.kill()
        process.wait()


def scraped(url: str) -> bool:
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"{url}/api/v1/query?query=shop_requests_total") as answer,
    ):
        return bool(json.load(answer)["data"]["result"])
    return False


async def counted(meters: list[Metered], events: int) -> list[tuple[int, int]]:
    """Bad and total that each meter sees until it has seen so many events, and one look more: a scrape may fall between
    the two questions of a look."""
    sums = [(0, 0) for _ in meters]
    deadline, enough = time.monotonic() + PATIENCE_S, 0
    while enough < 2 and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        for n, meter in enumerate(meters):
            for _, bad, total in await meter.ask(time.time()):
                sums[n] = (sums[n][0] + bad, sums[n][1] + total)
        enough += min(total for _, total in sums) >= events
    return sums


@contextlib.asynccontextmanager
async def closing(source: Prometheus) -> AsyncIterator[Prometheus]:
    try:
        yield source
    finally:
        await source.close()


async def nothing_bad_until_it_ends(meter: Metered) -> None:
    for _ in range(50):
        await asyncio.sleep(0.2)
        assert [bad for _, bad, _ in await meter.ask(time.time())] in ([], [0])


@pytest.mark.slow("eight faults before a real Prometheus")
def test_counts_agree_with_the_counters_over_eight_faults_and_a_target_that_is_gone_is_no_data(tmp_path: Path) -> None:
    chance = random.Random(6)

    async def whole(url: str, service: Shop) -> None:
        async with closing(Prometheus("team", url, 2.0, {})) as source:
            await compared(source, service)

    async def compared(source: Prometheus, service: Shop) -> None:
        offset, _ = await source.clock_offset_s()
        assert abs(offset) < 0.1
        meters = [Metered(BAD, source, 0.2, offset), Metered(GOOD, source, 0.2, offset)]
        for meter in meters:
            await meter.ask(time.time())
        for fault in range(FAULTS):
            good, bad, code = chance.randint(0, 300), chance.randint(1, 200), chance.choice(["500", "502", "503"])
            restart = fault in (3, 6)
            if restart:  # one that is above its old value again before anybody looks is no restart to anybody
                good, bad = (
                    min(good, service.counters["200"] - 1),
                    min(bad, max(1, service.counters.get(code, 999) - 1)),
                )
            await asyncio.sleep(chance.random() * 0.3)
            service.serve(good, code, bad, restart=restart)
            for seen in await counted(meters, good + bad):
                off = (abs(seen[0] - bad), abs(seen[1] - good - bad))
                assert max(off) <= 1, f"fault {fault}: {seen} instead of {bad} of {good + bad}"
        assert [len(m.gaps()) for m in meters] == [2, 2]
        share = await meters[0].bad_share(30 * 86400, time.time())
        assert 0 < share < 1
        for meter in meters:
            bad, mean = [await meter.bad_slices(60, time.time(), 3.0, target) for target in (0.999, None)]
            assert 0 < mean < bad <= 1
        service.reachable = False
        with pytest.raises(NoData, match="stale: its newest reading is"):
            await nothing_bad_until_it_ends(meters[0])

    with shop() as service, prometheus(tmp_path, service) as url:
        asyncio.run(whole(url, service))
