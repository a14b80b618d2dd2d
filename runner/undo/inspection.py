"""Survey: look at the world before anything is changed, prove that faults bit, and scan for what was left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from chaoslib import substitute
from chaoslib.activity import execute_activity
from chaoslib.hypothesis import run_steady_state_hypothesis
from chaoslib.run import EventHandlerRegistry

from runner.chaostoolkit import control_hooks, providers, values
from runner.experiment import reach
from runner.faults import targeting
from runner.faults.kubernetes import actions, login, private_kubeconfig, residue
from runner.rundir.start_message import StartMessage

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster


class World:
    """The experiment's world, read through the clients that its own activities use."""

    def __init__(self, start: StartMessage) -> None:
        self._document = control_hooks.without(start.document)
        known = values.of(start)
        self._configuration, self._secrets = known.configuration, known.secrets
        self._context = start.context
        self._namespace = start.namespace or "default"
        self._server = start.handed.get("server", "")
        self._proofs = start.proofs
        self._modules = start.modules

    def survey(self) -> dict[str, Any]:
        """Every action's aim, and the state to compare with afterwards: `{aims, snapshot, namespaces, withheld, unsure}`.

        `unsure`: what it strikes in the cluster could be more than those namespaces.

        `{elsewhere: True}` alone when the experiment's secrets select another Kubernetes context than the one that was judged.
        """
        if self._leads_elsewhere():
            return {"elsewhere": True}
        if self._context:
            login.check()
        aims = [found.to_json() for found in self._aims()]
        reached = self._reached()
        namespaces = sorted({n for found in aims for n in found["namespaces"]} | set(reached or ()))
        snapshot = residue.before(
            self._whole_cluster, residue.scope(self._document, aims), must=self._strikes_cluster()
        )
        withheld = self._withheld(snapshot)
        unsure = reached is not None or any(a["namespaces"] and not a["resolved"] for a in aims)
        return {
            "aims": aims,
            "snapshot": snapshot,
            "namespaces": namespaces,
            "withheld": withheld,
            "unsure": unsure,
        }

    def behind(self, targets: list[str]) -> list[str]:
        """The Services that lead users to these targets."""
        from runner.faults.kubernetes import services

        return services.services(self._whole_cluster(), targets)

    def prove(self, aims: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The evidence for each aim of a known kind: `{action, bitten, sentence, targets}`."""
        return [{"action": a["action"], **asdict(self._prove(a))} for a in aims if a["provable"]]

    def scan(self, snapshot: Mapping[str, Any]) -> dict[str, list[str]]:
        """What differs from before, a sentence each: `residue` is ours or may be, `others` are somebody else's; and what is `unseen`."""
        return residue.after(self._whole_cluster, snapshot)

    def hypothesis(self) -> Any:
        """One check of the file's steady-state hypothesis, as Chaos Toolkit's own state; None without one."""
        return run_steady_state_hypothesis(
            self._document, self._configuration, self._secrets, dry=None, event_registry=EventHandlerRegistry()
        )

    def _reached(self) -> list[str] | None:
        """Namespaces that programs and own code of the method and its rollbacks name, else the context's; None without any such."""
        activities = [*(self._document.get("method") or ()), *(self._document.get("rollbacks") or ())]
        found = [substitute(p, self._configuration, self._secrets) for p in reach.providers(activities)]
        loose = [p for p in found if reach.of_provider(p) is reach.Reach.PERHAPS]
        if not self._context or not loose:
            return None
        return [n for p in loose for n in reach.spaces(p)] or [self._namespace]

    def _aims(self) -> list[targeting.Aim]:
        """In the order of the method: what is not there yet may be made by an action before."""
        found: list[targeting.Aim] = []
        for activity in self._document.get("method") or ():
            if activity.get("type") == "action":
                one = self._aim(activity)
                if (
                    one.kind != targeting.UNKNOWN
                    and not one.targets
                    and any(f.kind not in actions.SETTLED for f in found)
                ):
                    note = f"{one.note or 'nothing'}: unless an action before it changes that"
                    one = replace(one, kind=targeting.UNKNOWN, note=note, undo=())
                found.append(one)
        return found

    def _aim(self, activity: Mapping[str, Any]) -> targeting.Aim:
        found, probe = self._resolved(activity), self._proofs.get(activity["name"])
        return replace(found, probe=probe, held_before=self._holds(probe)) if probe else found

    def _resolved(self, activity: Mapping[str, Any]) -> targeting.Aim:
        provider, survey = activity.get("provider") or {}, actions.survey_of(activity)
        arguments = substitute(provider.get("arguments") or {}, self._configuration, self._secrets)
        if survey is None:
            ours = reach.of_cluster(str(provider.get("module")))
            return targeting.unknown(activity["name"], self._document, _spaces(arguments) if ours else ())
        from runner.faults.kubernetes.client import Unseen

        try:
            found = survey(self._cluster(activity), activity["name"], arguments)
        except Unseen as problem:
            return targeting.unknown(activity["name"], self._document, _spaces(arguments), str(problem))
        by_rollback = found.owner == "nobody" and self._document.get("rollbacks")
        return replace(found, owner="undoer") if by_rollback else found

    def _prove(self, found: Mapping[str, Any]) -> targeting.Evidence:
        if found["probe"]:
            return self._prove_by_probe(found)
        activity = next(a for a in self._document["method"] if a.get("name") == found["action"])
        prove = actions.PROOFS[found["kind"]]
        assert prove is not None, "what cannot be seen is not asked for"
        return prove(self._cluster(activity), found["before"])

    def _prove_by_probe(self, found: Mapping[str, Any]) -> targeting.Evidence:
        held, name = self._holds(found["probe"]), found["probe"]
        bitten = held and not found["held_before"]
        words = (
            "held already before the action"
            if found["held_before"]
            else f"{'holds' if held else 'does not hold'}, and did not before the action"
        )
        return targeting.Evidence(
            bitten=bitten, sentence=f"the probe {name!r} {words}", targets=tuple(found["targets"])
        )

    def _holds(self, name: str) -> bool:
        """One probe of the method or the hypothesis, judged by its own tolerance; a probe that fails does not hold."""
        hypothesis = (self._document.get("steady-state-hypothesis") or {}).get("probes") or ()
        activities = [*(self._document.get("method") or ()), *hypothesis]
        probe = next(a for a in activities if a.get("name") == name and a.get("type") == "probe")
        run = execute_activity(self._document, probe, self._configuration, self._secrets, dry=None)
        if run["status"] != "succeeded":
            return False
        tolerance = probe.get("tolerance", True)
        return bool(providers.within_tolerance(tolerance, run["output"], self._configuration, self._secrets))

    def _whole_cluster(self) -> Cluster:
        return self._open(self._all_secrets())

    def _leads_elsewhere(self) -> bool:
        """The policy judged one context; secrets that lead the client to another would make that worthless."""
        groups = [g for g in self._secrets.values() if isinstance(g, Mapping)]
        servers = [str(g["KUBERNETES_HOST"]) for g in groups if g.get("KUBERNETES_HOST")]
        other = any(g.get("KUBERNETES_CONTEXT") not in (None, "", self._context) for g in groups)
        return bool(self._context) and (other or any(private_kubeconfig.hashed(s) != self._server for s in servers))

    def _withheld(self, snapshot: Mapping[str, Any]) -> dict[str, str]:
        """Rollbacks, by their index, that would free a node which somebody else had cordoned before; our own records free ours."""
        found = {}
        for index, rollback in enumerate(self._document.get("rollbacks") or ()):
            provider = rollback.get("provider") or {}
            if f"{provider.get('module')}.{provider.get('func')}" == "chaosk8s.node.actions.uncordon_node":
                asked = substitute(provider.get("arguments") or {}, self._configuration, self._secrets)
                nodes = self._cluster(rollback).nodes(asked.get("name"), asked.get("label_selector"))
                foreign = [n["name"] for n in nodes if n["name"] in snapshot.get("cordoned", ())]
                if foreign:
                    found[str(index)] = ", ".join(foreign)
        return found

    def _strikes_cluster(self) -> bool:
        return any(map(reach.of_cluster, self._modules))

    def _cluster(self, activity: Mapping[str, Any]) -> Cluster:
        groups = activity["provider"].get("secrets") or ()
        merged = {k: v for group in groups for k, v in self._secrets.get(group, {}).items()}
        return self._open(merged)

    def _all_secrets(self) -> dict[str, Any]:
        merged = {k: v for group in self._secrets.values() if isinstance(group, Mapping) for k, v in group.items()}
        return {k: v for k, v in merged.items() if k.startswith("KUBERNETES_")}

    def _open(self, given: dict[str, Any]) -> Cluster:
        from runner.faults.kubernetes.client import Cluster

        return Cluster(given)


def _spaces(arguments: Any) -> tuple[str, ...]:
    named = arguments.get("ns") if isinstance(arguments, Mapping) else None
    return (str(named),) if named else ()
