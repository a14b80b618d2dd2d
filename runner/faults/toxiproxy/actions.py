"""Actions on Toxiproxy's proxies, for an experiment of `chaos-run` or of plain `chaos run`.

Each makes one toxic, named by the run, and returns once Toxiproxy lists it; that of `disable_proxy` does nothing, and says whose doing it
is that the proxy is disabled. `toxiproxy` is the address of its API; without it TOXIPROXY_URL, else http://127.0.0.1:8474. `stream`:
`downstream` are answers to the client, `upstream` what it sends. `toxicity`: the share of the connections that is hit, drawn once for each
connection: few long-lived ones may all be hit, or none. `page`: the address of a page that comes through the proxy; `chaos-run` asks it
before and after, as evidence that the fault is felt there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, cast

from runner import errors
from runner.faults import identity
from runner.faults.toxiproxy.fault import DOWN, Fault, address, direction, share, whole

P = ParamSpec("P")
FAULTS: dict[str, Callable[..., Fault]] = {}
"""What each action asks of Toxiproxy, by the action's name."""


def _action(fault: Callable[P, Fault]) -> Callable[P, dict[str, Any]]:
    """An action of a function that says what it asks for."""
    FAULTS[fault.__name__] = fault

    @wraps(fault)
    def act(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        return _apply(fault(*args, **kwargs))

    return cast("Callable[P, dict[str, Any]]", act)


@_action
def add_latency(
    proxy: str,
    latency_ms: int,
    jitter_ms: int = 0,
    stream: str = "downstream",
    toxicity: float = 1.0,
    toxiproxy: str = "",
    page: str = "",
) -> Fault:
    """Delay all data by `latency_ms`, more or less `jitter_ms`."""
    delay = {"latency": whole("latency_ms", latency_ms, least=1), "jitter": whole("jitter_ms", jitter_ms)}
    return _toxic("latency", delay, proxy, stream, toxicity, toxiproxy, page)


@_action
def limit_bandwidth(
    proxy: str, rate_kb_s: int, stream: str = "downstream", toxicity: float = 1.0, toxiproxy: str = "", page: str = ""
) -> Fault:
    """Let at most `rate_kb_s` kilobytes a second through, on each connection."""
    rate = {"rate": whole("rate_kb_s", rate_kb_s, least=1)}
    return _toxic("bandwidth", rate, proxy, stream, toxicity, toxiproxy, page)


@_action
def delay_close(
    proxy: str, delay_ms: int, stream: str = "downstream", toxicity: float = 1.0, toxiproxy: str = "", page: str = ""
) -> Fault:
    """Close connections `delay_ms` late."""
    delay = {"delay": whole("delay_ms", delay_ms, least=1)}
    return _toxic("slow_close", delay, proxy, stream, toxicity, toxiproxy, page)


@_action
def stop_data(
    proxy: str,
    timeout_ms: int = 0,
    stream: str = "downstream",
    toxicity: float = 1.0,
    toxiproxy: str = "",
    page: str = "",
) -> Fault:
    """Let no data through, and close the connection after `timeout_ms`; with 0 it stays open."""
    timeout = {"timeout": whole("timeout_ms", timeout_ms)}
    return _toxic("timeout", timeout, proxy, stream, toxicity, toxiproxy, page)


@_action
def reset_connections(
    proxy: str,
    timeout_ms: int = 0,
    stream: str = "downstream",
    toxicity: float = 1.0,
    toxiproxy: str = "",
    page: str = "",
) -> Fault:
    """Reset connections (TCP RST) `timeout_ms` after the first data.

    With a `toxicity` below 1 those that are not drawn get all their data, and end with a reset too (seen on 2.12): a client that keeps
    its connections open meets it when the server closes one.
    """
    timeout = {"timeout": whole("timeout_ms", timeout_ms)}
    return _toxic("reset_peer", timeout, proxy, stream, toxicity, toxiproxy, page)


@_action
def slice_data(
    proxy: str,
    average_bytes: int,
    variation_bytes: int = 0,
    delay_us: int = 0,
    stream: str = "downstream",
    toxicity: float = 1.0,
    toxiproxy: str = "",
    page: str = "",
) -> Fault:
    """Send data in slices of `average_bytes`, more or less `variation_bytes`, `delay_us` microseconds apart."""
    slices = {
        "average_size": whole("average_bytes", average_bytes, least=1),
        "size_variation": whole("variation_bytes", variation_bytes),
        "delay": whole("delay_us", delay_us),
    }
    if slices["size_variation"] >= slices["average_size"]:
        raise errors.UsageError(f"variation_bytes is {variation_bytes}, and has to be less than average_bytes")
    return _toxic("slicer", slices, proxy, stream, toxicity, toxiproxy, page)


@_action
def limit_data(
    proxy: str, limit_bytes: int, stream: str = "downstream", toxicity: float = 1.0, toxiproxy: str = "", page: str = ""
) -> Fault:
    """Close a connection once `limit_bytes` have passed."""
    limit = {"bytes": whole("limit_bytes", limit_bytes, least=1)}
    return _toxic("limit_data", limit, proxy, stream, toxicity, toxiproxy, page)


@_action
def answer_errors(proxy: str, status: int = 500, toxicity: float = 1.0, toxiproxy: str = "", page: str = "") -> Fault:
    """Answer requests with an HTTP error before they reach the service. Only the playground's proxies do it: no Toxiproxy has it."""
    answer = {"status": whole("status", status, least=400)}
    return _toxic("http_error", answer, proxy, "upstream", toxicity, toxiproxy, page)


@_action
def limit_connections(proxy: str, connections: int, toxiproxy: str = "", page: str = "") -> Fault:
    """Let only so many connections be open at once, and reset the newest ones beyond it. Only the playground's proxies do it."""
    most = {"connections": whole("connections", connections)}
    return _toxic("limit_connections", most, proxy, "upstream", 1.0, toxiproxy, page)


@_action
def disable_proxy(proxy: str, toxiproxy: str = "", page: str = "") -> Fault:
    """Close the proxy and all its connections: new ones are refused."""
    return Fault(proxy=proxy, type=DOWN, url=address(toxiproxy), page=page)


def enable_proxy(proxy: str, toxiproxy: str = "") -> bool:
    """The rollback of `disable_proxy` under plain `chaos run`: enables what this run disabled; whether there was anything to do."""
    from runner.faults.toxiproxy.client import Toxiproxy

    return Toxiproxy(address(toxiproxy)).release(proxy, _sign(proxy))


def remove_toxics(proxy: str, toxiproxy: str = "") -> list[str]:
    """The rollback of all others under plain `chaos run`: takes what this run made out of the proxy, and nothing else."""
    from runner.faults.toxiproxy.client import Toxiproxy

    server = Toxiproxy(address(toxiproxy))
    names = [str(toxic["name"]) for toxic in (server.proxy(proxy) or {}).get("toxics", ())]
    ours = [name for name in names if identity.is_of(identity.run_id(), name) and name != _sign(proxy)]
    return [name for name in ours if server.remove(proxy, name)]


def _sign(proxy: str) -> str:
    """The toxic by which a proxy is known to be disabled by this run."""
    return Fault(proxy=proxy, type=DOWN, url="").name(identity.run_id())


def _toxic(
    kind: str, attributes: dict[str, int], proxy: str, stream: str, toxicity: float, toxiproxy: str, page: str
) -> Fault:
    return Fault(
        proxy=proxy,
        type=kind,
        attributes=attributes,
        stream=direction(stream),
        toxicity=share(toxicity),
        url=address(toxiproxy),
        page=page,
    )


def _apply(fault: Fault) -> dict[str, Any]:
    """Make it, and see that it is there. Raises EnvironmentFailure."""
    from runner.faults.toxiproxy.client import Toxiproxy, Unanswered

    server = Toxiproxy(fault.url)
    found = server.proxy(fault.proxy)
    if found is None:
        raise Unanswered(f"{server} has no proxy {fault.proxy!r}: it has {', '.join(server.proxies()) or 'none'}")
    if not found["enabled"]:
        raise Unanswered(f"the proxy {fault.proxy} of {server} is disabled: nothing passes through it")
    name = fault.name(identity.run_id())
    server.add(fault.proxy, fault.toxic(name))
    if fault.type == DOWN:
        server.enable(fault.proxy, enabled=False)
    now = server.proxy(fault.proxy) or {}
    if not _listed(now, name) or (fault.type == DOWN and now["enabled"]):
        raise Unanswered(f"{server} took {fault} for the proxy {fault.proxy!r}, and does not list it")
    return {"toxiproxy": fault.url, "proxy": fault.proxy, "toxic": name, "does": str(fault)}


def _listed(proxy: dict[str, Any], name: str) -> bool:
    return any(toxic["name"] == name for toxic in proxy.get("toxics", ()))
