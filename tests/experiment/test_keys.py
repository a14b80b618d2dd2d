"""A key that is nearly one of its level is told with that one; what is no experiment at all is called what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.experiment import load

GOOD = {
    "title": "t",
    "description": "d",
    "steady-state-hypothesis": {
        "title": "h",
        "probes": [
            {
                "type": "probe",
                "name": "p",
                "tolerance": 200,
                "provider": {"type": "http", "url": "http://x", "timeout": 1, "verify_tls": False, "max_retries": 2},
            }
        ],
    },
    "method": [
        {
            "type": "action",
            "name": "a",
            "background": True,
            "pauses": {"before": 1, "after": 1},
            "provider": {"type": "process", "path": "true", "timeout": 3},
            "controls": [{"name": "c", "provider": {"type": "python", "module": "json"}}],
        }
    ],
    "rollbacks": [{"ref": "a"}],
    "x-anything": 1,
}


def typos(folder: Path, document: object) -> list[tuple[str, str | None]]:
    (folder / "x.json").write_text(json.dumps(document))
    seen = load.examine(str(folder / "x.json"))
    return [(f.message.rpartition(" ")[2], f.hint) for f in seen.findings if f.rule == "unknown-key"]


def test_a_good_file_has_no_such_finding(tmp_path: Path) -> None:
    assert typos(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"probes"', '"probe"'),
        ('"tolerance"', '"tolerence"'),
        ('"verify_tls"', '"verify_ssl"'),
        ('"background"', '"backgroud"'),
        ('"pauses"', '"pause"'),
        ('"before"', '"befor"'),
        ('"path"', '"paths"'),
        ('"module"', '"modul"'),
        ('"controls"', '"control"'),
    ],
)
def test_a_near_miss_is_told_with_the_key_of_the_same_level(right: str, wrong: str, tmp_path: Path) -> None:
    document = json.loads(json.dumps(GOOD).replace(right, wrong, 1))
    (found,) = typos(tmp_path, document)
    assert found == (wrong.replace('"', "'"), f"did you mean {right.replace(chr(34), chr(39))}?")


def test_a_key_of_another_level_is_no_hint(tmp_path: Path) -> None:
    document = json.loads(
        json.dumps(GOOD).replace('"path"', '"urls": 1, "path"').replace('"timeout": 3', '"titles": 3')
    )
    assert typos(tmp_path, document) == []


JOURNAL = {
    "chaoslib-version": "1.44.0",
    "platform": "Linux",
    "node": "n",
    "experiment": GOOD,
    "status": "completed",
    "deviated": False,
    "steady_states": {"before": {}},
    "run": [],
}


@pytest.mark.parametrize("without", [(), ("chaoslib-version",), ("steady_states", "run")])
def test_a_journal_is_recognised_as_one(without: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text(json.dumps({k: v for k, v in JOURNAL.items() if k not in without}))
    (found,) = load.examine(str(tmp_path / "journal.json")).findings
    assert "this is a journal" in found.message
    assert "under `experiment`" in (found.hint or "")


def test_an_object_of_another_kind_is_called_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: x}\n")
    (found,) = load.examine(str(tmp_path / "x.yaml")).findings
    assert found.message == "this is of the kind SLO of openslo/v1, not an experiment of Chaos Toolkit"
