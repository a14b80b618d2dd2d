"""Client: one request as a user would make it, and what became of it. The only importer of aiohttp in the prober.

No redirects, no cookies, no retries, and the proxy that we are told instead of the environment's: what aiohttp would smooth over
is what we measure.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from time import monotonic
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from runner.probe import failing
from runner.probe.messages import Indicator, Ranges
from runner.slo.sample import CAUSE_SHIFT, Cause, Flag

KEEPALIVE_S = 1.5
"""An idle connection is closed by us after this long: before most servers would, so that a request seldom meets a closing one."""
IDLE_S = 0.1
"""A connection that was not used for this long was idle."""
AT_ONCE_S = 0.02
"""An idle connection that ends so soon after the request left, or as soon as one is made, was being closed already."""
_NEW = int(Flag.NEW_CONNECTION)
_TIMEOUT = int(Flag.TIMEOUT)
_UNEXPECTED = int(Flag.UNEXPECTED)
_IDLE = int(Flag.CONNECTION) | Cause.CLOSED_IDLE << CAUSE_SHIFT


class Line(ResponseHandler):
    """A connection that knows since when nobody used it, and whether anything has come back since then."""

    idle_since = 0.0
    heard = False
    made_in_s = 0.0
    """How long it took to be made: a round trip and more."""

    def data_received(self, data: bytes) -> None:
        self.heard = True
        super().data_received(data)


class RequestProgress:
    """One request under way: how far it has come, for the case that somebody gives it up."""

    __slots__ = ("idle_s", "left", "line", "naming", "opened", "proxied")

    def __init__(self) -> None:
        self.proxied = False
        self.left = 0.0
        """When a connection was there and it left, on the monotonic clock in seconds."""
        self.line: Line | None = None
        self.idle_s = 0.0
        """How long that connection had been kept without use."""
        self.opened = False
        """It needed a connection of its own."""
        self.naming = False
        """The name is being looked up."""

    @property
    def heard(self) -> bool:
        """Something of the answer has come."""
        return self.line is not None and self.line.heard

    @property
    def _met_the_end_of_an_idle_one(self) -> bool:
        if self.line is None or self.idle_s < IDLE_S:
            return False
        return monotonic() - self.left < max(AT_ONCE_S, self.line.made_in_s)

    @property
    def timed_out(self) -> int:
        """The flags of a request that is given up now."""
        if self.line is None:
            cause = Cause.SLOW_NAME if self.naming else Cause.SLOW_CONNECT
        else:
            cause = Cause.SLOW_BODY if self.line.heard else Cause.SLOW_ANSWER
        return _TIMEOUT | cause << CAUSE_SHIFT | (_NEW if self.opened or self.line is None else 0)

    def failed(self, problem: BaseException) -> int:
        """The flags of a request that this ended."""
        flags = failing.flags(problem, heard=self.heard, at_proxy=self.proxied and self.line is None)
        if self._met_the_end_of_an_idle_one and flags >> CAUSE_SHIFT in (Cause.RESET, Cause.CLOSED):
            flags = _IDLE
        return flags | _NEW if self.opened else flags


_asking: ContextVar[RequestProgress] = ContextVar("asking")


class _Connector(aiohttp.TCPConnector):
    """Notes of the request in whose task it works which connection it got."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._factory: Any = partial(Line, loop=self._loop)

    async def _get(self, *arguments: Any) -> Any:
        found = await super()._get(*arguments)
        if found is not None and isinstance(line := found.protocol, Line):
            asking, now = _asking.get(), monotonic()
            line.heard = False
            asking.line, asking.left, asking.idle_s = line, now, now - line.idle_since
        return found

    def _release(self, key: Any, protocol: ResponseHandler, **more: Any) -> None:
        if isinstance(protocol, Line):
            protocol.idle_since = monotonic()
        super()._release(key, protocol, **more)

    async def _create_connection(self, *arguments: Any, **more: Any) -> Any:
        asking = _asking.get()
        asking.opened, begun = True, monotonic()
        line = await super()._create_connection(*arguments, **more)
        if isinstance(line, Line):
            line.heard = False  # a proxy's own answer was none of the service's
            asking.line, asking.left = line, monotonic()
            line.made_in_s = asking.left - begun
        return line

    async def _resolve_host(self, *arguments: Any, **more: Any) -> Any:
        asking = _asking.get()
        asking.naming = True
        found = await super()._resolve_host(*arguments, **more)
        asking.naming = False
        return found


class Client:
    """Requests of one indicator; `new` opens a connection for each, else they are kept alive."""

    def __init__(self, indicator: Indicator, *, new: bool) -> None:
        """Raises ValueError for a URL that cannot be asked."""
        self._url = URL(indicator.url)
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise ValueError(f"{indicator.url!r} is not an http or https URL")
        self._method = indicator.method
        self._body = indicator.body.encode() if indicator.body is not None else None
        self._good: frozenset[int] = frozenset()
        self.accept(indicator.status)
        self.redirected = ""
        """Where the last redirect led."""
        self._session = _session(indicator, new)
        self._request = partial(self._session._request, proxy=indicator.proxy)
        self._proxied = indicator.proxy is not None

    def accept(self, status: Ranges) -> None:
        """These statuses are good from now on."""
        self._good = frozenset(code for low, high in status for code in range(low, high + 1))

    async def ask(self, asking: RequestProgress) -> tuple[int, int]:
        """Ask and read the answer to its end: its status (0 without one) and its flags with their cause, 0 when it is good.

        Never raises for what the network or the service does; being cancelled closes the connection.
        """
        _asking.set(asking)
        asking.proxied = self._proxied
        status = 0
        try:
            answer = await self._request(self._method, self._url, data=self._body, allow_redirects=False)
            status = answer.status
            if 300 <= status < 400:
                self.redirected = answer.headers.get("Location", "")
            try:
                while await answer.content.readany():
                    pass
            finally:
                answer.close()
            flags = 0 if status in self._good else _UNEXPECTED
            return status, flags | _NEW if asking.opened else flags
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            return status, asking.failed(problem)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _session(indicator: Indicator, new: bool) -> aiohttp.ClientSession:
    connector = (
        _Connector(limit=0, force_close=True, use_dns_cache=False)
        if new
        else _Connector(limit=0, keepalive_timeout=KEEPALIVE_S, ttl_dns_cache=10)
    )
    session = aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": "chaos-run-prober", **indicator.headers},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        auto_decompress=False,
        trust_env=False,
    )
    session._retry_connection = False  # no public switch; a repeated request would hide the reset that a user felt
    return session
