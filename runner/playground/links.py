"""The playground's service links as proxies: their toxics, and the HTTP API by which they come and go, which is Toxiproxy's.

What there is: one proxy for each service, and `database`, the shop's way to its database. They are not made or taken away by the API. Two
types are our own, and no Toxiproxy has them: `http_error` and `limit_connections`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.playground import toxics

if TYPE_CHECKING:
    from aiohttp import web

LIKE = "2.12"
"""Toxiproxy's version whose API this is."""


@dataclass
class Link:
    """What the API has changed of one proxy."""

    enabled: bool = True
    toxics: list[dict[str, Any]] = field(default_factory=list)

    def find(self, name: str) -> dict[str, Any]:
        """Raises Refused."""
        found = next((toxic for toxic in self.toxics if toxic["name"] == name), None)
        if found is None:
            raise Refused(404, "toxic not found")
        return found


class Refused(Exception):
    """What the API answers in the place of what was asked."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status, self.said = status, said


class Links:
    """Every link that was ever touched, by the name of its proxy. `changed` makes it true and returns when it is."""

    def __init__(
        self, addresses: Callable[[], Mapping[str, tuple[str, str]]], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._addresses, self._changed = addresses, changed
        self._links: dict[str, Link] = {}

    def of(self, name: str) -> Link:
        return self._links.setdefault(name, Link())

    def application(self, playground: Mapping[str, Any]) -> web.Application:
        """`playground` says who we are, to whoever asks for the version."""
        from aiohttp import web

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                if "Mozilla/" in request.headers.get("User-Agent", ""):
                    raise Refused(403, "User agent not allowed")
                if request.path == "/version":
                    return web.json_response({"version": LIKE, "playground": playground})
                status, found = await self._asked(request.method, request.path, await _body(request))
            except Refused as no:
                return web.json_response({"error": no.said, "status": no.status}, status=no.status)
            return web.json_response(found, status=status) if status != 204 else web.Response(status=204)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        return app

    async def _asked(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        words = path.strip("/").split("/")
        if (method, path) == ("POST", "/reset"):
            self._links.clear()
            await self._changed()
            return 204, None
        if words[0] != "proxies" or len(words) > 4 or (len(words) > 2 and words[2] != "toxics"):
            raise Refused(404, "404 page not found")
        if len(words) == 1 and method == "GET":
            return 200, {name: self._shown(name) for name in self._addresses()}
        if len(words) == 1 or method == "PUT" or (len(words) == 2 and method == "DELETE"):
            raise Refused(400, "the playground's proxies are its service links: they are neither made nor taken away")
        if words[1] not in self._addresses():
            raise Refused(404, "proxy not found")
        if len(words) == 2:
            return await self._proxy(method, words[1], body)
        return await self._toxic(method, self.of(words[1]), words[3] if len(words) == 4 else "", body)

    async def _proxy(self, method: str, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        if method != "GET" and isinstance(body.get("enabled"), bool):
            self.of(name).enabled = body["enabled"]
            await self._changed()
        return 200, self._shown(name)

    async def _toxic(self, method: str, link: Link, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        if method == "GET":
            return 200, link.find(name) if name else link.toxics
        if method == "DELETE":
            link.toxics.remove(link.find(name))
            status, shown = 204, None
        elif name:
            found = link.find(name)
            shown = _read({**found, **body, "attributes": {**found["attributes"], **(body.get("attributes") or {})}})
            found.update(shown)
            status = 200
        else:
            shown = _read(body)
            if any(toxic["name"] == shown["name"] for toxic in link.toxics):
                raise Refused(409, "toxic already exists")
            link.toxics.append(shown)
            status = 200
        await self._changed()
        return status, shown

    def _shown(self, name: str) -> dict[str, Any]:
        listen, upstream = self._addresses()[name]
        link = self.of(name)
        return {"name": name, "listen": listen, "upstream": upstream, "enabled": link.enabled, "toxics": link.toxics}


async def _body(request: web.Request) -> dict[str, Any]:
    text = await request.text()
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "bad request body")
    return found


def _read(body: Mapping[str, Any]) -> dict[str, Any]:
    """A toxic with all that was not said. Raises Refused."""
    kind, stream = str(body.get("type")), body.get("stream") or toxics.DOWNSTREAM
    if kind not in toxics.ATTRIBUTES:
        raise Refused(400, "invalid toxic type")
    if stream not in (toxics.DOWNSTREAM, toxics.UPSTREAM):
        raise Refused(400, "stream was invalid, can be either upstream or downstream")
    given, toxicity = body.get("attributes") or {}, body.get("toxicity", 1.0)
    attributes = {name: given.get(name, 0) for name in toxics.ATTRIBUTES[kind]}
    if not isinstance(toxicity, int | float) or not all(isinstance(value, int) for value in attributes.values()):
        raise Refused(400, "bad request body: attributes are whole numbers, toxicity is a number")
    name = body.get("name") or f"{kind}_{stream}"
    return {"attributes": attributes, "name": name, "type": kind, "stream": stream, "toxicity": toxicity}
