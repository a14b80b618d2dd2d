"""Size budgets: what has to be split before it grows. Counted over the two packages, not over the tests."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Sized = tuple[int, str]


@cache
def _sources() -> dict[Path, str]:
    folders = (ROOT / "runner", ROOT / "gameday")
    return {path: path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py")}


@cache
def _nodes() -> tuple[tuple[Path, ast.AST], ...]:
    return tuple((path, node) for path, text in _sources().items() for node in ast.walk(ast.parse(text)))


@cache
def _functions() -> Sequence[Sized]:
    return sorted(
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
        for path, node in _nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@cache
def _files() -> Sequence[Sized]:
    return sorted((text.count("\n"), str(path.relative_to(ROOT))) for path, text in _sources().items())


def _percentile_90(sizes: Sequence[Sized]) -> int:
    return sizes[min(len(sizes) - 1, int(0.9 * len(sizes)))][0]


def _broad_excepts() -> list[tuple[Path, int]]:
    return [
        (path, node.lineno)
        for path, node in _nodes()
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
    ]


def test_nine_functions_of_ten_have_at_most_thirty_lines() -> None:
    assert _percentile_90(_functions()) <= 30, _functions()[-20:]


def test_nine_files_of_ten_have_at_most_350_lines() -> None:
    assert _percentile_90(_files()) <= 350, _files()[-10:]


def test_no_file_has_more_than_500_lines() -> None:
    assert [file for file in _files() if file[0] > 500] == []


def test_at_most_three_handlers_catch_everything() -> None:
    assert len(_broad_excepts()) <= 3, _broad_excepts()


def test_a_handler_that_catches_everything_says_why() -> None:
    silent = [(path, line) for path, line in _broad_excepts() if not _says_why(_sources()[path].splitlines(), line)]
    assert silent == []


def _says_why(lines: Sequence[str], number: int) -> bool:
    """A comment on the handler's line, the one above or the one below; a bare `noqa` is none."""
    comments = [line.partition("#")[2].strip() for line in lines[number - 2 : number + 1]]
    return any(text.replace("noqa: BLE001", "").strip() for text in comments)


def test_every_file_says_in_one_docstring_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT)) for path, text in _sources().items() if not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []
