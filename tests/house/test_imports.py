"""No circles: neither between modules nor between packages, also not by an import inside of a function; and no arrow up the layers."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("runner", "gameday")
Graph = Mapping[str, set[str]]


@cache
def _modules() -> dict[str, Path]:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def _imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is named by an import anywhere, but for those that only the type checker sees."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        for other in tree.orelse:
            yield from _imported(other)
        return
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names)
    elif isinstance(tree, ast.ImportFrom):
        assert tree.level == 0, "imports are absolute here"
        for alias in tree.names:
            inside = f"{tree.module}.{alias.name}"
            yield inside if inside in _modules() else str(tree.module)
    for node in ast.iter_child_nodes(tree):
        yield from _imported(node)


@cache
def _graph() -> Graph:
    known = _modules()
    return {
        name: {found for found in _imported(ast.parse(path.read_text("utf-8"))) if found in known} - {name}
        for name, path in known.items()
    }


def _rooms(depth: int) -> Graph:
    """The graph of packages `depth` names deep; a module that lies less deep stands for itself. A package's own modules are one with it."""

    def room(module: str) -> str:
        parts = module.split(".")
        return ".".join(parts[: 1 if parts[0] == "gameday" else depth])

    found: dict[str, set[str]] = {}
    for module, others in _graph().items():
        found.setdefault(room(module), set()).update(room(other) for other in others)
    return {name: others - {name} for name, others in found.items()}


def _circle(graph: Graph) -> list[str]:
    """A way from somewhere back to itself; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if circle := walk(other, [*way, name]):
                return circle
        done.add(name)
        return []

    return next((circle for name in sorted(graph) if (circle := walk(name, []))), [])


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert _circle(_graph()) == []


def test_no_packages_import_each_other_in_a_circle() -> None:
    assert _circle(_rooms(2)) == []


def test_no_room_of_a_package_imports_another_in_a_circle() -> None:
    """Rooms are the packages in a package, as runner.engine.observe; its plain modules are rooms by themselves."""
    rooms = {name: others for name, others in _rooms(3).items() if name.count(".") == 2}
    inner = {name: {o for o in others if o in rooms} for name, others in rooms.items()}
    assert _circle(inner) == []


def _layers() -> list[list[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in layers]


def test_no_arrow_goes_up_the_layers_nor_beside() -> None:
    rank = {name: number for number, layer in enumerate(_layers()) for name in layer}
    arrows = {(name, other) for name, others in _rooms(2).items() for other in others}
    assert {pair for pair in arrows if pair[0] in rank and pair[1] in rank and rank[pair[0]] >= rank[pair[1]]} == set()


def test_every_room_has_its_layer() -> None:
    ranked = {name for layer in _layers() for name in layer}
    assert set(_rooms(2)) - ranked == {"runner"}, "the package itself imports nothing"


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_is_found_whatever_its_length(length: int) -> None:
    names = [str(number) for number in range(length)]
    ring: dict[str, set[str]] = {"start": {"0"}, "end": set()}
    ring |= {a: {b, "end"} for a, b in pairwise([*names, "0"])}
    assert _circle(ring) == [*names, "0"]
    assert _circle({**ring, names[-1]: {"end"}}) == []


def test_an_import_for_the_type_checker_counts_not_and_one_in_a_function_does() -> None:
    text = "if TYPE_CHECKING:\n    import runner.slo\nelse:\n    import runner.units\ndef f():\n    from runner import errors\n"
    assert set(_imported(ast.parse(text))) == {"runner.units", "runner.errors"}
