"""Making: actions that bring objects into the cluster, read from their arguments, texts and files, and on whom those act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runner import errors
from runner.experiment import source
from runner.faults.driver import FaultTarget
from runner.faults.kubernetes.objects import Choice, Resource, of_created
from runner.faults.kubernetes.signatures import Arguments, Resolve

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

Body = Callable[[Arguments], Any]
"""From an action's arguments to the object that it makes."""


def created(choose: Choice, body: Body) -> Resolve:
    """An action that makes the object which `body` reads."""

    def resolve(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
        resource = choose(arguments)
        return of_created(cluster, action, resource, resource.space(arguments), _name(body(arguments)))

    return resolve


def policy(body: Body) -> Resolve:
    """An action that makes a network policy: it acts on the pods that it selects."""

    def resolve(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
        wanted, space = body(arguments), str(arguments.get("ns") or "default")
        chosen = (wanted.get("spec") or {}).get("podSelector") if isinstance(wanted, Mapping) else None
        pods = [p["name"] for p in cluster.pods(space, selector(chosen or {}) or None)]
        hit = tuple(f"pod/{space}/{name}" for name in pods)
        return of_created(cluster, action, POLICIES, space, _name(wanted), hit)

    return resolve


def mesh(plural: str) -> Resolve:
    """A fault of Chaos Mesh: an object of its own that acts on the pods which it selects, in its namespace unless it names others."""

    def resolve(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
        space = str(arguments.get("ns") or "default")
        spaces = _listed(arguments.get("namespaces_selectors")) or [space]
        labels = arguments.get("label_selectors")
        labels = labels if isinstance(labels, str) else selector({"matchLabels": labels or {}})
        hit = tuple(f"pod/{s}/{p['name']}" for s in spaces for p in cluster.pods(s, labels or None))
        mode = f"{arguments.get('mode') or 'one'} of {len(hit)} pods, " if hit else ""
        name = str(arguments.get("name") or "")
        found = of_created(cluster, action, chaos_mesh(plural), space, name, hit)
        reached = tuple(dict.fromkeys((*found.scopes, *spaces)))
        return replace(found, note=mode + found.note, scopes=reached)

    return resolve


def applied(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """A custom object given as text: its kind and place stand in it."""
    wanted = text(arguments)
    if not isinstance(wanted, Mapping) or "/" not in str(wanted.get("apiVersion")):
        return FaultTarget(action=action, note="what it makes cannot be read")
    from chaosk8s.crd.actions import get_plural

    plural = get_plural(str(wanted.get("kind") or "object"))
    resource = Resource(plural, plural, f"/apis/{wanted['apiVersion']}")
    space = str((wanted.get("metadata") or {}).get("namespace") or "default")
    return of_created(cluster, action, resource, space, _name(wanted))


POLICIES = Resource("networkpolicy", "networkpolicies", "/apis/networking.k8s.io/v1")


def chaos_mesh(plural: str) -> Resource:
    """A kind of Chaos Mesh's own objects."""
    return Resource(plural, plural, "/apis/chaos-mesh.org/v1alpha1")


def custom(arguments: Arguments) -> Resource:
    """The kind that an action on custom objects of a namespace names."""
    plural = str(arguments.get("plural"))
    return Resource(plural, plural, f"/apis/{arguments.get('group')}/{arguments.get('version')}")


def custom_of_cluster(arguments: Arguments) -> Resource:
    """The same of the whole cluster."""
    found = custom(arguments)
    return Resource(found.said, found.plural, found.base, namespaced=False)


def file(arguments: Arguments) -> Any:
    """What stands in the file `spec_path`, or is given as `spec`; None where it cannot be read."""
    return _read(arguments.get("spec_path")) if arguments.get("spec_path") else arguments.get("spec")


def resource_or_file(arguments: Arguments) -> Any:
    """What is given as `resource`, else what stands in `resource_as_yaml_file`."""
    given = arguments.get("resource")
    return _read(arguments.get("resource_as_yaml_file")) if given is None else given


def text(arguments: Arguments) -> Any:
    """The object that `resource` holds as JSON or YAML; None where it cannot be read."""
    try:
        return next(iter(source.parse("resource", str(arguments.get("resource") or "")))).tree
    except (errors.ChaosRunError, StopIteration):
        return None


def namespace(arguments: Arguments) -> Any:
    """A namespace by its name, or as its file has it."""
    return file(arguments) if arguments.get("spec_path") else {"metadata": {"name": arguments.get("name")}}


def node(arguments: Arguments) -> Any:
    """A node as `create_node` gets it."""
    return {"metadata": arguments.get("meta") or {}}


def named(name: str, pods: str = "label_selectors") -> Body:
    """One of the ready-made network policies of chaosk8s."""

    def body(arguments: Arguments) -> Any:
        return {"metadata": {"name": name}, "spec": {"podSelector": {"matchLabels": arguments.get(pods) or {}}}}

    return body


def selector(chosen: Mapping[str, Any]) -> str:
    """A label selector of the API's objects as its queries have it."""
    parts = [f"{k}={v}" for k, v in (chosen.get("matchLabels") or {}).items()]
    for rule in chosen.get("matchExpressions") or ():
        key, values = rule.get("key"), ",".join(map(str, rule.get("values") or ()))
        parts.append(
            {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": f"{key}"}.get(
                str(rule.get("operator")), f"!{key}"
            )
        )
    return ",".join(parts)


def _name(wanted: Any) -> str:
    metadata = wanted.get("metadata") if isinstance(wanted, Mapping) else None
    return str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""


def _listed(value: Any) -> list[str]:
    return [v.strip() for v in value.split(",")] if isinstance(value, str) else [str(v) for v in value or ()]


def _read(path: Any) -> Any:
    try:
        return source.read(str(path)).tree
    except errors.ChaosRunError:  # the action will say so itself
        return None
