"""What Chaos Toolkit accepts is no error here, what it refuses is one; the real chaoslib and `chaos` are the judges."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import ChaosException
from chaoslib.experiment import ensure_experiment_is_valid

from runner.experiment import load

SHIPPED = sorted(Path("experiments").glob("*.yaml"))
PYTHON = {"type": "python", "module": "os.path", "func": "basename", "arguments": {"p": "x"}}
WHOLE: dict[str, Any] = {
    "title": "t",
    "description": "d",
    "tags": ["a"],
    "configuration": {"a": 1, "b": {"type": "env", "key": "CR_NOPE", "default": "x"}},
    "secrets": {"s": {"t": "literal"}},
    "controls": [{"name": "c", "provider": {"type": "python", "module": "chaoslib.control"}}],
    "steady-state-hypothesis": {
        "title": "h",
        "probes": [
            {"type": "probe", "name": "p1", "tolerance": True, "provider": copy.deepcopy(PYTHON)},
            {
                "type": "probe",
                "name": "p2",
                "tolerance": {"type": "range", "range": [0, 1.5]},
                "provider": {"type": "http", "url": "http://x"},
            },
            {
                "type": "probe",
                "name": "p3",
                "tolerance": {"type": "regex", "pattern": "^a"},
                "provider": {"type": "process", "path": "true"},
            },
        ],
    },
    "method": [
        {
            "type": "action",
            "name": "a1",
            "provider": copy.deepcopy(PYTHON),
            "pauses": {"before": "${a}", "after": 1.5},
            "timeout": 3,
        },
        {
            "type": "action",
            "name": "a2",
            "background": True,
            "provider": {"type": "process", "path": "true", "timeout": 1},
        },
        {"ref": "p1"},
    ],
    "rollbacks": [{"ref": "p1"}],
    "extensions": [{"name": "other", "anything": [1]}],
}


def change(*way: Any, to: Any = KeyError) -> Callable[[dict[str, Any]], None]:
    """Set the value at the end of a way, or take it out."""

    def apply(document: dict[str, Any]) -> None:
        *before, last = way
        place: Any = document
        for step in before:
            place = place[step]
        if to is KeyError:
            del place[last]
        else:
            place[last] = to

    apply.__name__ = "/".join(str(w) for w in way) + ("" if to is KeyError else f"={to!r}")
    return apply


HYPOTHESIS = "steady-state-hypothesis"
PROBE = (HYPOTHESIS, "probes", 0)
CHANGES = [
    *(
        change(key)
        for key in ("title", "description", "method", "rollbacks", "tags", "controls", "secrets", HYPOTHESIS)
    ),
    *(
        change(key, to=None)
        for key in ("title", "method", "rollbacks", "configuration", "secrets", "controls", HYPOTHESIS, "tags")
    ),
    *(change("method", to=value) for value in ([], [None], [{}], ["x"], 3)),
    *(change("method", 0, key) for key in ("type", "name", "provider", "timeout", "pauses")),
    *(change("method", 0, "type", to=value) for value in ("probe", "activity", None)),
    *(
        change("method", 0, "pauses", to=value)
        for value in ({}, {"after": "15s"}, {"after": "3"}, {"before": None}, {"before": "${x}"})
    ),
    *(change("method", 0, "timeout", to=value) for value in ("3", True, None, 1.5)),
    *(change("method", 1, "background", to=value) for value in ("yes", None, False, 1)),
    *(change("method", 0, "provider", key) for key in ("type", "module", "func")),
    *(change("method", 0, "provider", "type", to=value) for value in ("java", "http", "process", None)),
    *(change("method", 1, "provider", key) for key in ("path", "timeout")),
    *(change("method", 2, "ref", to=value) for value in ("", 3, "nope", "a2")),
    change("method", 1, "name", to="a1"),
    change(*PROBE, "type", to="action"),
    change(HYPOTHESIS, "title"),
    change(HYPOTHESIS, "probes"),
    change(HYPOTHESIS, "probes", to=[]),
    change(*PROBE, "tolerance"),
    *(
        change(*PROBE, "tolerance", to=value)
        for value in (None, 0.5, 5, "x", [], [1, 2], [1.5, "a", 3], {}, {"type": "rang"})
    ),
    *(
        change(*PROBE, "tolerance", to={"type": "range", "range": value})
        for value in ([1], 3, ["a", 2], [3, 1], [1, 2, 3])
    ),
    change(*PROBE, "tolerance", to={"type": "range"}),
    *(change(*PROBE, "tolerance", to={"type": "regex", "pattern": value}) for value in ("(", 3, "a|b", "${x}")),
    change(*PROBE, "tolerance", to={"type": "regex"}),
    change(*PROBE, "tolerance", to={"type": "probe", "name": "n", "provider": copy.deepcopy(PYTHON)}),
    change(*PROBE, "tolerance", to={"type": "probe", "provider": copy.deepcopy(PYTHON)}),
    change(HYPOTHESIS, "probes", 1, "provider", "url"),
    *(change(HYPOTHESIS, "probes", 1, "provider", "headers", to=value) for value in ("x", {"a": "b"}, None, [1])),
    *(change("tags", to=value) for value in ([""], [1], "abc", [])),
    *(change("extensions", to=value) for value in ([], None, [{}], [{"name": ""}], [{"name": " "}], ["x"])),
    *(change("controls", 0, key) for key in ("name", "provider")),
    *(change("controls", 0, "scope", to=value) for value in ("before", "during", None)),
    change("controls", 0, "provider", to={"type": "python"}),
    change("controls", to=[{"name": "r", "ref": "nope", "provider": {}}]),
    change("configuration", "a", to={"type": "env", "key": "CR_NOPE"}),
    change("configuration", "a", to={"type": "env"}),
    change("configuration", "a", to={"type": "env", "key": "CR_NOPE", "default": "x", "env_var_type": "int"}),
    change("secrets", "s", to={"t": {"type": "env", "key": "CR_NOPE"}}),
    change("version", to=3),
    change("runtime", to={"rollbacks": {"strategy": "always"}}),
]


def refuses(document: dict[str, Any]) -> bool:
    """Whether the real chaoslib refuses, by its own exceptions or by a crash."""
    try:
        ensure_experiment_is_valid(copy.deepcopy(document))
    except (ChaosException, AttributeError, TypeError, KeyError, ValueError):
        return True
    return False


def errors_in(document: dict[str, Any], folder: Path) -> list[str]:
    path = folder / "x.json"
    path.write_text(json.dumps(document))
    return [f.message for f in load.examine(str(path), here=True).errors]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("apply", CHANGES, ids=lambda c: c.__name__)
def test_chaoslib_and_we_agree_on_what_is_valid(apply: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    document = copy.deepcopy(WHOLE)
    apply(document)
    found = errors_in(document, tmp_path)
    assert bool(found) == refuses(document), found


def test_all_findings_come_in_one_pass(tmp_path: Path) -> None:
    document = copy.deepcopy(WHOLE)
    for apply in (
        change("title"),
        change("method", 0, "name"),
        change(HYPOTHESIS, "title"),
        change("controls", 0, "name"),
    ):
        apply(document)
    assert len(errors_in(document, tmp_path)) == 4


@pytest.mark.parametrize("content", ["", "[]", "just text", "3", "null"])
def test_what_is_no_experiment_is_said_in_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(content)
    (found,) = load.examine(str(tmp_path / "x.yaml")).findings
    assert "an experiment is a mapping" in found.message


def test_a_missing_module_is_found_without_an_import(tmp_path: Path) -> None:
    document = copy.deepcopy(WHOLE)
    document["method"][0]["provider"]["module"] = "chaosgcp.nope"
    (tmp_path / "x.json").write_text(json.dumps(document))
    found = [f for f in load.examine(str(tmp_path / "x.json")).findings if f.rule == "module"]
    assert [(f.severity, f.hint) for f in found] == [("warning", "install chaostoolkit-google-cloud-platform")]


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_a_shipped_experiment_has_no_finding_and_chaoslib_accepts_it(path: Path) -> None:
    seen = load.examine(str(path))
    assert seen.findings == ()
    assert seen.experiment is not None
    assert not refuses(dict(seen.experiment.document))


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_plain_chaos_validates_a_shipped_experiment(path: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("chaos")), "--no-version-check", "validate", str(path.resolve())]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "experiment syntax and semantic look valid" in done.stderr + done.stdout


ODD: tuple[Any, ...] = (None, 3, "${x}", [], [3], {"a": None}, [{}], {"type": "probe"})


def ways(tree: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a tree."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [*([way] if way else []), *(deep for key, value in inner for deep in ways(value, (*way, key)))]


@pytest.mark.parametrize("part", ["configuration", "method", "rollbacks", "controls", "secrets", HYPOTHESIS, "runtime"])
def test_whatever_stands_anywhere_is_a_finding_or_fine_and_no_crash(part: str, tmp_path: Path) -> None:
    whole = copy.deepcopy(WHOLE) | {"runtime": {"hypothesis": {"strategy": "default"}}}
    dynamic = {"type": "probe", "name": "n", "provider": copy.deepcopy(PYTHON)}
    whole["configuration"]["dynamic"] = copy.deepcopy(dynamic)
    whole[HYPOTHESIS]["probes"][0]["tolerance"] = dynamic
    path = tmp_path / "x.json"
    for way in ways(whole[part], (part,)):
        for value in ODD:
            document = copy.deepcopy(whole)
            change(*way, to=copy.deepcopy(value))(document)
            path.write_text(json.dumps(document))
            load.examine(str(path), here=True)
