"""Routes: the one route of a VirtualService that a fault is for: found, given the fault, and given back what it had. Pure.

Others edit the same object while a fault is in it, so nothing is ever put back as a whole. A route is known by its name, or by its
content where it has none, and once somebody has changed that too, by the fault itself. The fault leaves a note beside it, an annotation
with what the route had before: it is written by the same patch, so there is never one without the other, and it goes only with the fault.
A fault for some requests only is a copy of the route in front of it, found by its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
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


class Unclear(Exception):
    """Several routes have a run's fault, and nothing says any more which of them is the one that it was put into."""


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
    """Empty where it sits in a copy of the route."""
    twins: tuple[Place, ...] = ()
    """Further routes that had this very fault before: theirs is not ours."""


def remembered(found: Object, wanted: RouteFault, marker: str) -> Remembered:
    """What has to be known of a fault before it is put in. Raises NoRoute."""
    place = chosen(found, wanted)
    alike = [i for i, r in enumerate(_routes(found)) if r.get("fault") == wanted.fault and i != place.index]
    return Remembered(
        marker=marker,
        place=place,
        prior=prior(found, place),
        fault={} if wanted.headers else wanted.fault,
        twins=() if wanted.headers else tuple(_place(found, i) for i in alike),
    )


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
    return _place(found, index)


def prior(found: Object, place: Place) -> dict[str, Any] | None:
    """The fault that the route has."""
    index = _index(found, place)
    fault: dict[str, Any] | None = None if index is None else _routes(found)[index].get("fault")
    return fault


def put_in(found: Object, wanted: RouteFault, marker: str) -> list[Operation]:
    """What brings the fault into its route; nothing where this very fault is in it. Raises NoRoute and Taken."""
    note, notes = remembered(found, wanted, marker), _notes(found)
    index = note.place.index
    if wanted.headers:
        return [] if _copies(found, marker) else [_copied(found, wanted, note.place, marker)]
    if earlier := [
        n.marker for n in notes if n.marker != marker and index in (_index(found, n.place), *where(found, n))
    ]:
        raise Taken(
            f"the route {note.place.called} of the {wanted.called} still has the fault {earlier[0]} of an earlier run"
        )
    if note.prior == wanted.fault and any(n.marker == marker for n in notes):
        return []
    fault = {"op": "add", "path": f"/spec/http/{index}/fault", "value": dict(wanted.fault)}
    return [fault, _annotated(found, marker, json.dumps(codec.encode(note), sort_keys=True))]


def take_out(found: Object, mine: Remembered) -> list[Operation]:
    """What takes this run's fault out again and gives its route what it had. A fault that somebody else put there meanwhile stays.

    Raises Unclear. The note is the last that knows of the fault: it stays for as long as a route has one that can be ours.
    """
    note, at = noted(found, mine.marker), where(found, mine)
    if len(at) > 1:
        raise Unclear(called(found, at))
    back = [_given_back(at[0], note or mine)] if at else []
    copies = [{"op": "remove", "path": f"/spec/http/{i}"} for i in reversed(_copies(found, mine.marker))]
    forget = [{"op": "remove", "path": f"/metadata/annotations/{_escaped(NOTE + mine.marker)}"}]
    return [*back, *copies, *(forget if note and {*_alike(found, note)} <= {*at} else ())]


def acts(found: Object, mine: Remembered) -> bool:
    """Whether this run's fault is in it: in a copy of its own, or in a route itself."""
    return bool(_copies(found, mine.marker)) or bool(where(found, mine))


def where(found: Object, mine: Remembered) -> list[int]:
    """The routes that have this run's fault: its own where that has it still, else every one that it can be by now; several are unclear.

    Without its note only what differs from what the route had can be ours, and elsewhere only where the route itself is lost.
    """
    note = noted(found, mine.marker)
    known = note or mine
    if note is None and known.fault == known.prior:
        return []
    own = _index(found, known.place)
    if own is not None and known.fault and _routes(found)[own].get("fault") == known.fault:
        return [own]
    return _alike(found, known) if note or own is None else []


def lost(found: Object, mine: Remembered) -> bool:
    """Whether its route is gone, or was edited so that it cannot be told from another."""
    return _index(found, (noted(found, mine.marker) or mine).place) is None


def called(found: Object, indices: Sequence[int]) -> str:
    """These routes by their names, or by their numbers where they have none."""
    return ", ".join(_place(found, i).called for i in indices)


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
    own = where(found, mine)
    index = own[0] if len(own) == 1 else None
    return [
        str(r.get("name") or i)
        for i, r in enumerate(_routes(found))
        if kind in (r.get("fault") or {}) and i != index and r.get("name") != mine.marker
    ]


def _given_back(index: int, known: Remembered) -> Operation:
    path = f"/spec/http/{index}/fault"
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


def _alike(found: Object, known: Remembered) -> list[int]:
    """The routes with this fault, but for those that had it before and those that have it by another note."""
    others = [n.place for n in _notes(found) if n.marker != known.marker and n.fault == known.fault]
    theirs = {_index(found, place) for place in (*others, *known.twins)}
    mine = [
        i for i, r in enumerate(_routes(found)) if known.fault and r.get("fault") == known.fault and not _is_ours(r)
    ]
    return [i for i in mine if i not in theirs]


def _place(found: Object, index: int) -> Place:
    route = _routes(found)[index]
    return Place(name=str(route.get("name") or ""), index=index, print=_print(route))


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
