"""Kubernetes as a fault system: chaosk8s and its like, and whatever a program reaches with the kubeconfig of a run.

Light to import: the cluster's client, which takes half a second, comes with the first question to a cluster.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import error_text, errors
from runner.checks import probes
from runner.faults import host
from runner.faults.driver import (
    Activity,
    Claim,
    Environment,
    Evidence,
    FaultTarget,
    LockAnswer,
    Outcome,
    Provider,
    Residue,
    Setting,
    State,
    Where,
    unknown,
)
from runner.faults.kubernetes import words
from runner.faults.kubernetes.signatures import NAME
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

PACKAGES = ("chaosk8s", "chaosistio", "chaosmesh", "litmus")
"""They cannot do their work without a cluster."""
INSIDE = ("chaos_mesh", "litmus", "istio", "kubernetes")
"""Our own fault systems that live in a cluster, by their folder: whatever they do is done to it."""
UNCORDON = "chaosk8s.node.actions.uncordon_node"


class Driver:
    """Clusters by way of a kubeconfig, or of the service account of a pod."""

    name = NAME
    said = "the cluster"
    undoes: Collection[str] = ("uncordon", "scale", "end-stress", "end-memory", "clear-dns")
    ends_with_target = True
    imports: Collection[str] = ()
    sees_residue = True

    def claims(self, provider: Provider) -> Claim:
        """A program or own code acts on whatever cluster its environment lets it reach; a ready check reads its own source."""
        if (check := probes.of(provider)) is not None:
            return Claim.YES if check.asks.source == "kubernetes" else Claim.NO
        package, *inner = str(provider.get("module") or "").split(".")
        if package in PACKAGES or (
            package == "runner" and inner[:1] == ["faults"] and inner[1:2] and inner[1] in INSIDE
        ):
            return Claim.YES
        return Claim.PERHAPS if host.runs_anything(provider) else Claim.NO

    def environment(self, provider: Provider, where: Where) -> Environment:
        """The context that the run was handed."""
        return Environment(system=self.name, name=where.context)

    def concerns(self, args: Mapping[str, Any]) -> str:
        """`node/NAME` or `resource/namespace/NAME`."""
        from runner.faults.kubernetes import residue

        return residue.concerns(args)

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        """None: what fails at one object may well succeed at the next."""
        return ()

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        """Two inventories, what leaves waited for after each, and the pause between them."""
        return 26.0

    def leaves(self, provider: Provider, context: str) -> str:
        """`--kubeconfig /root/.kube/config`, or `sudo without the run's KUBECONFIG`."""
        return words.elsewhere(provider, context) if self.claims(provider) is Claim.PERHAPS else ""

    def unread(self, provider: Provider) -> bool:
        """`kubectl delete -f all.yaml`, `kubectl -n $(cat ns) …`."""
        return self.claims(provider) is Claim.PERHAPS and words.unread(provider)

    def open(self, setting: Setting) -> System:
        return System(setting)

    def environment_of(self, handed: Mapping[str, str], around: Mapping[str, str]) -> dict[str, str]:
        """With no variable by which kubectl, helm and the clients would find another cluster."""
        from runner.faults.kubernetes import private_kubeconfig

        return private_kubeconfig.environment(handed, around)

    def renew(self, folder: Path, handed: Mapping[str, str]) -> None:
        from runner.faults.kubernetes import private_kubeconfig

        private_kubeconfig.renew(folder, handed)

    def forget(self, folder: Path) -> None:
        from runner.faults.kubernetes import private_kubeconfig

        private_kubeconfig.forget(folder)


class System:
    """The cluster of one run, read through the very clients that its activities use."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def check(self) -> None:
        """The policy judged one context; secrets that lead the client to another would make that worthless."""
        from runner.faults.kubernetes import login, private_kubeconfig

        if not self._setting.context:
            return
        groups = self._setting.secrets.every().values()
        elsewhere = any(g.get("KUBERNETES_CONTEXT") not in (None, "", self._setting.context) for g in groups)
        servers = [str(g["KUBERNETES_HOST"]) for g in groups if g.get("KUBERNETES_HOST")]
        if elsewhere or any(private_kubeconfig.hashed(s) != self._setting.server for s in servers):
            led = f"the experiment's secrets select another Kubernetes context than the one the policy checked ({self._setting.context!r})"
            raise errors.Refused("the safety policy refuses this run", reasons=[led])
        login.check()

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """By the table of stock actions; of the rest only the namespaces are known."""
        from runner.faults.kubernetes import known_actions

        if Driver().claims(activity.provider) is not Claim.YES:
            return None
        resolver = known_actions.resolver(activity.provider)
        scopes = words.named_in(activity.arguments)
        if resolver is None:
            return unknown(activity.name, system=NAME, scopes=scopes)
        from runner.faults.kubernetes.client import Unseen

        try:
            found = resolver(self._open(activity.secrets), activity.name, activity.arguments)
            return replace(found, system=NAME, settled=found.kind in known_actions.SETTLED)
        except Unseen as problem:
            return unknown(activity.name, system=NAME, scopes=scopes, note=str(problem))

    def pinned(self, activity: Activity, names: Collection[str]) -> Mapping[str, Any] | None:
        """Of the stock actions on pods and nodes."""
        from runner.faults.kubernetes import known_actions, pinned

        if (resolver := known_actions.resolver(activity.provider)) is None:
            return None
        return pinned.arguments(self._open(activity.secrets), resolver, activity.arguments, names)

    def scopes(self, providers: Sequence[Provider]) -> tuple[str, ...]:
        """The namespaces that programs and own code name, and the context's default for what names none; none without a cluster."""
        loose = [p for p in providers if Driver().claims(p) is Claim.PERHAPS]
        if not self._setting.context or not loose:
            return ()
        named = dict.fromkeys(n for p in loose for n in words.namespaces(p))
        if not named or any(map(words.unread, loose)):
            named[self._setting.namespace or "default"] = None
        return tuple(named)

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """Every object in the namespaces concerned, by kind and name; nothing where the run was handed no cluster."""
        if not self._setting.context:
            return {}
        from runner.faults.kubernetes import residue

        return residue.before(self._cluster, residue.scope(actions), must=must)

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        """By UIDs, cordons, replicas and templates: never by what the action says of itself."""
        from runner.faults.kubernetes import known_actions

        confirm = known_actions.CONFIRM[before.kind]
        assert confirm is not None, "what cannot be seen is not asked for"
        return confirm(self._open(activity.secrets), before.before)

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """Free a node that we cordoned; give a workload the replicas that it had. What somebody else has decided since is left."""
        from runner.faults.kubernetes.client import TROUBLES

        try:
            cluster = self._cluster()
            theirs, said = self._whose(cluster, record)
            changed = self._undone(
                cluster, record.kind, record.args
            )  # what is theirs is told again there, where it is written
        except TROUBLES as problem:
            return Outcome(state=State.FAILED, error=error_text.sentence(problem))
        if changed and not theirs:
            return Outcome(state=State.UNDONE, error=said or None)
        return Outcome(state=State.ALREADY, error=said if theirs else None)

    def _whose(self, cluster: Cluster, record: UndoRecord) -> tuple[bool, str]:
        """Whether what the record names is not ours to put back, and what is to be said of that."""
        from runner.faults.kubernetes import cordon, workloads

        if record.kind == "scale":
            return workloads.whose(cluster, self._scaled(record.args))
        if record.kind == "uncordon" and not self._setting.programs:
            noted = bool(record.args.get("noted"))
            return cordon.whose(cluster, record.args["node"], self._setting.run, noted=noted)
        return False, ""

    def _undone(self, cluster: Cluster, kind: str, args: Mapping[str, Any]) -> bool:
        """Whether there was something to undo."""
        from runner.faults.kubernetes import cordon, dns, memory, stress, workloads

        run = self._setting.run
        if kind == stress.END:
            return stress.undone(cluster, args, run)
        if kind == memory.END:
            return memory.undone(cluster, args, run)
        if kind == dns.END:
            return dns.undone(cluster, run, args.get("running"))
        if kind == "scale":
            return workloads.unscaled(cluster, self._scaled(args))
        if args.get("noted"):
            return cordon.free(cluster, args["node"], run)
        return cordon.free_stock(cluster, args["node"], run, anybody=self._setting.programs)

    def _scaled(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Beside programs of the experiment no number says that somebody else has set it."""
        return {key: value for key, value in args.items() if key != "wanted" or not self._setting.programs}

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """What differs from the snapshot, and what still runs of what we started; the rest of the records is in the snapshot."""
        from runner.faults.kubernetes import residue

        def theirs(names: Collection[str]) -> dict[str, str]:
            return self._theirs(names, records)

        compared = residue.after(self._cluster, before, kept, theirs) if before else Residue()
        return compared + self._running(records, kept)

    def _theirs(self, names: Collection[str], records: Sequence[UndoRecord]) -> dict[str, str]:
        """Of these names: why each is somebody else's by now. One record that finds it ours is enough."""
        cluster, found = self._cluster(), dict[str, list[tuple[bool, str]]]()
        for record in records:
            if (name := Driver().concerns(record.args)) in names:
                found.setdefault(name, []).append(self._whose(cluster, record))
        return {name: whose[0][1] for name, whose in found.items() if all(theirs for theirs, _ in whose)}

    def _running(self, records: Sequence[UndoRecord], kept: Kept) -> Residue:
        from runner.faults.kubernetes import dns, memory, stress

        left: dict[str, str] = {}
        for kind, look in ((stress.END, stress.left), (memory.END, memory.left), (dns.END, dns.left)):
            if asked := [record.args for record in records if record.kind == kind]:
                left |= look(self._cluster(), asked, self._setting.run)
        meant = {pod for pod in left if kept.names is None or pod in kept.names}
        return Residue(
            residue=tuple(said for pod, said in left.items() if pod not in meant),
            meant=tuple(said for pod, said in left.items() if pod in meant),
        )

    def withheld(self, rollback: Activity, before: Mapping[str, Any]) -> str:
        """Nodes that somebody else had cordoned before; our own records free ours."""
        if f"{rollback.provider.get('module')}.{rollback.provider.get('func')}" != UNCORDON:
            return ""
        asked = rollback.arguments
        nodes = self._open(rollback.secrets).nodes(asked.get("name"), asked.get("label_selector"))
        foreign = [n["name"] for n in nodes if n["name"] in before.get("cordoned", ())]
        return f"it would uncordon {', '.join(foreign)}, which was cordoned before this run" if foreign else ""

    def services(self, targets: Sequence[str]) -> list[str]:
        """The Services that lead users to these targets."""
        from runner.faults.kubernetes import services

        return services.services(self._cluster(), targets)

    def lock_names(self, scopes: Collection[str], targets: Collection[str]) -> list[str]:
        """Leases: one a namespace, one for the nodes."""
        from runner.faults.kubernetes import lease

        return lease.names(scopes, any(t.startswith("node/") for t in targets))

    def acquire(self, name: str) -> LockAnswer:
        from runner.faults.kubernetes import lease

        return lease.acquire(name, self._setting.run)

    def renew(self, name: str) -> bool:
        from runner.faults.kubernetes import lease

        return lease.renew(name, self._setting.run)

    def release(self, name: str) -> bool:
        from runner.faults.kubernetes import lease

        return lease.release(name, self._setting.run)

    def _cluster(self) -> Cluster:
        return self._open(self._secrets())

    def _secrets(self) -> dict[str, Any]:
        return self._setting.secrets.starting_with("KUBERNETES_")

    def _open(self, secrets: Mapping[str, Any]) -> Cluster:
        from runner.faults.kubernetes.client import Cluster

        return Cluster(secrets)
