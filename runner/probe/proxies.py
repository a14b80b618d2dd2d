"""Proxies: which one of the environment's a request goes through, by the rules of Chaos Toolkit's own HTTP checks (requests')."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from runner import errors
from runner.experiment import urls


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpProxy:
    """One that holds for a URL."""

    url: str
    """With what lets us in, if anything: not to be printed."""
    variable: str
    """Which variable of the environment names it."""

    @property
    def said(self) -> str:
        """Its URL without name and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def of(url: str, env: Mapping[str, str]) -> HttpProxy | None:
    """The proxy that `env` has for the URL; None where it has none, or makes an exception, and for a URL that is not whole yet.

    As elsewhere, small letters win. Raises UsageError for what is no URL.
    """
    if urls.unresolved(url):
        return None
    if why := urls.trouble(url):
        raise errors.UsageError(f"{url} is no URL: {why}")
    known = {name.lower(): name for name in sorted(env) if name.lower().endswith("_proxy")}  # capitals sort first
    scheme = urlsplit(url).scheme
    variable = next((known[n] for n in (f"{scheme}_proxy", "all_proxy") if n in known and env[known[n]]), None)
    if variable is None:
        return None
    from requests.utils import prepend_scheme_if_needed, should_bypass_proxies  # dear, and for nobody else

    if should_bypass_proxies(url, env.get(known.get("no_proxy", ""), "")):
        return None
    return HttpProxy(url=prepend_scheme_if_needed(env[variable], "http"), variable=variable)


def for_traffic(name: str, url: str, env: Mapping[str, str]) -> str | None:
    """The URL of the proxy for a stream of ours. Raises EnvironmentFailure for a kind that we cannot talk to."""
    if (found := of(url, env)) is None:
        return None
    if urlsplit(found.url).scheme not in ("http", "https"):
        raise errors.EnvironmentFailure(
            f"the traffic {name} cannot go through the proxy {found.said} ({found.variable}): it is no HTTP proxy",
            hint=f"name an HTTP proxy, or let it go directly: NO_PROXY={urlsplit(url).hostname}",
        )
    return found.url


def around_us(env: Mapping[str, str]) -> dict[str, str]:
    """What keeps requests to this very machine off every proxy: for targets of which no proxy elsewhere can know."""
    if not any(name.lower().endswith("_proxy") for name in env):
        return {}
    excepted = ",".join(filter(None, (env.get("no_proxy") or env.get("NO_PROXY"), "127.0.0.1", "localhost")))
    return {"NO_PROXY": excepted, "no_proxy": excepted}
