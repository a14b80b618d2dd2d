"""What `chaos-run checks` prints: plain text that fits 80 columns, and a way to use each check that is valid as it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.checks.table import CHECKS
from runner.cli import main
from runner.experiment import load

HEAD = "title: t\ndescription: d\nmethod: []\nrollbacks: []\n"
OURS = "extensions:\n- name: chaos-run"


def printed(capsys: Any, *words: str) -> tuple[int, str]:
    code = main.entry(["checks", *words], main.app, "chaos-run")
    out, err = capsys.readouterr()
    return code, out + err


def test_the_list_names_each_with_level_limit_and_what_it_reads(capsys: Any) -> None:
    code, text = printed(capsys)
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    for row in CHECKS.values():
        line = next(found for found in text.splitlines() if found.split()[:1] == [row.name])
        assert line.split(maxsplit=1)[1] == f"{row.level:8}  {row.condition}"
    assert "reads CloudWatch AWS/RDS CPUUtilization, Average" in text


def test_as_json_there_is_everything(capsys: Any) -> None:
    found = {row["name"]: row for row in json.loads(printed(capsys, "--json")[1])}
    assert list(found) == list(CHECKS)
    assert found["sqs_age"]["limit"] == 900
    assert [p["name"] for p in found["sqs_age"]["takes"] if p["required"]] == ["queue"]
    assert json.loads(printed(capsys, "sqs_age", "--json")[1]) == [found["sqs_age"]]


def test_a_name_that_is_none_is_told_with_the_nearest(capsys: Any) -> None:
    assert printed(capsys, "pods-pendig") == (
        2,
        "error: there is no check 'pods-pendig'\nhint: did you mean 'pods_pending'?\n",
    )


@pytest.mark.parametrize("name", CHECKS)
def test_what_it_shows_can_be_pasted(capsys: Any, tmp_path: Path, name: str) -> None:
    """With a value for each `…`."""
    _, text = printed(capsys, name)
    assert max(map(len, text.splitlines())) <= 80
    about, _, use = text.replace(": …", ": 7").partition("\nAs a probe of the hypothesis, for plain `chaos run` too:\n")
    assert f"{CHECKS[name].level} {CHECKS[name].condition}" in about
    probe, _, block = use.partition("\nIn a run, read again and again, for a guard or an objective:\n")
    written = tmp_path / "x.yaml"
    written.write_text(f"{HEAD}steady-state-hypothesis:\n  title: h\n  probes:{probe}{OURS}{block}", "utf-8")
    assert [f.message for f in load.examine(str(written)).errors] == []
