"""What the playground does not serve, as a real cluster answered it: Kubernetes 1.34 with metrics-server 0.8.0 (`recorded/`).

Recorded on 27 November 2026 from three nodes in which the deployment `busy` used all the CPU it may have, an autoscaler wanted more of
it than the quota allowed, the CronJob `minutely` had been done and `yearly` never. Only managed fields were taken out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.checks.check import NoData
from tests.fakes.listening import Quiet, listening
from tests.probe.checks.conftest import call, reach

RECORDED = Path(__file__).with_name("recorded")
NAMESPACE, JOBS = "checks-rec", "checks-jobs"
LISTS = {
    f"/apis/metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/pods": "podmetrics",
    f"/api/v1/namespaces/{NAMESPACE}/pods": "pods",
    f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers": "autoscalers",
    f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments": "deployments",
    f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets": "statefulsets",
    f"/apis/batch/v1/namespaces/{JOBS}/cronjobs": "cronjobs",
}
KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: recorded
clusters: [{name: recorded, cluster: {server: "URL"}}]
contexts: [{name: recorded, context: {cluster: recorded, user: nobody}}]
users: [{name: nobody, user: {}}]
"""


class Api(Quiet):
    """Answers at the moment of the recording, and knows selectors by name only."""

    moment = ""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.moment

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        found = json.loads((RECORDED / f"{LISTS[path]}.json").read_text("utf-8"))
        for name in ("minutely", "yearly", "none"):
            if f"metadata.name%3D{name}" in query:
                found["items"] = [item for item in found["items"] if item["metadata"]["name"] == name]
        self.answer(json.dumps(found).encode())


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Api.moment = (RECORDED / "moment").read_text("utf-8").strip()
    with listening(Api) as url:
        (tmp_path / "kubeconfig").write_text(KUBECONFIG.replace("URL", url), "utf-8")
        reach(monkeypatch, tmp_path / "kubeconfig")
        yield


def test_what_containers_use_is_compared_with_what_they_request(recorded: None) -> None:
    found = call("cpu_of_requests", namespace=NAMESPACE)
    assert found.startswith("bad: highest CPU use of a container, of its request: 12")
    assert "(checks-rec/busy-" in found
    assert call("memory_of_requests", namespace=NAMESPACE).startswith("good: ")


def test_pods_that_wait_are_seen(recorded: None) -> None:
    assert "1 (checks-rec/crash; 6 looked at)" in call("pods_crash_looping", namespace=NAMESPACE)
    assert "1 (checks-rec/no-image; 6 looked at)" in call("pods_image_missing", namespace=NAMESPACE)
    assert call("pod_restarts", namespace=NAMESPACE, limit=2).startswith(
        "bad: most restarts of a container in an hour: 3 (checks-rec/crash;"
    )


def test_an_autoscaler_whose_pods_a_quota_refuses_lacks_them(recorded: None) -> None:
    """Its own status says four of four; its target has three."""
    assert call("hpa_mismatch", namespace=NAMESPACE).startswith("good: ")
    assert "(checks-rec/busy; 1 looked at); Warning above 30s" in (
        said := call("hpa_mismatch", namespace=NAMESPACE, limit="30s")
    )
    assert said.startswith("bad: ")


def test_a_cronjob_is_late_until_it_is_done(recorded: None) -> None:
    given = {"namespace": JOBS, "by": "19:02"}
    assert "0s (due by 19:02 UTC, last done 2026-11-27 19:04)" in call("batch_cronjob_late", name="minutely", **given)
    assert call("batch_cronjob_late", name="yearly", **given).startswith(
        "bad: time since the CronJob had to be done: 2m"
    )
    with pytest.raises(NoData, match="no cronjobs found"):
        call("batch_cronjob_late", name="none", **given)
