"""Routes: the one route of a VirtualService that a fault is for: found, given the fault, and given back what it had. Pure.

Others edit the same object while a fault is in it, so nothing is ever put back as a whole. A route is known by its name, or by its
content where it has none. The fault leaves a note beside it, an annotation with what the route had before: it is written by the same
patch, so there is never one without the other. A fault for some requests only is a copy of the route in front of it, found by its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner import codec
from runner.faults import identity
from runner.faults.cluster_api import Object
from runner.faults.istio.route_fault import RouteFault

Operation = dict[str, Any]
NOTE = "chaos-run/"
"""Before the marker, in the name of the annotation."""


class NoRoute(Exception):
    """The route that a fault is for is not there, or it is not clear which one is meant."""


class Taken(Exception):
    """An earlier run's fault is still on the route."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a route is, so that it is found again after others have edited the VirtualService."""

    name: str
    """Its own; empty where it has none."""
    index: int = -1
    print: str = ""
    """Of its content without a fault."""

    @property
    def called(self) -> str:
        return self.name or str(self.index)


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """One fault of one run: what its undo record says of it, and the note beside it."""

    marker: str
    place: Place
    prior: Mapping[str, Any] | None = None
    """The fault that the route had before."""
    fault: Mapping[str, Any]


def chosen(found: Object, wanted: RouteFault) -> Place:
    """The route that the action means. Raises NoRoute."""
    routes = _routes(found)
    own = {i: str(r.get("name") or "") for i, r in enumerate(routes) if not _is_ours(r)}
    if not own:
        raise NoRoute(f"the {wanted.called} has no HTTP route")
    named = [i for i, name in own.items() if name and name == wanted.route]
    if not wanted.route:
        named = list(own)
    elif not named and wanted.route.isdecimal():
        named = [i for i in own if i == int(wanted.route)]
    if len(named) != 1:
        there = ", ".join(name or str(i) for i, name in own.items())
        which = f"has {len(named) or 'no'} routes {wanted.route}".rstrip()
        raise NoRoute(f"the {wanted.called} {which}: `route` has to name one of {there}")
    (index,) = named
    return Place(name=own[index], index=index, print=_print(routes[index]))


def prior(found: Object, place: Place) -> dict[str, Any] | None:
    """The fault that the route has."""
    index = _index(found, place)
    fault: dict[str, Any] | None = None if index is None else _routes(found)[index].get("fault")
    return fault


def put_in(found: Object, wanted: RouteFault, marker: str) -> list[Operation]:
    """What brings the fault into its route; nothing where this very fault is in it. Raises NoRoute and Taken."""
    place, notes = chosen(found, wanted), _notes(found)
    if wanted.headers:
        return [] if _copies(found, marker) else [_copied(found, wanted, place, marker)]
    if earlier := [n.marker for n in notes if n.marker != marker and _index(found, n.place) == place.index]:
        raise Taken(
            f"the route {place.called} of the {wanted.called} still has the fault {earlier[0]} of an earlier run"
        )
    now = prior(found, place)
    if now == wanted.fault and any(n.marker == marker for n in notes):
        return []
    note = Remembered(marker=marker, place=place, prior=now, fault=wanted.fault)
    fault = {"op": "add", "path": f"/spec/http/{place.index}/fault", "value": dict(wanted.fault)}
    return [fault, _annotated(found, marker, json.dumps(codec.encode(note), sort_keys=True))]


def take_out(found: Object, mine: Remembered) -> list[Operation]:
    """What takes this run's fault out again and gives its route what it had. A fault that somebody else put there meanwhile stays."""
    note = noted(found, mine.marker)
    back = [_given_back(found, note or mine)] if _in_route(found, mine) else []
    copies = [{"op": "remove", "path": f"/spec/http/{i}"} for i in reversed(_copies(found, mine.marker))]
    forget = [{"op": "remove", "path": f"/metadata/annotations/{_escaped(NOTE + mine.marker)}"}] if note else []
    return [*back, *copies, *forget]


def acts(found: Object, mine: Remembered) -> bool:
    """Whether this run's fault is in it: in a copy of its own, or in the route itself."""
    return bool(_copies(found, mine.marker)) or _in_route(found, mine)


def noted(found: Object, marker: str) -> Remembered | None:
    """What the note of this fault says, which was written when it was put in; None where there is none."""
    return next((n for n in _notes(found) if n.marker == marker), None)


def of_run(found: Object, run: str) -> list[Remembered]:
    """Every fault of a run that has left something in it."""
    copies = [str(r["name"]) for r in _routes(found) if identity.is_of(run, str(r.get("name") or ""))]
    of_copies = [Remembered(marker=name, place=Place(name=name), fault={}) for name in copies]
    return of_copies + [n for n in _notes(found) if identity.is_of(run, n.marker)]


def others_of_kind(found: Object, mine: Remembered, kind: str) -> list[str]:
    """Further routes of it that have a fault of this kind: a proxy counts theirs in the same figure."""
    index = None if _copies(found, mine.marker) else _index(found, mine.place)
    return [
        str(r.get("name") or i)
        for i, r in enumerate(_routes(found))
        if kind in (r.get("fault") or {}) and i != index and r.get("name") != mine.marker
    ]


def _in_route(found: Object, mine: Remembered) -> bool:
    """Without its note only what differs from what the route had can be ours."""
    note = noted(found, mine.marker)
    known = note or mine
    now = prior(found, known.place)
    return now is not None and now == known.fault and (note is not None or now != mine.prior)


def _given_back(found: Object, known: Remembered) -> Operation:
    path = f"/spec/http/{_index(found, known.place)}/fault"
    if known.prior is None:
        return {"op": "remove", "path": path}
    return {"op": "replace", "path": path, "value": dict(known.prior)}


def _copied(found: Object, wanted: RouteFault, place: Place, marker: str) -> Operation:
    """A copy of the route in front of it, for requests with these headers only."""
    route = _routes(found)[place.index]
    asked = {name: {"exact": value} for name, value in wanted.headers.items()}
    matches = [{**m, "headers": {**(m.get("headers") or {}), **asked}} for m in route.get("match") or [{}]]
    copy = {**route, "name": marker, "match": matches, "fault": dict(wanted.fault)}
    return {"op": "add", "path": f"/spec/http/{place.index}", "value": copy}


def _annotated(found: Object, marker: str, text: str) -> Operation:
    if not found["metadata"].get("annotations"):
        return {"op": "add", "path": "/metadata/annotations", "value": {NOTE + marker: text}}
    return {"op": "add", "path": f"/metadata/annotations/{_escaped(NOTE + marker)}", "value": text}


def _notes(found: Object) -> list[Remembered]:
    """What cannot be read is no note of ours."""
    notes = []
    for name, text in (found["metadata"].get("annotations") or {}).items():
        if name.startswith(f"{NOTE}{identity.PREFIX}-"):
            with contextlib.suppress(ValueError):  # codec's own error is one
                notes.append(codec.decode(Remembered, json.loads(text)))
    return notes


def _index(found: Object, place: Place) -> int | None:
    """Where the route is by now; None where it is gone, or cannot be told from another."""
    routes = _routes(found)
    if place.name:
        return next((i for i, r in enumerate(routes) if r.get("name") == place.name), None)
    alike = [i for i, r in enumerate(routes) if not r.get("name") and place.print == _print(r)]
    return place.index if place.index in alike else alike[0] if len(alike) == 1 else None


def _copies(found: Object, marker: str) -> list[int]:
    return [i for i, r in enumerate(_routes(found)) if r.get("name") == marker]


def _is_ours(route: Mapping[str, Any]) -> bool:
    return str(route.get("name") or "").startswith(f"{identity.PREFIX}-")


def _routes(found: Object) -> list[dict[str, Any]]:
    return list((found.get("spec") or {}).get("http") or ())


def _print(route: Mapping[str, Any]) -> str:
    content = {k: v for k, v in route.items() if k != "fault"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _escaped(name: str) -> str:
    """As a JSON pointer has it."""
    return name.replace("~", "~0").replace("/", "~1")
