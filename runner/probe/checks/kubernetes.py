"""Kubernetes: reads lists of objects through the very client that chaosk8s uses, with its kubeconfig, context and secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from runner import error_text
from runner.checks.asks import Kubernetes
from runner.checks.check import Asked, Measured, NoData
from runner.checks.objects import Look, Object

CALL_S = 10  # a whole number: the client ignores any other
PAGE = 500
_PATHS = {
    "pods": ("api/v1", "pods"),
    "services": ("api/v1", "services"),
    "nodes": ("api/v1", "nodes"),
    "endpointslices": ("apis/discovery.k8s.io/v1", "endpointslices"),
    "deployments": ("apis/apps/v1", "deployments"),
    "statefulsets": ("apis/apps/v1", "statefulsets"),
    "horizontalpodautoscalers": ("apis/autoscaling/v2", "horizontalpodautoscalers"),
    "cronjobs": ("apis/batch/v1", "cronjobs"),
    "podmetrics": ("apis/metrics.k8s.io/v1beta1", "pods"),
}
"""Where the API server has each list."""
_NAMED = ("cronjobs", "horizontalpodautoscalers")
"""Those of which a parameter names one."""


class Reader:
    """One cluster."""

    def __init__(self, secrets: Mapping[str, Any]) -> None:
        self._secrets = secrets
        self._api: Any = None

    def read(self, asks: Kubernetes, asked: Asked) -> Measured:
        """Raises NoData."""
        lists, now = {}, datetime.now(UTC)
        for kind in asks.lists:
            lists[kind], now = self._list(kind, asked.values)
        return asks.measure(Look(lists, now, asked.values, asked.limit))

    def _list(self, kind: str, values: Mapping[str, Any]) -> tuple[list[Object], datetime]:
        """All objects, page by page, and the API server's own time."""
        group, plural = _PATHS[kind]
        namespace = values.get("namespace")
        path = f"/{group}/" + (f"namespaces/{namespace}/" if namespace else "") + plural
        found: list[Object] = []
        query = _selectors(kind, values)
        while True:
            page, now = self._get(path, query)
            found += page.get("items") or ()
            if not (more := (page.get("metadata") or {}).get("continue")):
                return found, now
            query["continue"] = more

    def _get(self, path: str, query: Mapping[str, Any]) -> tuple[dict[str, Any], datetime]:
        from kubernetes.client.rest import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        try:
            if self._api is None:
                from chaosk8s import create_k8s_api_client  # half a second

                self._api = create_k8s_api_client(dict(self._secrets))
            answer = self._api.call_api(
                path,
                "GET",
                query_params=list(query.items()),
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=CALL_S,
            )[0]
            page, told = json.loads(answer.data), answer.headers.get("Date")
        except (ApiException, ConfigException, HTTPError, OSError, ValueError) as problem:
            raise NoData(f"the Kubernetes API does not say: {error_text.sentence(problem)}") from None
        return page, parsedate_to_datetime(told) if told else datetime.now(UTC)


def _selectors(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    query: dict[str, Any] = {"limit": PAGE}
    if values.get("labels"):
        query["labelSelector"] = values["labels"]
    if values.get("service"):
        what = "labelSelector" if kind == "endpointslices" else "fieldSelector"
        query[what] = (
            f"{'kubernetes.io/service-name' if kind == 'endpointslices' else 'metadata.name'}={values['service']}"
        )
    if values.get("name") and kind in _NAMED:
        query["fieldSelector"] = f"metadata.name={values['name']}"
    return query
