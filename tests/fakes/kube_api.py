"""A cluster's API for custom objects: kept by path, each write with a new resourceVersion, patched as an API server patches.

As the `kube-apiserver` 1.34 of shared/systems does it: 404 with a Status, 409 AlreadyExists for a second object of a name, 409 Conflict
for a patch that names an old resourceVersion, `managedFields` with the writer. It validates nothing: that is tested against the real one.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from runner.faults.conformance import Trouble
from runner.faults.driver import Setting
from runner.playground import patch
from tests.fakes.listening import Quiet, listening
from tests.waiting import HANG_S

Object = dict[str, Any]
OTHERS = "kubectl-edit"
"""Who writes where nobody says who he is."""
BEGAN = datetime(2026, 11, 27, 18, tzinfo=UTC)
"""When it was started: an object is made a second later than the one before."""


@dataclass
class KubeApi:
    """What it holds, and how it misbehaves."""

    objects: dict[str, Object] = field(default_factory=dict)
    """By path."""
    version: int = 0
    trouble: Trouble | None = None
    before_patch: Callable[[], None] = lambda: None
    """Called when a patch has arrived, before it is looked at: somebody else may be faster."""
    after_write: Callable[[str], None] = lambda path: None
    """Called with the path of what was written, once it is answered for."""
    refuses: Mapping[str, int] = field(default_factory=dict)
    """By method, with which status a write is refused."""
    asked: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    released: threading.Event = field(default_factory=threading.Event)

    def put(self, path: str, found: Object, by: str = OTHERS) -> Object:
        """Write an object past the API."""
        with self.lock:
            self.version += 1
            born = {
                "uid": f"uid-{self.version}",
                "creationTimestamp": f"{BEGAN + timedelta(seconds=self.version):%FT%TZ}",
            }
            metadata = {**born, **found.get("metadata", {}), "resourceVersion": str(self.version)}
            metadata["managedFields"] = [{"manager": by, "time": f"2026-11-27T18:00:{self.version % 60:02}Z"}]
            self.objects[path] = {**found, "metadata": metadata}
            return self.objects[path]

    def edit(self, path: str, change: Object, by: str = OTHERS) -> None:
        """Merge a change into an object past the API."""
        with self.lock:
            self.put(path, patch.merge(json.loads(json.dumps(self.objects[path])), change), by)

    def answer(self, method: str, url: str, kind: str, body: Any) -> tuple[int, Object]:
        """Status and body."""
        parts = urlsplit(url)
        path, query = unquote(parts.path).removesuffix("/status"), parse_qs(parts.query)
        by = query.get("fieldManager", [OTHERS])[0]
        self.asked.append(f"{method} {path}")
        if status := self.refuses.get(method):
            return _refusal(status, "refused by an admission webhook")
        if method == "PATCH":
            self.before_patch()
        with self.lock:
            match method:
                case "POST" if path.endswith("/eviction"):
                    return 201, {"status": "Success", "details": self._deleted(path.removesuffix("/eviction"))}
                case "POST":
                    path = f"{path}/{body['metadata']['name']}"
                    return _refusal(409, "already exists") if path in self.objects else (201, self.put(path, body, by))
                case "PATCH" if path in self.objects:
                    return self._patched(path, kind, body, by)
                case "DELETE" if path in self.objects:
                    return 200, self._deleted(path)
                case "GET":
                    return self._read(path, query)
        return _refusal(404, f"{path} not found")

    def _read(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, Object]:
        if path in self.objects:
            return 200, self.objects[path]
        if path == "/apis":
            of = {(p.split("/")[2], p.split("/")[3]) for p in self.objects if p.startswith("/apis/")}
            return 200, {"groups": [{"name": g, "preferredVersion": {"version": v}} for g, v in sorted(of)]}
        if (
            path.startswith("/apis/")
            and path.count("/") in (2, 3)
            and any(p.startswith(f"{path}/") for p in self.objects)
        ):
            return 200, self._discovered(path)
        every = re.compile(r"/namespaces/[^/]+(?=/[^/]+$)")  # one namespace, or all at once
        inside = [o for p, o in self.objects.items() if path in ((of := p.rpartition("/")[0]), every.sub("", of))]
        wanted = dict(pair.split("=") for text in query.get("labelSelector", ()) for pair in text.split(","))
        found = [o for o in inside if wanted.items() <= (o["metadata"].get("labels") or {}).items()]
        fields = dict(pair.split("=") for text in query.get("fieldSelector", ()) for pair in text.split(","))
        found = [o for o in found if all(_field(o, key) == value for key, value in fields.items())]
        return (200, {"items": found}) if inside or _is_list(path) else _refusal(404, f"{path} not found")

    def _discovered(self, path: str) -> Object:
        """A group, or one version of it with its kinds."""
        inside = [p.split("/")[2:] for p in self.objects if p.startswith(f"{path}/")]
        kinds = {(p[-2], p[2] == "namespaces" and len(p) > 4) for p in inside}
        resources = [{"name": name, "namespaced": own, "verbs": ["list"]} for name, own in sorted(kinds)]
        return {"preferredVersion": {"groupVersion": "/".join(inside[0][:2])}, "resources": resources}

    def _patched(self, path: str, kind: str, body: Any, by: str) -> tuple[int, Object]:
        now = self.objects[path]
        new = patch.apply(kind, now, body, "")
        if new["metadata"]["resourceVersion"] != now["metadata"]["resourceVersion"]:
            return _refusal(409, "the object has been modified; please apply your changes to the latest version")
        if new["metadata"].get("deletionTimestamp") and not new["metadata"].get("finalizers"):
            return 200, self.objects.pop(path)
        return 200, self.put(path, new, by)

    def _deleted(self, path: str) -> Object:
        found = self.objects[path]
        if not found["metadata"].get("finalizers"):
            return self.objects.pop(path)
        return self.put(path, patch.merge(found, {"metadata": {"deletionTimestamp": "2026-11-27T18:00:00Z"}}))


def _is_list(path: str) -> bool:
    """Of a kind, in one namespace or in all."""
    return re.fullmatch(r"(/api/v1|/apis/[^/]+/[^/]+)(/namespaces/[^/]+)?/[^/]+", path) is not None


def _field(found: Object, path: str) -> Any:
    """`spec.nodeName` and the like."""
    return functools.reduce(lambda value, key: (value or {}).get(key), path.split("."), found)


def _refusal(status: int, message: str) -> tuple[int, Object]:
    return status, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status}


@contextlib.contextmanager
def serving(api: KubeApi) -> Iterator[str]:
    """Its URL."""

    class Handler(Quiet):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            if api.trouble is Trouble.SILENT:
                api.released.wait(HANG_S)
                return
            if api.trouble:
                status, found = _refusal(int(api.trouble), "try again later")
            else:
                kind = (self.headers.get("Content-Type") or "").partition(";")[0]
                status, found = api.answer(self.command, self.path, kind, body)
            self.answer(
                json.dumps(found, separators=(",", ":")).encode(), status, **{"Content-Type": "application/json"}
            )
            if self.command != "GET" and status < 300:
                api.after_write(self.path)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer

    with listening(Handler) as url:
        try:
            yield url
        finally:
            api.released.set()


class Login:
    """The secrets of an experiment that lead its client to a server without a kubeconfig."""

    def __init__(self, **entries: str) -> None:
        self.entries = {f"KUBERNETES_{name.upper()}": value for name, value in entries.items()}

    def group(self, name: str) -> Mapping[str, Any]:
        return self.entries

    def every(self) -> Mapping[str, Mapping[str, Any]]:
        return {"kubernetes": self.entries}

    def starting_with(self, prefix: str) -> dict[str, Any]:
        return {k: v for k, v in self.entries.items() if k.startswith(prefix)}


def at(setting: Setting, url: str) -> Setting:
    """The same setting at this server."""
    return replace(setting, secrets=Login(host=url))


@contextlib.contextmanager
def troubled(api: KubeApi, setting: Setting, trouble: Trouble) -> Iterator[Setting]:
    """For `Trial.troubled`: the API answers like this for as long as the block lasts."""
    api.trouble = trouble
    try:
        yield setting
    finally:
        api.trouble = None
        api.released.set()
        api.released = threading.Event()
