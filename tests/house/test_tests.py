"""The tests themselves: whoever is slow says why, and none fails because the machine is busy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns"}
"""Of the module `time`: what also counts the seconds in which others had the processor."""
CLOCKS_ASKED = tuple(f"time.{clock}()" for clock in CLOCKS)
EVENT_TIME = '["t"]'
LEAST_S = 15.0
"""A bound on the wall clock that is shorter than this fails on a busy machine."""
APART = {"cluster", "detection", "fakes", "house", "journeys", "sources", "systems"}
"""Folders of tests about more than one package: on a cluster, with real alert systems, with real sources, from the command line; and
what tests need."""


@cache
def _texts() -> dict[str, str]:
    return {str(p.relative_to(TESTS)): p.read_text("utf-8") for p in sorted(TESTS.rglob("*.py"))}


def _nodes(*words: str) -> Iterator[tuple[str, ast.AST]]:
    """Of the files that hold one of the words: to read all of them takes seconds."""
    found = ((name, text) for name, text in _texts().items() if any(word in text for word in words))
    return ((name, node) for name, text in found for node in ast.walk(ast.parse(text)))


def test_whoever_is_slow_says_why() -> None:
    found = [*_nodes("mark.slow")]
    marks = [(name, node) for name, node in found if isinstance(node, ast.Attribute) and _is(node, "mark", "slow")]
    reasons = {id(node.func) for _, node in found if isinstance(node, ast.Call) and node.args}
    assert marks
    assert [f"{name}:{node.lineno}" for name, node in marks if id(node) not in reasons] == []


def test_the_folders_are_those_of_the_packages() -> None:
    folders = {Path(name).parts[0] for name in _texts() if len(Path(name).parts) > 1} - APART
    packages = {p.parent.name for p in (TESTS.parent / "runner").glob("*/__init__.py")} | {"gameday"}
    assert folders <= packages


def test_no_test_fails_because_the_machine_is_busy() -> None:
    """How fast something is stands in benchmarks/: here it is waited for (tests/waiting.py), counted, or told from a hang."""
    assert [
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, node in _nodes(*CLOCKS_ASKED, EVENT_TIME)
        if _is_timed(node)
    ] == []


def _is_timed(node: ast.AST) -> bool:
    """`time.monotonic() - began < 2`, `undone["t"] - injected["t"] < 2` and the like."""
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[-1], ast.Lt | ast.LtE):
        return False
    bound, seconds = node.comparators[-1], (node.left, *node.comparators)[-2]
    measured = any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub) for n in ast.walk(seconds))
    asked = any(_is_clock(n) for n in ast.walk(seconds))
    return measured and asked and isinstance(bound, ast.Constant) and float(str(bound.value)) < LEAST_S


def _is_clock(node: ast.AST) -> bool:
    """A clock of `time`, or when an event was told."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "t"
    return isinstance(node, ast.Attribute) and _is(node, "time", node.attr) and node.attr in CLOCKS


def test_a_bound_on_the_wall_clock_is_seen() -> None:
    assert _is_timed(ast.parse("time.monotonic() - began < 2", mode="eval").body)
    assert _is_timed(ast.parse("0.1 < time.monotonic() - began < 0.8", mode="eval").body)
    assert _is_timed(ast.parse('undone["t"] - run.named("injected")[0]["t"] < 2', mode="eval").body)
    assert not _is_timed(ast.parse("time.monotonic() - began > 2", mode="eval").body)
    assert not _is_timed(ast.parse('undone["t"] - injected["t"] < PATIENCE_S', mode="eval").body)
    assert not _is_timed(ast.parse("time.process_time() - began < 2", mode="eval").body)


def _is(node: ast.Attribute, owner: str, name: str) -> bool:
    """Whether it ends in `owner.name`."""
    above = node.value
    return node.attr == name and owner in (getattr(above, "attr", ""), getattr(above, "id", ""))
