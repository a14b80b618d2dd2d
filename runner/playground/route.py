"""A path of the API taken apart: which resource is meant, and which part of it."""

from __future__ import annotations

from dataclasses import dataclass

from runner.playground import kinds, refusal


@dataclass(frozen=True)
class Route:
    """`/apis/apps/v1/namespaces/shop/deployments/shop/scale`; without a name the collection is meant."""

    kind: kinds.ResourceKind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    watch: bool = False


def parse(path: str) -> Route | None:
    """None for a path outside the API's groups; raises the 404 for a resource that is not served."""
    parts = [part for part in path.split("/") if part]
    if parts[:2] == ["api", "v1"]:
        group, rest = "", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3 and parts[2] == "v1" and parts[1] in kinds.GROUPS:
        group, rest = parts[1], parts[3:]
    else:
        return None
    watch = rest[:1] == ["watch"]
    rest = rest[1:] if watch else rest
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in kinds.NAMESPACE.subresources:
        namespace, rest = rest[1], rest[2:]
    kind = kinds.BY_PATH.get((group, rest[0])) if rest else None
    if kind is None or (namespace and not kind.namespaced) or len(rest) > 3:
        raise refusal.no_such_resource()
    name, subresource = [*rest[1:], "", ""][:2]
    if subresource and subresource not in kind.subresources:
        raise refusal.no_such_resource()
    if name and kind.namespaced and not namespace:
        raise refusal.no_such_resource()
    return Route(kind, namespace, name, subresource, watch)
