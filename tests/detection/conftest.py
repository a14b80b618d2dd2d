"""One rig for all of these tests: its servers take five seconds to see each other; every test finds it quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.detection.rig import Rig, firing, rig
from tests.fakes.cloudwatch import Cloud, cloudwatch
from tests.fakes.pagerduty import Pager, pagerduty
from tests.journeys import harness
from tests.waiting import until


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("rig")) as running:
        yield running


@pytest.fixture
def there(_running: Rig) -> Iterator[Rig]:
    """The rig, whole, with nothing firing."""
    yield _running
    _running.broken |= dict.fromkeys(_running.broken, False)
    until(lambda: not firing(_running), "nothing fires any more")


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """A CloudWatch; every test makes alarms of its own."""
    with cloudwatch() as found:
        yield found


@pytest.fixture
def pager() -> Iterator[Pager]:
    with pagerduty() as found:
        yield found


@pytest.fixture
def service(free_port: Callable[[], int]) -> Iterator[harness.Service]:
    """A service of its own, which only a test's experiment breaks."""
    with harness.service(free_port()) as running:
        yield running
