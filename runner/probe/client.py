"""Client: one request as a user would make it, and what became of it. The only importer of aiohttp in the prober.

No redirects, no cookies, no proxies from the environment, no retries: what aiohttp would smooth over is what we measure.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import aiohttp
from yarl import URL

from runner.probe.messages import Indicator
from runner.slo.sample import Flag

KEEPALIVE_S = 1.5
"""An idle connection is closed by us after this long: before most servers would, so that a request seldom meets a closing one."""

_opened: ContextVar[bool] = ContextVar("opened", default=False)
_NEW = int(Flag.NEW_CONNECTION)
_FAILED = int(Flag.CONNECTION)
_GARBLED = int(Flag.PROTOCOL)
_UNEXPECTED = int(Flag.UNEXPECTED)


class _Connector(aiohttp.TCPConnector):
    """Notes in the requesting task that it opened a connection."""

    async def _create_connection(self, *arguments: Any, **more: Any) -> Any:
        _opened.set(True)
        return await super()._create_connection(*arguments, **more)


class Client:
    """Requests of one indicator."""

    def __init__(self, indicator: Indicator) -> None:
        """Raises ValueError for a URL that cannot be asked."""
        self._url = URL(indicator.url)
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise ValueError(f"{indicator.url!r} is not an http or https URL")
        self._method = indicator.method
        self._body = indicator.body.encode() if indicator.body is not None else None
        self._good = frozenset(code for low, high in indicator.status for code in range(low, high + 1))
        self._session = _session(indicator)
        self._request = self._session._request

    async def ask(self) -> tuple[int, int]:
        """Ask and read the answer to its end: its status (0 without one) and its flags, 0 when it is good.

        Never raises for what the network or the service does; being cancelled closes the connection.
        """
        status = 0
        try:
            answer = await self._request(self._method, self._url, data=self._body, allow_redirects=False)
            status = answer.status
            try:
                while await answer.content.readany():
                    pass
            finally:
                answer.close()
            flags = 0 if status in self._good else _UNEXPECTED
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as problem:
            flags = _FAILED if _broken(problem) else _GARBLED
        except (aiohttp.ClientError, ValueError):
            flags = _GARBLED
        return status, flags | _NEW if _opened.get() else flags

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _session(indicator: Indicator) -> aiohttp.ClientSession:
    new = indicator.new_connections
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


def _broken(problem: BaseException) -> bool:
    """Whether the connection failed, rather than the peer talking something else than HTTP over a sound one."""
    while problem.__cause__ is not None:
        problem = problem.__cause__
    return not isinstance(problem, aiohttp.http_exceptions.HttpProcessingError) or isinstance(
        problem, aiohttp.http_exceptions.ContentLengthError
    )
