"""Which objects are meant: label selectors as text and as objects, field selectors as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from runner.playground import kinds, refusal

Match = Callable[[kinds.Object], bool]

_SET = re.compile(r"^(\S+)\s+(in|notin)\s*\(([^)]*)\)$")
_EQUAL = re.compile(r"^([^=!\s]+)\s*(==|=|!=)\s*([^=!\s]*)$")
_PRESENT = re.compile(r"^(!?)\s*([^=!\s(),]+)$")
_SPLIT = re.compile(r",(?![^(]*\))")

_FIELDS: dict[str, tuple[str, ...]] = {
    "Pod": ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
            "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName"),
    "Node": ("spec.unschedulable",),
    "Namespace": ("status.phase",),
    "Service": ("spec.clusterIP", "spec.type"),
    "Secret": ("type",),
    "ReplicaSet": ("status.replicas",),
    "Event": ("involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
              "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
              "reportingComponent", "source", "type"),
}  # fmt: skip


def labels_match(selector: str) -> Match:
    """A label selector from a query string; raises the 400."""
    tests = [_requirement(part.strip()) for part in _SPLIT.split(selector) if part.strip()]
    return lambda found: all(test(found["metadata"].get("labels") or {}) for test in tests)


def _requirement(part: str) -> Callable[[Mapping[str, str]], bool]:
    if chosen := _SET.match(part):
        key, word, values = chosen[1], chosen[2], {v.strip() for v in chosen[3].split(",")}
        return lambda labels: (labels.get(key) in values) == (word == "in")
    if equal := _EQUAL.match(part):
        key, sign, value = equal.groups()
        return lambda labels: (labels.get(key) == value) == (sign != "!=")
    if present := _PRESENT.match(part):
        absent, key = bool(present[1]), present[2]
        return lambda labels: (key in labels) != absent
    second = re.match(r"[^\s=!(),]+\s*([^\s=!(),]+|\S)", part)
    found = second[1] if second else part
    raise refusal.bad_request(f"unable to parse requirement: found '{found}', expected: in, notin, =, ==, !=, gt, lt")


def fields_match(kind: kinds.ResourceKind, selector: str) -> Match:
    """A field selector from a query string; raises the 400 for fields the kind does not offer."""
    tests = [_field(kind, part.strip()) for part in selector.split(",") if part.strip()]
    return lambda found: all(test(found) for test in tests)


def _field(kind: kinds.ResourceKind, part: str) -> Match:
    equal = _EQUAL.match(part)
    if equal is None:
        raise refusal.bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    path, sign, value = equal.groups()
    offered = ("metadata.name", *(("metadata.namespace",) if kind.namespaced else ()), *_FIELDS.get(kind.name, ()))
    if path not in offered:
        raise refusal.bad_request(f"field label not supported: {path}")
    return lambda found: (_text(at(found, path)) == value) == (sign != "!=")


def at(found: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or None."""
    value: Any = found
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):  # an event's source
        return str(value.get("component", ""))
    return "" if value is None else str(value)


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str] | None) -> bool:
    """A LabelSelector object; an empty one selects everything, None nothing."""
    if selector is None:
        return False
    held = labels or {}
    plain = all(held.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return plain and all(_expression(e, held) for e in selector.get("matchExpressions") or ())


def _expression(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]


def as_text(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as kubectl shows it: `a=b,c in (d)`, `<none>`."""
    chosen = selector or {}
    said = [f"{key}={value}" for key, value in sorted((chosen.get("matchLabels") or {}).items())]
    for e in chosen.get("matchExpressions") or ():
        word, values = e["operator"], ",".join(sorted(e.get("values") or ()))
        said.append({"In": f"{e['key']} in ({values})", "NotIn": f"{e['key']} notin ({values})",
                     "Exists": e["key"], "DoesNotExist": f"!{e['key']}"}[word])  # fmt: skip
    return ",".join(said) or "<none>"
