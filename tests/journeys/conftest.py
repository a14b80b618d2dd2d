"""What every journey has: a service that can be broken."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.journeys import harness


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
