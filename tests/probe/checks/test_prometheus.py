"""The checks that ask Prometheus, on a real one that holds an hour of known history, and on one that answers as it is told."""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runner.checks import histogram
from runner.checks.check import Measured, NoData
from tests.fakes import prometheus as fake
from tests.ports import free_port
from tests.probe.checks.conftest import call
from tests.waiting import until

CALLS, RESTARTS = "traces_span_metrics_calls_total", "kube_pod_container_status_restarts_total"
STEPS = 141
"""Half minutes: seventy minutes up to now."""
DONE_S = 3600.0
"""So long ago the batch was last done."""
JOBS = {"1": 50, "5": 94, "10": 100, "+Inf": 100}
"""Jobs of half a minute, by how long they took at most: 94 % within five seconds."""
HISTORY: dict[str, Callable[[int], float]] = {
    f'{CALLS}{{service="shop",status_code="STATUS_CODE_OK"}}': lambda n: 98 * n,
    f'{CALLS}{{service="shop",status_code="STATUS_CODE_ERROR"}}': lambda n: 2 * n,
    f'{CALLS}{{service="well",status_code="STATUS_CODE_OK"}}': lambda n: 100 * n,
    f'{CALLS}{{service="idle",status_code="STATUS_CODE_OK"}}': lambda n: 100,
    f'{RESTARTS}{{pod="sick"}}': lambda n: n // 10,
    f'{RESTARTS}{{pod="well"}}': lambda n: n // 20,
    **{f'jobs_bucket{{queue="slow",le="{le}"}}': lambda n, k=k: k * n for le, k in JOBS.items()},
    **{f'jobs_bucket{{queue="quick",le="{le}"}}': lambda n: 100 * n for le in JOBS},
    "batch_done": lambda n: time.time() - DONE_S,
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes nothing; what it holds was loaded into it."""
    if not shutil.which("prometheus"):
        pytest.skip("no prometheus here: apt-get install --no-install-recommends prometheus")
    folder, began = tmp_path_factory.mktemp("prometheus"), time.time() - 30 * (STEPS - 1)
    lines = [f"{series} {value(n)} {began + 30 * n:.3f}" for series, value in HISTORY.items() for n in range(STEPS)]
    (folder / "history").write_text("\n".join([*lines, "# EOF\n"]), "utf-8")
    (folder / "prometheus.yml").write_text("", "utf-8")
    load = ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "history", folder / "data"]
    subprocess.run(load, check=True, capture_output=True)
    yield from _running(folder, free_port())


def _running(folder: Path, port: int) -> Iterator[str]:
    files = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(["prometheus", *files, f"--web.listen-address=127.0.0.1:{port}"], **quiet) as process:
        try:
            until(lambda: _answers(f"http://127.0.0.1:{port}"), "Prometheus answers")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        return bool(call("tracing_errors", url=url, match='service="well"'))
    except NoData:
        return False


def test_errors_are_counted_among_the_spans(url: str) -> None:
    assert call("tracing_errors", url=url, match='service="shop"').startswith(
        "bad: spans that ended in an error: 2 %; Critical"
    )
    assert call("tracing_errors", url=url, match='service="well"').startswith(
        "good: spans that ended in an error: 0 %;"
    )
    for match in ('service="idle"', 'service="nobody"'):  # nothing happened there, or nothing is known of it
        with pytest.raises(NoData):
            call("tracing_errors", url=url, match=match)


def test_the_p95_of_jobs_is_that_of_their_buckets(url: str) -> None:
    assert call("async_latency", url=url, metric="jobs", match='queue="slow"').startswith(
        "bad: p95 time that a job takes: 5.8s"
    )
    assert call("async_latency", url=url, metric="jobs", match='queue="quick"').startswith(
        "good: p95 time that a job takes: 950ms"
    )
    with pytest.raises(NoData, match="no series matches"):
        call("async_latency", url=url, metric="jobs", match='queue="none"')


def test_restarts_are_those_of_the_worst_pod(url: str) -> None:
    assert call("pod_restarts_metric", url=url).startswith("bad: ")
    assert call("pod_restarts_metric", url=url, match='pod="well"').startswith("good: ")
    with pytest.raises(NoData, match="no series matches"):
        call("pod_restarts_metric", url=url, match='pod="none"')


def test_a_batch_is_late_from_its_time_of_day_on(url: str) -> None:
    """It was done an hour ago: late where it is due within a minute from now, and was so a day ago too."""
    just = f"{datetime.now(UTC) - timedelta(minutes=1):%H:%M}"
    assert call("batch_metric_late", url=url, metric="batch_done", by=just).startswith("good: ")
    with pytest.raises(NoData, match="no series matches"):
        call("batch_metric_late", url=url, metric="batch_none", by=just)


def test_a_batch_of_the_day_before_yesterday_is_late() -> None:
    def answer(query: str, at: float) -> fake.Answer:
        return fake.vector((at, str(at - 2 * 86400)))

    with fake.serving(fake.Prometheus(answer)) as told:
        assert call("batch_metric_late", url=told.url, metric="m", by="06:00").startswith(
            "bad: time since the batch had to be done: "
        )


@pytest.mark.parametrize("scale", [1000, 1e9, -1])
def test_a_time_that_is_not_in_seconds_is_no_data(scale: float) -> None:
    """Milliseconds: the year 58,000."""
    with (
        fake.serving(fake.Prometheus(lambda _, at: fake.vector((at, str(1764288000 * scale))))) as told,
        pytest.raises(NoData, match=r"^-?1\.?764288.* is no unix time: seconds since 1970 are expected, not milli"),
    ):
        call("batch_metric_late", url=told.url, metric="m", by="06:00")


def test_a_source_that_refuses_or_is_not_there_is_no_data() -> None:
    with fake.serving(fake.Prometheus(lambda *_: (401, "{}"))) as told, pytest.raises(NoData, match="HTTP 401"):
        call("tracing_errors", url=told.url, secrets={"token": "hunter2"})
    assert told.heads[0]["Authorization"] == "Bearer hunter2"
    with pytest.raises(NoData, match="cannot be reached"):
        call("tracing_errors", url="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("buckets", "found"),
    [
        ({1: 100, 5: 100, math.inf: 100}, Measured(0.95, "of the last 5 minutes")),
        ({1: 50, 5: 95, math.inf: 100}, Measured(5, "of the last 5 minutes")),
        ({1: 50, 10: 90, math.inf: 100}, Measured(10, "or longer: it has no larger bucket")),
    ],
)
def test_a_quantile_lies_where_the_buckets_put_it(buckets: dict[float, float], found: Measured) -> None:
    assert histogram.quantile(buckets, 0.95, 5) == found


@pytest.mark.parametrize(
    ("buckets", "said"),
    [
        ({1: 50, 2.5: 90, math.inf: 100}, "above 2.5s, the largest bucket: the histogram does not tell how far"),
        ({1: 0, math.inf: 0}, "nothing was counted"),
        ({1: 50}, "no bucket le=.Inf"),
        ({}, "no bucket le=.Inf"),
    ],
)
def test_what_the_buckets_do_not_tell_is_no_data(buckets: dict[float, float], said: str) -> None:
    with pytest.raises(NoData, match=said):
        histogram.quantile(buckets, 0.95, 5)
