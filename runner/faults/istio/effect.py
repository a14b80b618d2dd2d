"""Effect: what can be seen of a route's fault, before it is put in, while it acts and after it was taken out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner import codec
from runner.faults.cluster_api import Object, writers
from runner.faults.driver import Evidence, FaultTarget, Residue
from runner.faults.istio import routes
from runner.faults.istio.proxy import Proxy
from runner.faults.istio.route_fault import RouteFault
from runner.faults.istio.routes import Remembered
from runner.faults.istio.virtual_services import VirtualServices, unclear

BLIND = "no proxy_admin is named: whether a proxy injects it is seen only by a probe under `proof:`"


def note(wanted: RouteFault, had: Any) -> str:
    """What the plan says beside the target."""
    own = "its own fault is put aside meanwhile" if had is not None and not wanted.headers else ""
    some = f"only requests with {', '.join(f'{k}: {v}' for k, v in wanted.headers.items())}" if wanted.headers else ""
    return "; ".join(filter(None, (some, own, "" if wanted.proxy_admin else BLIND)))


def before(wanted: RouteFault, args: Mapping[str, Any]) -> dict[str, Any]:
    """What `seen` compares with. Raises EnvironmentFailure where the proxy does not answer."""
    counted = Proxy(wanted.proxy_admin).injected(wanted.kind) if wanted.proxy_admin else None
    return {"args": dict(args), "kind": wanted.kind, "proxy": wanted.proxy_admin, "counted": counted}


def seen(services: VirtualServices, target: FaultTarget) -> Evidence:
    """Whether the proxy has injected more than before, and can have done so for this route alone."""
    was, args = target.before, target.before["args"]
    mine = codec.decode(Remembered, args["remembered"])
    space, name, kind, proxy = args["namespace"], args["virtual_service"], was["kind"], Proxy(was["proxy"])
    found, now = services.read(space, name), proxy.injected(kind)
    grown = now - was["counted"] if now >= was["counted"] else now  # it was started anew
    others = [f"the virtual service {o}" for o in sorted(proxy.faulty(kind) - {f"{space}/{name}"})]
    others += [f"the route {o}" for o in (routes.others_of_kind(found, mine, kind) if found else ())]
    said = f"the proxy at {was['proxy']} has injected {grown} {kind}s since before the action"
    if not (found and routes.acts(found, mine)):
        return Evidence(confirmed=False, sentence=f"the fault is not in the route (any more){_by(found)}; {said}")
    if others:
        return Evidence(confirmed=False, sentence=f"{said}, and some may be of {', '.join(others)}")
    return Evidence(confirmed=grown > 0, sentence=said, targets=target.targets if grown > 0 else ())


def left(args: Mapping[str, Any], found: Object | None, mine: Remembered, *, called: str, stays: bool) -> Residue:
    """What is there of one fault after the undo."""
    if found is None:
        return Residue(cleared=(f"{called} is gone, and its fault with it",))
    if routes.acts(found, mine):
        sentence = (_acting(args, found, mine, called),)
        return Residue(meant=sentence) if stays else Residue(residue=sentence)
    cleared = (f"{called} has no fault of this run",)
    if routes.lost(found, mine):
        others = f"{called} is not found any more: the route was taken away, or edited{_by(found)}"
        return Residue(cleared=(f"no route of its virtual service has the fault {mine.marker}",), others=(others,))
    known = routes.noted(found, mine.marker) or mine
    if routes.prior(found, known.place) != known.prior:
        return Residue(cleared=cleared, others=(f"{called} has another fault than before the run{_by(found)}",))
    return Residue(cleared=cleared)


def _acting(args: Mapping[str, Any], found: Object, mine: Remembered, called: str) -> str:
    """Where it is by now, and what a person has to do where that is not clear."""
    at = routes.where(found, mine)
    if len(at) > 1:
        return unclear(args["namespace"], args["virtual_service"], routes.called(found, at))
    now = f", which is the route {routes.called(found, at)} by now" if at and routes.lost(found, mine) else ""
    return f"{called} still has the fault {mine.marker}{now}"


def _by(found: Object | None) -> str:
    """Who wrote the VirtualService last, besides us."""
    others = writers(found) if found else []
    return f", last written by {others[0]}" if others else ""
