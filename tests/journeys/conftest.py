"""What every journey has: a service that can be broken."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys import harness

ALWAYS = ("test_kills", "test_on_record", "test_verdicts")
"""Verdicts, and that nothing is left whoever is killed. All journeys take as long as all other tests: CI runs the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every other journey is marked slow."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.stem not in ALWAYS:
            item.add_marker(pytest.mark.slow("a journey takes as long as the windows of its experiment"))


@pytest.fixture
def service(free_port: Callable[[], int]) -> Iterator[harness.Service]:
    """A real service in a process of its own, whole at the start."""
    with harness.service(free_port()) as running:
        yield running


@pytest.fixture(autouse=True)
def _hangups_are_heard() -> Iterator[None]:
    """A CI that was started with nohup must not hand its deafness on to the runs."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
