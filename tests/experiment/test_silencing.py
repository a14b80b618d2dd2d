"""Silences are for alerts by their name, and never for the one that the experiment expects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.experiment import load
from tests.journeys import harness
from tests.journeys.harness import Json

AM = {"alertmanager": "http://a"}
EXPECTED = {
    "detection": [{**AM, "match": {"service": "shop"}}],
    "expect": {"alert": "ShopErrors", "labels": {"team": "storefront"}},
}


def _matcher(name: str, value: str, **more: bool) -> Json:
    return {**AM, "matchers": [{"name": name, "value": value, **more}]}


def _found(folder: Path, silence: Json, **block: Any) -> list[str]:
    document = harness.experiment(
        harness.Service(1), method=[harness.http("break", "/break")], silence=[silence], **block
    )
    file = folder / "experiment.json"
    file.write_text(json.dumps(document, indent=1))
    return [f"{f.rule}: {f.message}; {f.hint}" for f in load.examine(str(file), env={}).findings]


@pytest.mark.parametrize(
    "silence",
    [
        {**AM, "match": {"alertname": "NoisyNeighbour"}},
        _matcher("alertname", "Node.*", isRegex=True),
        {**AM, "match": {"alertname": "ShopErrors", "team": "search"}},
        {
            **AM,
            "match": {"alertname": "ShopErrors"},
            "matchers": [{"name": "service", "value": "shop", "isEqual": False}],
        },
    ],
)
def test_others_by_their_name_are_silenced(silence: Json, tmp_path: Path) -> None:
    assert _found(tmp_path, silence, **EXPECTED) == []


@pytest.mark.parametrize(
    ("silence", "why"),
    [
        (AM, "without matchers it would silence every alert; add match: {alertname: …}"),
        (_matcher("alertname", ".+", isRegex=True), 'alertname=~".+" silences more than alerts by their name'),
        (_matcher("alertname", "[A-Z].*", isRegex=True), "silences more than alerts by their name"),
        (_matcher("alertname", "|x", isRegex=True), "silences more than alerts by their name"),
        (_matcher("alertname", "", isEqual=True), "silences more than alerts by their name"),
        (_matcher("alertname", "X", isEqual=False), 'alertname!="X" silences more than alerts by their name'),
        (_matcher("team", "search"), "silences more than alerts by their name"),
        (_matcher("alertname", "Shop(", isRegex=True), "'Shop(' is not a regular expression"),
        (_matcher("alertname", "ShopErrors"), "would silence the alert that the experiment expects, ShopErrors"),
        (_matcher("alertname", "Shop.*", isRegex=True), "would silence the alert that the experiment expects, ShopErrors"),
        ({**AM, "match": {"alertname": "ShopErrors", "severity": "page"}}, "would silence the alert that"),
        ({**AM, "match": {"alertname": "X"}, "secrets": "none"}, "there is no group 'none' in secrets:"),
    ],
)  # fmt: skip
def test_everything_and_the_expected_alert_are_not(silence: Json, why: str, tmp_path: Path) -> None:
    (found,) = _found(tmp_path, silence, **EXPECTED)
    assert why in found


def test_where_nothing_says_which_alert_is_expected_nothing_is_silenced(tmp_path: Path) -> None:
    named = {**AM, "match": {"alertname": "NoisyNeighbour"}}
    (found,) = _found(tmp_path, named, detection=EXPECTED["detection"])
    assert "nothing says what that is called; add expect: {alert: …}" in found
    assert (
        _found(tmp_path, {**named, "match": {**named["match"], "service": "search"}}, detection=EXPECTED["detection"])
        == []
    )
    assert _found(tmp_path, named) == [], "our own rule is no alert of theirs"


def test_a_silence_without_a_longest_duration_is_doubted(tmp_path: Path) -> None:
    (found,) = _found(tmp_path, {**AM, "match": {"alertname": "X"}}, abort=[{"no_data": {"after": "5s"}}])
    assert found.startswith("silence: no longest duration")
