"""Our own sources do what is asked of everybody's; the check finds one that does not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from runner import errors
from runner.probe.alerts import conformance, source
from runner.probe.alerts.source import Setting
from runner.timeline.alerting import Floor, Seen
from tests.detection.rig import Rig
from tests.fakes.cloudwatch import ACCESS, REGION, Cloud
from tests.fakes.grafana import grafana, mapped
from tests.fakes.pagerduty import TOKEN, Pager
from tests.ports import free_port


class Switch:
    """Breaks and mends everything at once, for all checks that run side by side."""

    def __init__(self, checks: int, rig: Rig, cloud: Cloud, pager: Pager) -> None:
        self._ready = asyncio.Barrier(checks)
        self._rig, self._cloud, self._pager = rig, cloud, pager

    async def provoke(self) -> None:
        if await self._ready.wait() == 0:
            self._rig.broken["conform"] = True
            self._cloud.turn("conform", "ALARM")
            incident = self._pager.trigger("Shop is down")
            self._pager.notify(incident)
            self._pager.set(incident, "acknowledged")

    async def calm(self) -> None:
        if await self._ready.wait() == 0:
            self._rig.broken["conform"] = False
            self._cloud.turn("conform", "OK")
            self._pager.set(self._pager.incidents[0]["id"], "resolved")


@pytest.mark.slow("alerts of real systems fire and resolve by evaluations a second apart")
def test_our_own_sources_conform_on_real_systems_or_what_is_most_like_them(
    there: Rig, cloud: Cloud, pager: Pager
) -> None:
    cloud.alarm("conform")

    async def all_at_once(grafana_url: str) -> list[list[str]]:
        alarm = {"named": ("conform",), "region": REGION}
        settings = {
            "prometheus": Setting(kind="prometheus", target=there.prometheus, match={"what": "conform"}),
            "alertmanager": Setting(kind="alertmanager", target=there.alertmanager, match={"what": "conform"}),
            "grafana": Setting(kind="grafana", target=grafana_url, match={"what": "conform"}),
            "cloudwatch": Setting(
                kind="cloudwatch", target="", access=ACCESS, options={**alarm, "endpoint": cloud.url}
            ),
            "pagerduty": Setting(
                kind="pagerduty",
                target="",
                access={"token": TOKEN},
                options={"named": ("Web shop",), "endpoint": pager.url},
            ),
        }
        switch = Switch(len(settings), there, cloud, pager)
        checks = [
            conformance.check(source.build, one, _gone(one), provoke=switch.provoke, calm=switch.calm)
            for one in settings.values()
        ]
        return await asyncio.gather(*checks)

    with grafana(mapped(there.prometheus, there.alertmanager)) as url:
        assert asyncio.run(all_at_once(url)) == [[], [], [], [], []]


def _gone(setting: Setting) -> Setting:
    """The same where nobody is."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    return replace(setting, target=nowhere, options={**setting.options, "endpoint": nowhere})


class Careless:
    """Tells the same twice, from long ago, without evidence, and does not mind that nobody is there."""

    name, every_s, stages = "careless", 0.01, ("firing",)

    async def open(self) -> Floor:
        return Floor()

    async def poll(self) -> Sequence[Seen]:
        return [Seen(stage="firing", alert="A", key="a", source=self.name, mono_ns=5, error_s=0.0)] * 2

    async def close(self) -> None:
        pass


def careless(_: Setting) -> Careless:
    return Careless()


def test_a_careless_source_does_not() -> None:
    async def nothing() -> None:
        pass

    setting = Setting(kind="careless", target="")
    problems = asyncio.run(conformance.check(careless, setting, setting, provoke=nothing, calm=nothing, limit_s=1))
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


def test_a_package_can_bring_a_kind_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "my_pager-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-pager\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{source.GROUP}]\nmy-pager = {__name__}:careless\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert source.build(Setting(kind="my-pager", target="there")).name == "careless"
    with pytest.raises(errors.UsageError, match="no detection source 'pigeon'") as caught:
        source.build(Setting(kind="pigeon", target=""))
    assert "my-pager" in str(caught.value.hint)
    assert "pagerduty" in str(caught.value.hint)
