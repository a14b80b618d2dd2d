"""The alert pipeline measured on the real thing: eight faults at random offsets, every stage in order, and the one that told nobody."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import time
import urllib.request
from collections import Counter
from datetime import datetime

import pytest

from runner.probe.alerts import source
from runner.probe.alerts.source import Remembering, Setting, Source
from runner.timeline.alerting import Seen, fresh, joined, unseen
from tests.detection.rig import Rig

FAULTS = 8
LIMIT_S = 15.0


class Listening:
    """All three sources at work, and what they said."""

    def __init__(self, sources: list[Source]) -> None:
        self.sources = sources
        self.seen: list[Seen] = []

    async def watch(self) -> None:
        while True:
            for one in self.sources:
                self.seen += await one.poll()
            await asyncio.sleep(0.05)

    async def until(self, alert: str, stage: str, since_ns: int, limit_s: float = LIMIT_S) -> None:
        async with asyncio.timeout(limit_s):
            while not any(s.alert == alert and s.stage == stage and s.mono_ns >= since_ns for s in self.seen):
                await asyncio.sleep(0.02)

    def of(self, alert: str, since_ns: int) -> list[Seen]:
        return [s for s in fresh(self.seen, since_ns) if s.alert == alert]


def _settings(there: Rig) -> list[Source]:
    settings = (("prometheus", there.prometheus), ("alertmanager", there.alertmanager), ("webhook", there.webhook))
    return [source.build(Setting(kind=kind, target=target, match={"service": "shop"})) for kind, target in settings]


def _started_at(there: Rig, alert: str) -> float:
    """`startsAt` as the Alertmanager says it, read by nobody's code but this line."""
    with urllib.request.urlopen(f"{there.alertmanager}/api/v2/alerts?filter=alertname%3D{alert}", timeout=5) as answer:
        (found,) = json.load(answer)
    return datetime.fromisoformat(found["startsAt"]).timestamp()


@pytest.mark.slow("eight faults, each until a real Alertmanager has told of it and of its end")
@pytest.mark.timeout(110)
def test_eight_faults_are_followed_stage_by_stage_and_a_short_one_tells_nobody(there: Rig) -> None:
    asyncio.run(_follow(there))


async def _follow(there: Rig) -> None:
    listening = Listening(_settings(there))
    floor = joined([await s.open() for s in listening.sources])
    assert floor.parts == {"scrape": 1.0, "evaluation": 1.0, "for": 1.0, "group_wait": 6.0}
    watching, begun = asyncio.create_task(listening.watch()), time.monotonic_ns()
    try:
        blip = asyncio.create_task(_blip(there, listening))
        waited = []
        for _ in range(FAULTS):
            await asyncio.sleep(random.random())
            waited.append(await _fault(there, listening))
        assert min(waited) == 1, "`for` is one second: more is what a busy machine left out"
        await blip
        await _remembers(listening, begun)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        for one in listening.sources:
            await one.close()


async def _fault(there: Rig, listening: Listening) -> int:
    """One fault: broken until somebody is told of it. How many evaluations lay between pending and firing."""
    since = time.monotonic_ns()
    there.broken["errors"] = True
    await listening.until("ShopErrors", "notified", since)
    starts_at = _started_at(there, "ShopErrors")
    there.broken["errors"] = False
    mended = time.monotonic_ns()
    await listening.until("ShopErrors", "resolved", mended)
    seen = listening.of("ShopErrors", since)
    first = {s.stage: s for s in reversed(seen)}
    told = [first[stage] for stage in ("pending", "firing", "received", "notified", "resolved")]
    moments = [s.mono_ns for s in told]
    slack = round(0.02e9)  # stages a millisecond apart are dated by two clocks
    assert all(a <= b + slack for a, b in itertools.pairwise(moments)), [(s.stage, s.mono_ns) for s in told]
    for firing in (s for s in seen if s.stage == "firing"):
        at = time.time() - (time.monotonic_ns() - firing.mono_ns) / 1e9
        assert abs(at - starts_at) < 0.1, firing.source
        assert firing.raw
    waited_s = (first["firing"].mono_ns - first["pending"].mono_ns) / 1e9
    assert waited_s == pytest.approx(round(waited_s), abs=0.1)
    return round(waited_s)


async def _remembers(listening: Listening, begun: int) -> None:
    """What Prometheus wrote down is what was seen, each stage within the evaluation interval that it states."""
    prometheus = listening.sources[0]
    assert isinstance(prometheus, Remembering)
    await asyncio.sleep(1.1)  # that the last one was resolved is known one evaluation later
    wrote = await prometheus.history(begun, time.monotonic_ns())
    seen = [s for s in listening.seen if s.source == "prometheus"]
    assert Counter((s.alert, s.stage) for s in wrote) == Counter((s.alert, s.stage) for s in seen)
    assert len(wrote) >= 3 * FAULTS
    assert unseen(wrote, seen) == []
    assert all(1.0 <= s.error_s < 2.0 and s.raw for s in wrote)


async def _blip(there: Rig, listening: Listening) -> None:
    """A fault that ends before group_wait does: fired and seen, but no notification is ever sent."""
    since = time.monotonic_ns()
    there.broken["blip"] = True
    await listening.until("ShopBlip", "received", since)
    there.broken["blip"] = False
    await listening.until("ShopBlip", "resolved", time.monotonic_ns())
    await asyncio.sleep(7.0)
    stages = {s.stage for s in listening.of("ShopBlip", since)}
    assert {"firing", "received", "resolved"} <= stages
    assert "notified" not in stages
