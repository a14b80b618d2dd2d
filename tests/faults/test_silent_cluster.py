"""An API server that takes a question and never answers is given up, by the clients of pods, nodes and leases alike."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import urllib3

from runner.faults.kubernetes.client import CALL_S, Cluster
from tests.fakes.listening import Quiet, listening


@pytest.mark.slow("it is given ten seconds")
def test_a_silent_api_server_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()

    asked: list[str] = []

    class Silent(Quiet):
        def do_GET(self) -> None:
            asked.append(self.path)
            let_go.wait()
            self.close_connection = True

    with listening(Silent) as url:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {}}],
        }
        path = tmp_path / "config"
        path.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
        try:
            cluster = Cluster({"KUBERNETES_CONTEXT": "c"})
            with pytest.raises(urllib3.exceptions.HTTPError):
                cluster.core.list_node(_request_timeout=CALL_S)
        finally:
            let_go.set()
    assert asked == ["/api/v1/nodes"], "asked once: each further time is another ten seconds"
