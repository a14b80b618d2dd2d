"""What a restart takes with it, against a real Prometheus and a service whose truth is known: it is said, and about how much."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.engine.conclude import rejudge
from runner.timeline.record import from_json
from tests.journeys import harness
from tests.journeys.harness import Json, Run
from tests.sources.test_real_prometheus import Shop, prometheus, shop

RATE = 200


class Truth:
    """Serves at a steady rate, and knows when it served what, whatever its counters say."""

    def __init__(self, service: Shop) -> None:
        self.service = service
        self.served: list[tuple[float, int]] = []
        self.bad = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        begun, done = time.monotonic(), 0
        while not self._over.wait(0.01):
            due = int((time.monotonic() - begun) * RATE)
            self.service.serve(0 if self.bad else due - done, "500", due - done if self.bad else 0)
            self.served.append((time.monotonic(), due - done))
            done = due

    def between(self, begin: float, end: float) -> int:
        return sum(n for at, n in self.served if begin <= at < end)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()


def slo(target: float) -> Json:
    parts = {"bad": 'shop_requests_total{code=~"5.."}', "total": "shop_requests_total"}
    ratio = {name: {"metricSource": {"type": "Prometheus", "spec": {"query": query}}} for name, query in parts.items()}
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": "checkout"},
        "spec": {
            "service": "shop",
            "indicator": {"metadata": {"name": "errors"}, "spec": {"ratioMetric": {"counter": True, **ratio}}},
            "budgetingMethod": "Occurrences",
            "timeWindow": [{"duration": "30d", "isRolling": True}],
            "objectives": [{"target": target}],
        },
    }


def experiment(folder: Path, url: str, target: float) -> Json:
    (folder / "slo.json").write_text(json.dumps(slo(target)))
    return harness.experiment(
        harness.Service(0),
        method=[harness.python("wait", "nothing", pauses={"after": 6})],
        rollbacks=[],
        traffic=None,
        sources=[{"name": "team", "prometheus": url, "interval": "500ms"}],
        objectives=[{"openslo": str(folder / "slo.json"), "source": "team"}],
        windows={"baseline": "3s", "recovery": "10s", "stable": "2s"},
        abort=[{"duration": "60s"}],
    )


def messages(run: Run) -> list[str]:
    return [f["message"] for f in run.named("finding")]


@pytest.mark.slow("a real Prometheus scrapes once a second, before and after the restart")
@pytest.mark.parametrize(
    ("target", "proven"), [(0.5, True), (0.95, False)], ids=["too few to change the verdict", "enough to turn it"]
)
def test_a_restart_in_the_window_is_said_with_what_it_took_and_no_pass_rests_on_it(
    target: float, proven: bool, tmp_path: Path
) -> None:
    with shop() as service, prometheus(tmp_path, service) as url:
        truth = Truth(service)
        with truth.running(), harness.started(tmp_path, experiment(tmp_path, url, target)) as run:
            service.serve(0, "500", 0, restart=True)  # before it began: nobody's business
            run.until("injected")
            time.sleep(2.5)
            service.serve(0, "500", 0, restart=True)
            run.finish()
    (judged,) = run.verdict["objectives"]
    assert judged["verdict"] == ("PASS" if proven else "INCONCLUSIVE"), judged["sentence"]
    assert "was read no more after it had counted them: " in judged["sentence"]
    assert ("too few to change the verdict" if proven else "if they were bad, it would not be a pass") in judged[
        "sentence"
    ]
    (said,) = [m for m in messages(run) if "after the last reading of a process are unknown" in m]
    assert said.endswith(": it restarted, ended or was no longer scraped once")
    assert "lost" not in " ".join(messages(run))
    rows = [json.loads(line) for line in (run.folder / "checkout.counts.jsonl").read_text().splitlines()]
    *_, lost = [row for row in rows if "lost" in row]  # one before it began may stand there, too
    assert 0.7 * RATE <= lost["lost"] <= 2.3 * RATE  # a scrape a second, of which a busy machine leaves one out
    _covers(truth, judged["total"], lost["lost"], harness.record(run))
    kept = from_json(harness.record(run))
    assert rejudge.judge(kept) == kept


def _covers(truth: Truth, counted: int, lost: float, record: Json) -> None:
    """What was counted is too little by what was lost, and at the edges of the window off by a scrape or two."""
    begin = next(m["mono_ns"] for m in record["marks"] if m["name"] == "injected") / 1e9
    real = truth.between(begin, record["windows"][-1]["end_ns"] / 1e9)
    print(f"truth {real}, counted {counted}, said to be lost {lost}")
    assert real - lost - 3 * RATE < counted < real + 1.2 * RATE  # a busy machine scrapes late
