"""What every journey has: a service that can be broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.journeys import harness


@pytest.fixture
def service(free_port: Callable[[], int]) -> Iterator[harness.Service]:
    """A real service in a process of its own, whole at the start."""
    with harness.service(free_port()) as running:
        yield running
