"""What an object must be: the checks behind a 422, each with the field and the words of the real API server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from runner.playground import kinds, selection
from runner.playground.refusal import FieldCause, invalid_value, required

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_SERVICE = "[a-z]([-a-z0-9]*[a-z0-9])?"
_VALUE = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"

_SAID_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with "
    rf"an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_SAID_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    f"alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_SAID_SERVICE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end "
    f"with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '{_SERVICE}')"
)
_SAID_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    f"alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{_VALUE}')"
)

_NAMES = {"Namespace": (_LABEL, _SAID_LABEL), "Service": (_SERVICE, _SAID_SERVICE)}


def check(kind: kinds.ResourceKind, found: kinds.Object, before: kinds.Object | None = None) -> list[FieldCause]:
    """Everything that is wrong with an object, compared with what it was."""
    causes = [*_metadata(kind, found["metadata"])]
    causes += _CHECKS.get(kind.name, _no_rules)(found)
    if before is not None:
        causes += _unchanged(kind, found, before)
    return causes


def _metadata(kind: kinds.ResourceKind, meta: dict[str, Any]) -> Iterator[FieldCause]:
    pattern, said = _NAMES.get(kind.name, (_SUBDOMAIN, _SAID_SUBDOMAIN))
    name = meta.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif not re.fullmatch(pattern, name):
        yield invalid_value("metadata.name", json.dumps(name), said)
    for value in (meta.get("labels") or {}).values():
        if not re.fullmatch(_VALUE, value):
            yield invalid_value("metadata.labels", json.dumps(value), _SAID_VALUE)


def _no_rules(found: kinds.Object) -> list[FieldCause]:
    return []


def _pod_spec(spec: dict[str, Any], path: str) -> Iterator[FieldCause]:
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    for number, container in enumerate(spec.get("containers") or ()):
        where = f"{path}.containers[{number}]"
        if not container.get("name"):
            yield required(f"{where}.name")
        if not container.get("image"):
            yield required(f"{where}.image")


def _pod(found: kinds.Object) -> list[FieldCause]:
    return [*_pod_spec(found["spec"], "spec")]


def _workload(found: kinds.Object) -> list[FieldCause]:
    return [*_replicas(found["spec"]), *_rolling(found), *_selector(found["spec"])]


def _replicas(spec: dict[str, Any]) -> Iterator[FieldCause]:
    if (spec.get("replicas") or 0) < 0:
        yield invalid_value("spec.replicas", str(spec["replicas"]), "must be greater than or equal to 0")


def _selector(spec: dict[str, Any]) -> Iterator[FieldCause]:
    chosen, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    if not chosen:
        yield required("spec.selector")
    if not labels or not selection.selects(chosen or {}, labels):
        shown = _json(labels)
        yield invalid_value("spec.template.metadata.labels", shown, "`selector` does not match template `labels`")
    yield from _pod_spec(template.get("spec") or {}, "spec.template.spec")


def _service(found: kinds.Object) -> list[FieldCause]:
    spec = found["spec"]
    if not spec.get("ports") and spec.get("clusterIP") != "None" and spec["type"] != "ExternalName":
        return [required("spec.ports")]
    return [cause for number, port in enumerate(spec.get("ports") or ()) for cause in _service_port(number, port)]


def _service_port(number: int, port: dict[str, Any]) -> Iterator[FieldCause]:
    if not 1 <= port.get("port", 0) <= 65535:
        yield invalid_value(
            f"spec.ports[{number}].port", str(port.get("port", 0)), "must be between 1 and 65535, inclusive"
        )
    chosen = port.get("nodePort")
    if chosen is not None and not 30000 <= chosen <= 32767:
        said = "provided port is not in the valid range. The range of valid ports is 30000-32767"
        yield invalid_value(f"spec.ports[{number}].nodePort", str(chosen), said)


def _budget(found: kinds.Object) -> list[FieldCause]:
    spec = found["spec"]
    if "minAvailable" in spec and "maxUnavailable" in spec:
        policy = spec.get("unhealthyPodEvictionPolicy")
        shown = {
            "MinAvailable": spec["minAvailable"],
            "Selector": spec.get("selector"),
            "MaxUnavailable": spec["maxUnavailable"],
        }
        return [
            invalid_value(
                "spec",
                _json(shown | {"UnhealthyPodEvictionPolicy": policy}),
                "minAvailable and maxUnavailable cannot be both set",
            )
        ]
    return [cause for key in ("minAvailable", "maxUnavailable") for cause in _amount(f"spec.{key}", spec.get(key))]


def _amount(field: str, value: Any) -> Iterator[FieldCause]:
    """A number or a percentage."""
    if isinstance(value, str) and not re.fullmatch("[0-9]+%", value):
        said = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
        yield invalid_value(field, json.dumps(value), said + "validation is '[0-9]+%')")
    elif isinstance(value, str) and int(value[:-1]) > 100:
        yield invalid_value(field, json.dumps(value), "must not be greater than 100%")
    elif isinstance(value, int) and value < 0:
        yield invalid_value(field, str(value), "must be greater than or equal to 0")


def _rolling(found: kinds.Object) -> Iterator[FieldCause]:
    rolling = (found["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    for key in ("maxUnavailable", "maxSurge"):
        yield from _amount(f"spec.strategy.rollingUpdate.{key}", rolling.get(key))


def _unchanged(kind: kinds.ResourceKind, found: kinds.Object, before: kinds.Object) -> Iterator[FieldCause]:
    if kind.name in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"):
        new, old = found["spec"].get("selector"), before["spec"].get("selector")
        if new and new != old:
            yield invalid_value("spec.selector", _json(new, sort=True), "field is immutable")
    if kind.name == "Pod" and _frozen(found) != _frozen(before):
        said = (
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        )
        yield FieldCause("spec", "FieldValueForbidden", f"Forbidden: {said}")


def _frozen(pod: kinds.Object) -> dict[str, Any]:
    """A pod's spec without the fields that may change."""
    spec = {k: v for k, v in pod["spec"].items() if k not in ("activeDeadlineSeconds", "tolerations", "nodeName")}
    return spec | {"containers": [{k: v for k, v in c.items() if k != "image"} for c in spec.get("containers") or ()]}


def _json(value: Any, *, sort: bool = False) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=sort)


_CHECKS: dict[str, Callable[[kinds.Object], list[FieldCause]]] = {
    "Pod": _pod,
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "Service": _service,
    "PodDisruptionBudget": _budget,
    "EndpointSlice": lambda found: [] if found.get("addressType") else [required("addressType")],
}
