"""Route fault: what an action asks for, read and checked from its arguments, and named alike by whoever asks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner import errors
from runner.faults import identity

ABORT, DELAY = "abort", "delay"
FUNCTIONS = {"inject_abort": ABORT, "inject_delay": DELAY}
"""By the name of the action, the kind of fault in it."""
DEFAULTS: Mapping[str, Any] = {
    "ns": "default",
    "route": "",
    "percentage": 100,
    "http_status": 500,
    "headers": None,
    "proxy_admin": "",
}
"""What an action does not have to say."""
_DURATION = re.compile(r"(\d+(\.\d+)?(ms|s|m|h))+")


@dataclass(frozen=True, kw_only=True)
class RouteFault:
    """A fault of one kind for one route."""

    kind: str
    virtual_service: str
    ns: str
    route: str
    """Its name or its index; empty where the VirtualService has only one."""
    fault: Mapping[str, Any]
    """As the VirtualService has it."""
    headers: Mapping[str, str]
    """Only requests that carry these get it; empty: all of the route."""
    proxy_admin: str
    """The admin interface of a caller's Envoy, which counts what it injects; empty where none is named."""

    @property
    def called(self) -> str:
        """`virtual service shop/storefront`."""
        return f"virtual service {self.ns}/{self.virtual_service}"

    def marker(self, run: str) -> str:
        """By which this fault is found again in the VirtualService."""
        place = (self.kind, self.virtual_service, self.ns, self.route, dict(self.headers))
        return identity.name(run, {"of": place, "fault": self.fault})


def of(function: str, given: Mapping[str, Any]) -> RouteFault:
    """What an action with these arguments asks for. Raises EnvironmentFailure with what is wrong with them."""
    kind, known = FUNCTIONS[function], {**DEFAULTS, **given}
    if not known.get("virtual_service"):
        raise _wrong(function, "virtual_service", "has to name the VirtualService")
    headers = known["headers"] or {}
    if not isinstance(headers, Mapping):
        raise _wrong(function, "headers", "has to map names of headers to their values")
    return RouteFault(
        kind=kind,
        virtual_service=str(known["virtual_service"]),
        ns=str(known["ns"]),
        route=str(known["route"]),
        fault={kind: {"percentage": {"value": _percentage(function, known["percentage"])}, **_what(function, known)}},
        headers={str(name): str(value) for name, value in headers.items()},
        proxy_admin=str(known["proxy_admin"] or "").rstrip("/"),
    )


def _percentage(function: str, given: Any) -> float:
    """Istio injects nothing where none is set."""
    try:
        found = float(given)
    except (TypeError, ValueError):
        found = 0.0
    if not 0 < found <= 100:
        raise _wrong(function, "percentage", f"has to be more than 0 and at most 100, not {given!r}")
    return found


def _what(function: str, known: Mapping[str, Any]) -> dict[str, Any]:
    if FUNCTIONS[function] == DELAY:
        delay = str(known.get("fixed_delay") or "")
        if not _DURATION.fullmatch(delay):
            raise _wrong(function, "fixed_delay", f"has to be a time such as 500ms or 2s, not {delay!r}")
        return {"fixedDelay": delay}
    status = str(known["http_status"])
    if not status.isdecimal() or not 200 <= int(status) <= 599:
        raise _wrong(function, "http_status", f"has to be a status from 200 to 599, not {status!r}")
    return {"httpStatus": int(status)}


def _wrong(function: str, argument: str, why: str) -> errors.EnvironmentFailure:
    return errors.EnvironmentFailure(f"{function}: {argument} {why}")
