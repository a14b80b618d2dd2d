"""The API over HTTP: who asks, what is meant, which verb; every refusal becomes a Status."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from runner.playground import (
    discovery,
    kinds,
    kubelet,
    ports,
    refusal,
    resources,
    route,
    selection,
    store,
    subresources,
    tables,
    watch,
    wire,
)

FLAGS = ("watch", "follow", "previous", "timestamps", "allowWatchBookmarks", "sendInitialEvents")
REVIEW = kinds.ResourceKind("SelfSubjectAccessReview", "selfsubjectaccessreviews", "authorization.k8s.io")
REVIEWS = f"/apis/{REVIEW.api_version}/{REVIEW.plural}"
"""Whoever has the token may do everything."""
TEXT = {"/healthz": "ok", "/livez": "ok", "/readyz": "ok"}


@dataclass(frozen=True)
class Api:
    """One handler for every path."""

    store: store.ObjectStore
    kubelet: kubelet.Kubelet
    ports: ports.Ports
    token: str

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        try:
            return await self._answer(request)
        except refusal.Refusal as no:
            return _json(no.body, no.code)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        prefix, path = self._split(request.path)
        if path in TEXT:
            return web.Response(text=TEXT[path])
        self._authorise(request, prefix, path)
        if path == REVIEWS and request.method == "POST":
            named = {"kind": REVIEW.name, "apiVersion": REVIEW.api_version}
            return _json(named | await _body(request, REVIEW) | {"status": {"allowed": True}}, 201)
        if path == "/openapi/v2":  # an empty message: kubectl looks here for kinds that v3 does not have
            return web.Response(content_type="application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
        if (known := discovery.document(path, prefix, request.host)) is not None:
            return _json(known)
        meant = route.parse(path)
        if meant is None:
            return web.Response(text="404 page not found\n", status=404)
        return await self._verb(request, meant)

    def _split(self, path: str) -> tuple[str, str]:
        """The token as the first part of the path: kubectl sends no header without TLS."""
        prefix = f"/{self.token}"
        inside = path.startswith(prefix)
        return (prefix if inside else ""), path[len(prefix) if inside else 0 :].rstrip("/") or "/"

    def _authorise(self, request: web.Request, prefix: str, path: str) -> None:
        held = request.headers.get("Authorization")
        if prefix or held == f"Bearer {self.token}":
            return
        if held is not None:
            raise refusal.Refusal(401, "Unauthorized", "Unauthorized")
        raise _anonymous(request.method, path)

    async def _verb(self, request: web.Request, meant: route.Route) -> web.StreamResponse:
        asked = {key: _plain(key, value) for key, value in request.query.items()}
        verbs = resources.Verbs(
            self.store, self.ports, asked.get("fieldValidation", "Warn"), asked.get("dryRun") == "All"
        )
        if request.method == "GET":
            return await self._get(request, meant, asked)
        if request.method == "DELETE":
            return self._delete(verbs, meant, asked, await _options(request))
        body = await _body(request, meant.kind)
        media = request.content_type if request.method == "PATCH" else ""
        if request.method == "POST":
            found, code = self._post(verbs, meant, body), 201
        elif request.method in ("PUT", "PATCH") and meant.name:
            found, code = _write(verbs, meant, media, body), 200
        else:
            raise refusal.not_allowed()
        headers = {"Warning": ", ".join(f'299 - "{_quoted(w)}"' for w in verbs.warnings)} if verbs.warnings else {}
        shown = self._shaper(request, meant, asked)(found) if found["kind"] == meant.kind.name else found
        return _json(shown, code, headers)

    def _post(self, verbs: resources.Verbs, meant: route.Route, body: Any) -> kinds.Object:
        if meant.subresource == "eviction":
            return subresources.evict(verbs, meant.namespace, meant.name, body)
        if meant.subresource == "binding":
            return subresources.bind(verbs, meant.namespace, meant.name, body)
        if meant.name or (meant.kind.namespaced and not meant.namespace):
            raise refusal.not_allowed()
        return verbs.create(meant.kind, meant.namespace, body)

    async def _get(self, request: web.Request, meant: route.Route, asked: dict[str, str]) -> web.StreamResponse:
        if meant.subresource == "log":
            return await self._log(request, meant, asked)
        if meant.subresource == "scale":
            return _json(subresources.scale(self.store.read(meant.kind, meant.namespace, meant.name)))
        shaped = self._shaper(request, meant, asked)
        if meant.watch or asked.get("watch") == "true":
            return await self._watch(request, meant, asked, shaped)
        if meant.name:
            return _json(shaped(self.store.read(meant.kind, meant.namespace, meant.name)))
        return _json(self._list(request, meant, asked))

    def _list(self, request: web.Request, meant: route.Route, asked: dict[str, str]) -> dict[str, Any]:
        wanted = _wanted(meant, asked)
        found = [each for each in self.store.list(meant.kind, meant.namespace) if wanted(each)]
        meta: dict[str, Any] = {"resourceVersion": str(self.store.version)}
        found = _page(found, asked, meta)
        if _is_table(request):
            return tables.table(meant.kind, found, meta, asked.get("includeObject", "Metadata"))
        items = [{k: v for k, v in each.items() if k not in ("apiVersion", "kind")} for each in found]
        return {
            "kind": f"{meant.kind.name}List",
            "apiVersion": meant.kind.api_version,
            "metadata": meta,
            "items": items,
        }

    def _delete(
        self, verbs: resources.Verbs, meant: route.Route, asked: dict[str, str], options: dict[str, Any]
    ) -> web.Response:
        for key, kind in (("gracePeriodSeconds", int), ("propagationPolicy", str)):
            if key in asked:
                options.setdefault(key, kind(asked[key]))
        verbs.dry = verbs.dry or options.get("dryRun") == ["All"]
        if meant.name:
            return _json(verbs.delete(meant.kind, meant.namespace, meant.name, options))
        if "deletecollection" not in meant.kind.verbs:
            raise refusal.not_allowed()
        wanted = _wanted(meant, asked)
        found = [each for each in self.store.list(meant.kind, meant.namespace) if wanted(each)]
        for each in found:
            verbs.delete(meant.kind, each["metadata"].get("namespace", ""), each["metadata"]["name"], options)
        meta = {"resourceVersion": str(self.store.version)}
        return _json(
            {"kind": f"{meant.kind.name}List", "apiVersion": meant.kind.api_version, "metadata": meta, "items": found}
        )

    async def _watch(
        self, request: web.Request, meant: route.Route, asked: dict[str, str], shaped: watch.Shape
    ) -> web.StreamResponse:
        wanted = _wanted(meant, asked)
        watch.check(asked)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        try:
            async for line in watch.lines(self.store, meant.kind, wanted, asked, shaped):
                await response.write(line)
        except ConnectionError:
            return response  # the client has seen enough
        return response

    async def _log(self, request: web.Request, meant: route.Route, asked: dict[str, str]) -> web.StreamResponse:
        text = subresources.log(self.store, self.kubelet, meant.namespace, meant.name, asked)
        if asked.get("follow") != "true":
            return web.Response(text=text)
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(text.encode())
        async for line in self.kubelet.follow(meant.namespace, meant.name, asked.get("container", "")):
            await response.write(line.encode() + b"\n")
        return response

    def _shaper(self, request: web.Request, meant: route.Route, asked: dict[str, str]) -> watch.Shape:
        if not _is_table(request):
            return lambda found: found
        include = asked.get("includeObject", "Metadata")
        return lambda found: tables.table(
            meant.kind, [found], {"resourceVersion": found["metadata"]["resourceVersion"]}, include
        )


def _write(verbs: resources.Verbs, meant: route.Route, media: str, body: Any) -> kinds.Object:
    """A PUT (no media type) or a PATCH."""
    if meant.subresource == "scale":
        return subresources.rescale(verbs, meant.kind, meant.namespace, meant.name, media, body)
    if media == "application/apply-patch+yaml" and verbs.store.get(meant.kind, meant.namespace, meant.name) is None:
        return verbs.create(meant.kind, meant.namespace, body)
    if media:
        return verbs.change(meant.kind, meant.namespace, meant.name, media, body, meant.subresource)
    return verbs.replace(meant.kind, meant.namespace, meant.name, body, meant.subresource)


def _wanted(meant: route.Route, asked: dict[str, str]) -> selection.Match:
    by_label = selection.labels_match(asked.get("labelSelector", ""))
    by_field = selection.fields_match(meant.kind, asked.get("fieldSelector", ""))

    def here(found: kinds.Object) -> bool:
        meta = found["metadata"]
        placed = not meant.namespace or meta.get("namespace") == meant.namespace
        return placed and meant.name in ("", meta["name"]) and by_label(found) and by_field(found)

    return here


def _page(found: list[kinds.Object], asked: dict[str, str], meta: dict[str, Any]) -> list[kinds.Object]:
    """`limit` objects from `continue` on; says in `meta` where the next page begins."""
    try:
        start = int(base64.b64decode(asked.get("continue", ""))) if asked.get("continue") else 0
    except ValueError as problem:
        raise refusal.bad_request("continue key is not valid") from problem
    limit = int(asked.get("limit") or 0)
    rest = len(found) - start - limit
    if limit and rest > 0:
        meta |= {"continue": base64.b64encode(str(start + limit).encode()).decode(), "remainingItemCount": rest}
        return found[start : start + limit]
    return found[start:]


def _is_table(request: web.Request) -> bool:
    return "as=Table" in request.headers.get("Accept", "").partition(",")[0]


async def _body(request: web.Request, kind: kinds.ResourceKind) -> Any:
    """The JSON (or, for apply, YAML) of a request; raises the 400 and the 415."""
    if "cbor" in request.content_type:
        raise refusal.Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    if request.content_type == wire.MEDIA:
        return _from_wire(await request.read())
    text = await request.text()
    try:
        return json.loads(text)
    except ValueError as problem:
        if "yaml" in request.content_type:
            import yaml

            return yaml.safe_load(text)
        why = f"couldn't get version/kind; json parse error: {problem} ({text[:40]})"
        said = f"the object provided is unrecognized (must be of type {kind.name}): {why}"
        raise refusal.bad_request(said) from problem


def _from_wire(data: bytes) -> Any:
    try:
        return wire.decode(data)
    except ValueError as problem:
        raise refusal.bad_request(f"the protobuf cannot be read: {problem}") from problem


async def _options(request: web.Request) -> dict[str, Any]:
    if request.content_type == wire.MEDIA:
        return dict(_from_wire(await request.read()))
    text = await request.text()
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError as problem:
        raise refusal.bad_request(f"couldn't get version/kind; json parse error: {problem}") from problem
    return {key: value for key, value in found.items() if value is not None} if isinstance(found, dict) else {}


def _anonymous(method: str, path: str) -> refusal.Refusal:
    """403 in the words for a user without a token."""
    meant, user = route.parse(path), 'User "system:anonymous"'
    if meant is None:
        said = f'forbidden: {user} cannot {method.lower()} path "{path}"'
        return refusal.Refusal(403, "Forbidden", said, {})
    verb = {"GET": "get" if meant.name else "list", "POST": "create", "PUT": "update", "PATCH": "patch"}.get(
        method, "delete"
    )
    about = f'{meant.kind.qualified} "{meant.name}"' if meant.name else meant.kind.qualified
    where = f' in the namespace "{meant.namespace}"' if meant.namespace else " at the cluster scope"
    said = f'{about} is forbidden: {user} cannot {verb} resource "{meant.kind.plural}" in API group "{meant.kind.group}"{where}'
    known = {"name": meant.name} if meant.name else {}
    known |= ({"group": meant.kind.group} if meant.kind.group else {}) | {"kind": meant.kind.plural}
    return refusal.Refusal(403, "Forbidden", said, known)


def _plain(key: str, value: str) -> str:
    """`True`, `1` and `t` are as good as `true`: the Python client writes the first."""
    return "true" if key in FLAGS and value in ("1", "t", "T", "TRUE", "True") else value


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _json(found: dict[str, Any], code: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        text=json.dumps(found, separators=(",", ":")) + "\n",
        status=code,
        content_type="application/json",
        headers=headers,
    )
