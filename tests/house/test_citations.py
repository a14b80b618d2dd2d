"""A formula's source can be looked up: what docstrings and comments cite is in the repository, down to the section."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.slo import interval, power, windowed

ROOT = Path(__file__).resolve().parents[2]
MEASUREMENT = (ROOT / "docs/measurement.md").read_text("utf-8")
SOURCES = sorted(
    path for folder in ("runner", "gameday", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")
)
PAPER = re.compile(r"(?<![\w*{}<])([\w./-]+\.md)\b")
SECTION = re.compile(r"docs/measurement\.md((?:(?:,| and)? \d+(?:\.\d+)*)*)")


def _prose(path: Path) -> Iterator[str]:
    """Docstrings (also those of constants and fields) and comments, each in one line."""
    source = path.read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield " ".join(node.value.value.split())
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


@pytest.fixture(scope="module")
def prose() -> list[tuple[str, str]]:
    """(file, text) of all there is."""
    return [(str(path.relative_to(ROOT)), text) for path in SOURCES for text in _prose(path)]


def test_every_document_that_is_cited_is_in_the_repository(prose: list[tuple[str, str]]) -> None:
    cited = [(file, paper) for file, text in prose for paper in PAPER.findall(text)]
    assert len(cited) >= 20
    missing = [(file, paper) for file, paper in cited if not (ROOT / paper).exists()]
    assert missing == []


def test_every_section_that_is_cited_exists(prose: list[tuple[str, str]]) -> None:
    sections = set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?) ", MEASUREMENT, re.MULTILINE))
    cited = [(file, found) for file, text in prose for found in SECTION.findall(text)]
    assert [file for file, found in cited if not found] == [], "which section?"
    assert [(file, n) for file, found in cited for n in re.findall(r"[\d.]*\d", found) if n not in sections] == []


def test_a_section_is_cited_with_its_document(prose: list[tuple[str, str]]) -> None:
    assert [(file, text) for file, text in prose if re.search(r"(?<!docs/)\bmeasurement(\.md)? \d", text)] == []


def test_the_code_that_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:runner|tests|benchmarks)/[\w/]+\.py)`", MEASUREMENT))
    assert len(named) >= 15
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_its_shortest_windows_are_those_of_the_guards() -> None:
    rows = re.findall(r"^\| (14\.4|6|2) \|(.*)\|$", MEASUREMENT, re.MULTILINE)
    assert len(rows) == 3
    for burn, cells in rows:
        windows = [windowed.shortest_s(float(burn) * 0.001, rate) for rate in (10, 50, 100, 500, 1000)]
        assert [float(cell) for cell in cells.split("|")] == [float(f"{window:.3g}") for window in windows]


def test_its_numbers_of_requests_are_those_of_the_plan() -> None:
    (budgets,) = re.findall(r"^\| \*e\* \|(.*)\|$", MEASUREMENT, re.MULTILINE)
    (requests,) = re.findall(r"^\| requests \|(.*)\|$", MEASUREMENT, re.MULTILINE)
    shown = [int(cell.replace(",", "")) for cell in requests.split("|")]
    assert shown == [power.requests_to_pass(float(b.strip(" %")) / 100) for b in budgets.split("|")]
    assert interval.quantile_ranks(368, 0.99)
    assert not interval.quantile_ranks(367, 0.99)
    assert interval.quantile_ranks(3688, 0.999)
    assert not interval.quantile_ranks(3687, 0.999)
