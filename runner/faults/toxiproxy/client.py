"""Toxiproxy's HTTP API, asked patiently: a connection that is stuck in a proxy can block it for a while.

Never asked: `/reset` and `/populate`, which change what others made. Works with Toxiproxy 2.6 and later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from runner import access, clock, errors

T = TypeVar("T")

AGENT = "chaos-run"
"""Toxiproxy refuses whatever calls itself a browser."""
TIMEOUT_S = 4.0
PATIENCE_S = 9.0
"""How long a request that fails is sent again."""
SHORT_S = 2.0
"""Of a hurried request, which is sent once."""


class Unanswered(errors.EnvironmentFailure):
    """Why Toxiproxy did not do as it was asked; `passing` where it may do so a little later."""

    def __init__(self, message: str, *, hint: str | None = None, passing: bool = False, status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.passing, self.status = passing, status


class Toxiproxy:
    """One server."""

    def __init__(self, url: str, *, hurried: bool = False) -> None:
        self.url = url
        self._patience_s = 0.0 if hurried else PATIENCE_S
        self._timeout_s = SHORT_S if hurried else TIMEOUT_S

    def __str__(self) -> str:
        return f"Toxiproxy at {place(self.url)}"

    def version(self) -> dict[str, Any]:
        """Its `version`, and `playground` where it is one's proxies that answer."""
        found = self._ask("GET", "/version", absent=True)
        return found if isinstance(found, dict) else {}

    def proxies(self) -> dict[str, dict[str, Any]]:
        """Every proxy by its name, with its toxics."""
        found = self._ask("GET", "/proxies")
        if not isinstance(found, dict):
            raise Unanswered(f"what answers at {self.url} is not Toxiproxy")
        return found

    def proxy(self, name: str) -> dict[str, Any] | None:
        """One proxy with its toxics; None where there is none of that name."""
        found = self._ask("GET", _path(name), absent=True)
        return found if isinstance(found, dict) else None

    def add(self, proxy: str, toxic: Mapping[str, Any]) -> None:
        """A toxic. One of that very name, which an earlier try may have left, is taken away first."""
        try:
            self._ask("POST", f"{_path(proxy)}/toxics", toxic)
        except Unanswered as problem:
            if problem.status != 409:
                raise
            self.remove(proxy, str(toxic["name"]))
            self._ask("POST", f"{_path(proxy)}/toxics", toxic)

    def remove(self, proxy: str, toxic: str) -> bool:
        """Whether it was there."""
        return self._ask("DELETE", f"{_path(proxy)}/toxics/{quote(toxic, safe='')}", absent=True) is not None

    def release(self, proxy: str, sign: str) -> bool:
        """Enable a proxy that has this sign, and take that away last: who dies in between has left it. Whether it was there."""
        found = self.proxy(proxy)
        if found is None or all(toxic["name"] != sign for toxic in found["toxics"]):
            return False
        if not found["enabled"]:
            self.enable(proxy, enabled=True)
        self.remove(proxy, sign)
        return True

    def enable(self, proxy: str, *, enabled: bool) -> None:
        self._ask("PATCH", _path(proxy), {"enabled": enabled})

    def _ask(self, method: str, path: str, body: Any = None, *, absent: bool = False) -> Any:
        """Its answer; None for a 404 where that is one. Raises Unanswered once patience is over."""
        answer = clock.poll_until(
            lambda: self._once(method, path, body),
            self._patience_s,
            0.3,
            enough=lambda found: not (isinstance(found, Unanswered) and found.passing),
        )
        if isinstance(answer, Unanswered):
            if absent and answer.status == 404:
                return None
            raise answer
        return answer

    def _once(self, method: str, path: str, body: Any) -> Any:
        settings = access.settings(str(self), {}, self.url, self._timeout_s)
        try:
            with httpx.Client(**settings) as client:
                answer = client.request(method, self.url + path, json=body, headers={"User-Agent": AGENT})
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            why = str(problem) or type(problem).__name__
            hint = "say where it is: the argument toxiproxy, or TOXIPROXY_URL"
            return Unanswered(f"{self} cannot be reached: {why}", hint=hint, passing=True)
        if answer.is_success:
            return _content(answer)
        passing = answer.status_code >= 500 or answer.status_code == 429
        said = f"{self} answers {method} {path} with {answer.status_code}{_reason(answer)}"
        return Unanswered(said, passing=passing, status=answer.status_code)


def place(url: str) -> str:
    """`HOST:PORT`."""
    return urlsplit(url).netloc.rpartition("@")[2]


def told(act: Callable[[], T]) -> T | str:
    """What it gives, or in a sentence why it could not be done."""
    try:
        return act()
    except Unanswered as problem:
        return problem.message


def _path(proxy: str) -> str:
    return f"/proxies/{quote(proxy, safe='')}"


def _content(answer: httpx.Response) -> Any:
    """Its JSON; empty where it has none, as a 204."""
    try:
        return answer.json()
    except ValueError:
        return {}


def _reason(answer: httpx.Response) -> str:
    """What it says of it, in one line."""
    found = _content(answer)
    words = found.get("error") if isinstance(found, dict) else None
    lines = str(words or answer.text).strip().splitlines() or [""]
    return f": {lines[0][:200]}" if lines[0] else ""
