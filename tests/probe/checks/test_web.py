"""What users would feel, measured by the prober against a service with a known fault."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from runner.checks.check import NoData
from tests.fakes.listening import Quiet, listening
from tests.probe.checks.conftest import call

QUICK = {"requests": 40, "rate": 80}


class Shop(Quiet):
    """Of every twenty requests it fails as many and is late with as many as a test says."""

    failing, late, late_s = 0, 0, 0.4
    asked = 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        with Shop.lock:
            Shop.asked += 1
            number = Shop.asked % 20
        if number < Shop.late:
            time.sleep(Shop.late_s)
        self.answer(b"", 500 if number >= 20 - Shop.failing else 200)


@pytest.fixture
def shop() -> Iterator[str]:
    Shop.failing = Shop.late = Shop.asked = 0
    with listening(Shop) as url:
        yield url


@pytest.mark.slow("a prober of its own")
def test_the_p95_is_that_of_the_requests(shop: str) -> None:
    Shop.late = 3  # 15 %
    assert call("web_latency", url=shop, limit="300ms", **QUICK).startswith("bad: p95 latency of the service: 4")
    assert Shop.asked >= 40


def test_requests_that_fail_are_no_quick_answers(shop: str) -> None:
    Shop.failing = 20
    assert "2s (of 40 requests, 40 failed and count as 2s); Warning above 500ms" in call(
        "web_latency", url=shop, **QUICK
    )


def test_failures_are_counted(shop: str) -> None:
    assert call("web_errors", url=shop, limit="5%", **QUICK).startswith(
        "good: failed requests to the service: 0 % (0 of 40)"
    )
    Shop.failing = 5
    assert call("web_errors", url=shop, limit="5%", **QUICK).startswith(
        "bad: failed requests to the service: 25 % (10 of 40)"
    )


@pytest.mark.slow("a prober of its own")
def test_a_service_that_is_not_there_fails_every_request() -> None:
    assert call("web_errors", url="http://127.0.0.1:9/", limit="5%", **QUICK).startswith(
        "bad: failed requests to the service: 100 % (40 of 40)"
    )


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("web_errors", QUICK, "40 requests do not tell 0.1 %: send 1,000 or more"),
        ("web_latency", QUICK | {"timeout": 0.3}, "with a timeout of 300ms nothing is ever seen to take 500ms"),
        ("web_latency", QUICK | {"status": "fine"}, "is not a list of statuses"),
        ("web_latency", QUICK | {"url": "nonsense"}, "the prober cannot start"),
    ],
)
def test_what_cannot_be_told_is_no_data(name: str, given: dict[str, object], said: str) -> None:
    with pytest.raises(NoData, match=said):
        call(name, **({"url": "http://127.0.0.1:9/"} | given))
