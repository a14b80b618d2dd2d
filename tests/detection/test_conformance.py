"""Our own sources do what is asked of everybody's, on the real systems; the check finds one that does not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from runner import errors
from runner.probe.alerts import conformance, source
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen
from tests.detection.rig import Rig, free_port


@pytest.mark.slow
def test_prometheus_and_alertmanager_conform(there: Rig) -> None:
    async def one(kind: str, target: str, broken: asyncio.Barrier) -> list[str]:
        async def provoke() -> None:
            await broken.wait()
            there.broken["conform"] = True

        async def calm() -> None:
            await broken.wait()
            there.broken["conform"] = False

        match = {"what": "conform"}
        gone = Setting(kind=kind, target=f"http://127.0.0.1:{free_port()}", match=match)
        setting = Setting(kind=kind, target=target, match=match)
        return await conformance.check(source.build, setting, gone, provoke=provoke, calm=calm)

    async def both() -> list[list[str]]:
        broken = asyncio.Barrier(2)
        return await asyncio.gather(
            one("prometheus", there.prometheus, broken), one("alertmanager", there.alertmanager, broken)
        )

    assert asyncio.run(both()) == [[], []]


class Careless:
    """Tells the same twice, from long ago, without evidence, and does not mind that nobody is there."""

    name, every_s, stages = "careless", 0.01, ("firing",)

    async def open(self) -> Floor:
        return Floor()

    async def poll(self) -> Sequence[Seen]:
        return [Seen(stage="firing", alert="A", key="a", source=self.name, mono_ns=5, error_s=0.0)] * 2

    async def close(self) -> None:
        pass


def test_a_careless_source_does_not() -> None:
    async def nothing() -> None:
        pass

    setting = Setting(kind="careless", target="")
    problems = asyncio.run(
        conformance.check(lambda _: Careless(), setting, setting, provoke=nothing, calm=nothing, limit_s=1)
    )
    said = "\n".join(problems)
    for wanted in (
        "not there does not",
        "while nothing fires",
        "more than once",
        "dated outside",
        "no error",
        "without the raw",
    ):
        assert wanted in said


def test_a_kind_that_nobody_brings_is_named_with_those_that_are_there() -> None:
    with pytest.raises(errors.UsageError, match="no detection source 'pager'"):
        source.build(Setting(kind="pager", target=""))
