"""What the API says of itself: versions, groups, resources, and an OpenAPI document just large enough for `kubectl apply`."""

from __future__ import annotations

import functools
from typing import Any

from runner.playground import kinds, shape

VERSION = {
    "major": "1",
    "minor": "34",
    "emulationMajor": "1",
    "emulationMinor": "34",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "33",
    "gitVersion": "v1.34.4",
    "gitCommit": "playground",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}

PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_EXTRA = {"authorization.k8s.io": ("SelfSubjectAccessReview", "selfsubjectaccessreviews")}
_SUBRESOURCES: dict[str, dict[str, Any]] = {
    "scale": {"group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"]},
    "eviction": {"group": "policy", "version": "v1", "kind": "Eviction", "verbs": ["create"]},
    "binding": {"kind": "Binding", "verbs": ["create"]},
    "log": {"verbs": ["get"]},
    "status": {"verbs": ["get", "patch", "update"]},
    "finalize": {"verbs": ["update"]},
}


def document(path: str, prefix: str, address: str) -> dict[str, Any] | None:
    """The answer for a discovery path such as `/apis/apps/v1`, or None for any other path; `prefix` is where the API is mounted."""
    if path == "/version":
        return VERSION
    if path == "/api":
        seen = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": seen}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in groups()]}
    if path == "/api/v1":
        return resource_list("")
    parts = path.strip("/").split("/")
    if parts[0] == "apis" and len(parts) in (2, 3) and parts[1] in groups():
        if len(parts) == 2:
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(parts[1])
        return resource_list(parts[1]) if parts[2] == "v1" else None
    return _openapi(path, prefix)


def groups() -> tuple[str, ...]:
    return (*kinds.GROUPS, *_EXTRA)


def _group(name: str) -> dict[str, Any]:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


@functools.cache
def resource_list(group: str) -> dict[str, Any]:
    """An APIResourceList."""
    found: list[dict[str, Any]] = []
    for kind in kinds.in_group(group):
        found.append(_resource(kind))
        found += [_subresource(kind, name) for name in kind.subresources]
    if group in _EXTRA:
        name, plural = _EXTRA[group]
        found.append(
            {"name": plural, "singularName": name.lower(), "namespaced": False, "kind": name, "verbs": ["create"]}
        )
    version = f"{group}/v1" if group else "v1"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": found}


def _resource(kind: kinds.ResourceKind) -> dict[str, Any]:
    singular = "endpoints" if kind is kinds.ENDPOINTS else kind.name.lower()
    found: dict[str, Any] = {
        "name": kind.plural,
        "singularName": singular,
        "namespaced": kind.namespaced,
        "kind": kind.name,
    }
    found |= {"verbs": list(kind.verbs)}
    found |= {"shortNames": list(kind.short)} if kind.short else {}
    return found | ({"categories": list(kind.categories)} if kind.categories else {})


def _subresource(kind: kinds.ResourceKind, name: str) -> dict[str, Any]:
    base = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced, "kind": kind.name}
    return base | _SUBRESOURCES[name]


def _openapi(path: str, prefix: str) -> dict[str, Any] | None:
    if path == "/openapi/v3":
        paths = ["api/v1", *(f"apis/{group}/v1" for group in kinds.GROUPS)]
        return {"paths": {p: {"serverRelativeURL": f"{prefix}/openapi/v3/{p}?hash=1"} for p in paths}}
    if path == "/openapi/v3/api/v1":
        return openapi("")
    parts = path.strip("/").split("/")
    if parts[:3] == ["openapi", "v3", "apis"] and len(parts) == 5 and parts[3] in kinds.GROUPS:
        return openapi(parts[3])
    return None


@functools.cache
def openapi(group: str) -> dict[str, Any]:
    """OpenAPI v3 of a group: that its patches take `fieldValidation`, and the fields of its types for `kubectl explain`."""
    paths: dict[str, Any] = {}
    for kind in kinds.in_group(group):
        base = f"/apis/{group}/v1" if group else "/api/v1"
        where = (
            f"{base}/namespaces/{{namespace}}/{kind.plural}/{{name}}"
            if kind.namespaced
            else f"{base}/{kind.plural}/{{name}}"
        )
        known = {"group": group, "version": "v1", "kind": kind.name}
        parameters = [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in PARAMETERS
        ]
        paths[where] = {
            "patch": {
                "parameters": parameters,
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": known,
            }
        }
    schemas = {name: _schema(name, fields) for name, fields in shape.types().items()}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.34.4"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _schema(name: str, fields: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": {key: _property(value) for key, value in fields.items()}}
    known = [k for k in kinds.KINDS if k.name == name]
    if known:
        found["x-kubernetes-group-version-kind"] = [{"group": k.group, "version": "v1", "kind": k.name} for k in known]
    return found


def _property(text: str) -> dict[str, Any]:
    if text.startswith("[]"):
        item, key = shape.element(text)
        merge = {"x-kubernetes-patch-strategy": "merge"} | ({"x-kubernetes-patch-merge-key": key} if key else {})
        return {"type": "array", "items": _property(item)} | (merge if key is not None else {})
    if text.startswith("{}"):
        return {"type": "object", "additionalProperties": _property(text[2:])}
    if text.startswith("@"):
        return {"allOf": [{"$ref": f"#/components/schemas/{text[1:]}"}]}
    if text == "x":
        return {"oneOf": [{"type": "integer"}, {"type": "string"}]}
    return {"type": {"s": "string", "i": "integer", "b": "boolean", "n": "number"}.get(text, "object")}
