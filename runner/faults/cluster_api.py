"""Cluster API: objects of any kind, read and written by their path, for our fault systems that live in a cluster.

It goes through the client that chaosk8s makes, with the same kubeconfig, secrets and defaults as the Kubernetes driver. What the API
server answers is raised as it is, except that what is not there is None.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from runner import error_text, errors

CALL_S = 5.0
"""Each call's timeout in seconds: an API server that hangs must not hold us."""
HURRIED_S = 1.0
"""The same where this server has just failed us."""
WRITER = "chaos-run"
"""Who we are in `managedFields`."""
TRIES = 20
"""How often a change is decided again because somebody else wrote in between."""
PAUSE_S = 0.1

Object = dict[str, Any]
Operations = Sequence[Mapping[str, Any]]
"""A JSON patch."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a server behind the API server answered."""

    seconds: float
    offset_s: float
    """How far the date that it says is from our clock; nothing where it says none."""


class ClusterApi:
    """One cluster. Raises what `troubles()` names."""

    def __init__(self, secrets: Mapping[str, Any] | None = None, *, call_s: float = CALL_S) -> None:
        """Raises EnvironmentFailure where the kubeconfig does not let us in."""
        from urllib3 import Retry

        from runner.faults.kubernetes.client import Cluster  # brings the client, half a second

        self._api = Cluster(secrets).core.api_client
        self._api.rest_client.pool_manager.connection_pool_kw["retries"] = Retry(
            0
        )  # three more take four times as long
        self._call_s = call_s

    def get(self, path: str, **query: str) -> Object | None:
        """One object or one list; None where there is no such thing."""
        return self._found(lambda: self._call("GET", path, query))

    def items(self, path: str, **query: str) -> list[Object]:
        """What a list holds; nothing where such a list is not served."""
        return list((self.get(path, **query) or {}).get("items") or ())

    def create(self, path: str, body: Object) -> Object:
        """`path` is that of the list."""
        return self._call("POST", path, {"fieldManager": WRITER}, body)

    def merge(self, path: str, body: Object) -> Object | None:
        """Change what the merge patch names; None where there is no such object."""
        return self._patched(path, body, "application/merge-patch+json")

    def change(self, path: str, decide: Callable[[Object], Operations]) -> bool | None:
        """Patch an object by what is decided on its newest version, again for as long as others write in between.

        True when it was changed, False when nothing had to be, None where there is no such object.
        """
        for _ in range(TRIES):
            found = self.get(path)
            if found is None:
                return None
            operations = decide(found)
            if not operations:
                return False
            if self._changed(path, found["metadata"]["resourceVersion"], operations):
                return True
            time.sleep(PAUSE_S)
        raise errors.EnvironmentFailure(f"{path}: others changed it {TRIES} times while it was to be changed")

    def delete(self, path: str, *, uid: str = "") -> bool:
        """Whether it was there. `uid`: only that very object, and none that has its name by now (409)."""
        only = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}} if uid else None
        return self._found(lambda: self._call("DELETE", path, {}, only)) is not None

    def answer(self, path: str) -> Answer:
        """How the server behind a path of the API (the proxy of a pod) answers; an error, its own or the API server's, is raised."""
        began = time.monotonic()
        found = self._api.call_api(
            quote(path, safe="/:"),
            "GET",
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=(self._call_s, self._call_s),
        )
        seconds = time.monotonic() - began
        try:
            said = parsedate_to_datetime(found.headers.get("Date", ""))
        except ValueError:
            said = datetime.now(UTC)
        found.drain_conn()  # else the next request on this connection fails
        found.release_conn()
        return Answer(seconds=seconds, offset_s=(said - datetime.now(UTC)).total_seconds())

    def _changed(self, path: str, version: str, operations: Operations) -> bool:
        """False where somebody was faster."""
        from kubernetes.client.rest import ApiException

        only = {"op": "replace", "path": "/metadata/resourceVersion", "value": version}
        try:
            return self._patched(path, [only, *operations], "application/json-patch+json") is not None
        except ApiException as problem:
            if problem.status == HTTPStatus.CONFLICT:
                return False
            raise

    def _patched(self, path: str, body: Any, kind: str) -> Object | None:
        return self._found(lambda: self._call("PATCH", path, {"fieldManager": WRITER}, body, kind))

    def _found(self, call: Callable[[], Object]) -> Object | None:
        from kubernetes.client.rest import ApiException

        try:
            return call()
        except ApiException as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _call(
        self, verb: str, path: str, query: Mapping[str, str], body: Any = None, kind: str = "application/json"
    ) -> Object:
        answer: Object = self._api.call_api(
            quote(path),
            verb,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": kind},
            body=body,
            auth_settings=["BearerToken"],
            response_type="object",
            _return_http_data_only=True,
            _request_timeout=(self._call_s, self._call_s),  # a single number that is no int would be ignored
        )
        return answer


def troubles() -> tuple[type[Exception], ...]:
    """What a cluster that cannot be reached, does not let us in or refuses raises."""
    from runner.faults.kubernetes.client import TROUBLES

    return TROUBLES


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Whatever the cluster answers badly becomes an EnvironmentFailure with its own words, behind what we were doing."""
    try:
        yield
    except errors.ChaosRunError:
        raise
    except troubles() as problem:
        raise errors.EnvironmentFailure(f"{doing}: {error_text.sentence(problem)}") from None


def writers(found: Object) -> list[str]:
    """Who else wrote an object, and when, by its own account: `argocd-controller at 2026-11-27T18:00:00Z`, the latest first."""
    entries = [e for e in found["metadata"].get("managedFields") or () if e.get("subresource") != "status"]
    others = [e for e in entries if e.get("manager") != WRITER and e.get("time")]
    return [f"{e['manager']} at {e['time']}" for e in sorted(others, key=lambda e: str(e["time"]), reverse=True)]
