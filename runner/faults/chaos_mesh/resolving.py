"""Resolving: whom a fault of Chaos Mesh would hit and how it is put back, and afterwards whether it did."""

from __future__ import annotations

from dataclasses import replace

from runner.faults.chaos_mesh import evidence, selection, status, undoing, wanted
from runner.faults.chaos_mesh.api import Api
from runner.faults.chaos_mesh.status import State
from runner.faults.chaos_mesh.wanted import NAME, Wanted
from runner.faults.driver import Activity, Evidence, FaultTarget, Owner


def resolve(api: Api, run: str, activity: Activity) -> FaultTarget:
    """By the same selector that Chaos Mesh gets. Raises EnvironmentFailure for what it must not be asked."""
    fault = wanted.read(run, activity.arguments)
    found = selection.pods(api.cluster, fault.spec["selector"], fault.namespace)
    pods, leaving = ([p for p in found if selection.leaving(p) is out] for out in (False, True))
    names = tuple(f"pod/{evidence.called(pod)}" for pod in pods)
    other = _others(api, fault)
    before = evidence.before(api.cluster, fault, pods)
    unseen = evidence.unseen(fault, before)
    args = undoing.args(fault.plural, fault.namespace, fault.name, run, undoing.spaces(fault))
    there = bool(names) and other != ()
    return FaultTarget(
        action=activity.name,
        system=NAME,
        kind=evidence.kind(fault),
        targets=names if there else (),
        note=_note(fault, len(names), len(leaving), other, unseen),
        scopes=tuple(dict.fromkeys((fault.namespace, *undoing.spaces(fault)))),
        owner=_owner(fault, pods),
        undo=(undoing.step(args),) if there else (),
        before={"object": args, "pods": before, "leaving": [evidence.called(pod) for pod in leaving]},
        ttl_s=fault.ttl_s,
        visible=not unseen,
    )


def confirm(api: Api, found: FaultTarget) -> Evidence:
    """Its records say in whom it is; the pods show whether that is so."""
    of = found.before["object"]
    there = api.read(of["resource"], of["namespace"], of["name"])
    if there is None:
        return Evidence(confirmed=False, sentence=f"there is no {undoing.concerns(of)}")
    now = status.read(there)
    if now.state is not State.INJECTED:
        return Evidence(confirmed=False, sentence=f"{undoing.concerns(of)}: {now.sentence}")
    if found.kind == evidence.TOLD:
        said = f"Chaos Mesh says that it is {now.sentence}; nobody else has seen it"
        return Evidence(confirmed=False, sentence=said)
    hit = [name for name in now.pods if name not in found.before["leaving"]]
    seen = evidence.seen(api.cluster, found.kind, found.before["pods"], hit)
    passed = [name for name in now.pods if name not in hit]
    said = f"; left out, for they were on their way out before: {', '.join(passed)}" if passed else ""
    return replace(seen, sentence=f"{seen.sentence}{said}")


def _others(api: Api, fault: Wanted) -> tuple[str, ...] | None:
    """The pods at the other side of a network fault; None where it has none."""
    target = fault.spec.get("target") if fault.kind == "NetworkChaos" else None
    if not target:
        return None
    return tuple(map(evidence.called, selection.pods(api.cluster, target["selector"], fault.namespace)))


def _note(fault: Wanted, count: int, leaving: int, other: tuple[str, ...] | None, unseen: str) -> str:
    if not count:
        return f"its selector finds {f'only pods on their way out ({leaving})' if leaving else 'no pod'}"
    if other == ():
        return "its target's selector finds no pod"
    mode = f"{fault.spec['mode']} {fault.spec.get('value') or ''}".strip()
    said = [f"{mode} of {count} pods"]
    said += [f"on their way out already, and no target: {leaving}"] if leaving else []
    said += [f"traffic with {', '.join(other)}"] if other else []
    said += [f"{unseen}: a probe named under proof: can show it"] if unseen else []
    return "; ".join(said)


def _owner(fault: Wanted, pods: list[selection.Pod]) -> str:
    """Chaos Mesh ends what has a duration, the kubelet restarts containers, and a pod's controller makes a new one where it has any."""
    bare = any(not pod["metadata"].get("ownerReferences") for pod in pods)
    return Owner.NOBODY if fault.action == "pod-kill" and bare else Owner.SYSTEM
