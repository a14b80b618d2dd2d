"""Needs: what an experiment of the catalogue needs is looked for where it would be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.faults import needs
from tests.fakes.listening import Quiet, listening


@pytest.fixture(autouse=True)
def _afresh() -> None:
    needs._look.cache_clear()
    needs._groups.cache_clear()


def test_programs_packages_and_variables_are_found_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREMLIN_API_KEY", "x")
    monkeypatch.delenv("GREMLIN_TEAM", raising=False)
    there = ["program:sh", "package:httpx", "env:GREMLIN_API_KEY"]
    assert needs.missing(there) == []
    assert needs.missing([*there, "program:no-such-tool", "package:no_such_package", "env:GREMLIN_TEAM"]) == [
        "the program no-such-tool is not installed",
        "the Python package no_such_package is not installed",
        "GREMLIN_TEAM is not set",
    ]


def test_a_server_that_answers_at_all_is_there() -> None:
    class Handler(Quiet):
        def do_GET(self) -> None:
            self.answer(b"{}", 404)

    with listening(Handler) as url:
        assert needs.missing([f"http:{url}/version"]) == []
    needs._look.cache_clear()
    assert needs.missing([f"http:{url}/version"]) == [f"nothing answers at {url}/version"]


def test_an_api_is_served_or_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups: Any = {"groups": [{"name": "chaos-mesh.org", "versions": [{"groupVersion": "chaos-mesh.org/v1alpha1"}]}]}

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.answer(json.dumps(groups).encode(), 200)

    with listening(Handler) as url:
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
        assert needs.missing(["cluster", "api:chaos-mesh.org/v1alpha1"]) == []
        assert needs.missing(["api:litmuschaos.io/v1alpha1"]) == ["the cluster does not serve litmuschaos.io/v1alpha1"]


def test_without_a_cluster_none_is_served() -> None:
    assert needs.missing(["cluster", "api:litmuschaos.io/v1alpha1"]) == [needs.NO_CLUSTER]


def test_a_toxiproxy_is_where_its_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handler(Quiet):
        def do_GET(self) -> None:
            self.answer(b"{}", 200)

    monkeypatch.delenv("TOXIPROXY_URL", raising=False)
    assert needs.missing(["toxiproxy"]) == ["TOXIPROXY_URL does not say where Toxiproxy is"]
    with listening(Handler) as url:
        monkeypatch.setenv("TOXIPROXY_URL", url)
        needs._look.cache_clear()
        assert needs.missing(["toxiproxy"]) == []
    needs._look.cache_clear()
    assert needs.missing(["toxiproxy"]) == [f"nothing answers at {url}/version"]
    assert needs.missing(["playground"]) == ["only the playground has it: --playground"]
