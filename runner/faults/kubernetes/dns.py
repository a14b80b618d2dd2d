"""DNS: the cluster's CoreDNS answers some names late, or not at all; what it was told is taken out of its ConfigMap again.

A ConfigMap that is put back is not the end: CoreDNS runs what it has loaded until it loads something else. A note on the ConfigMap, written
with the fault and taken away when no pod runs it any more, keeps what the pods ran, so that whoever looks later knows too.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from runner import clock, errors
from runner.faults import identity
from runner.faults.driver import Evidence, FaultTarget, UndoStep
from runner.faults.kubernetes import corefile, objects
from runner.faults.kubernetes.node_pods import Pod
from runner.faults.kubernetes.signatures import Arguments

if TYPE_CHECKING:
    from runner.faults.kubernetes.client import Cluster

END = "clear-dns"
"""The kind of its undo records."""
SPACE, MAP, KEY = "kube-system", "coredns", "Corefile"
NOTE = "chaos-run/dns"
"""An annotation of the ConfigMap: by run, what each CoreDNS pod ran `before` the fault, and what it `ran` with it."""
PODS = "k8s-app=kube-dns"
RELOADS_S = 90.0
"""CoreDNS looks at its file every 30 s, and the node brings the file there in its own time."""
BACK_S = 40.0
"""The way back is quicker: what we add makes CoreDNS look every two seconds."""
ATTEMPTS = 5
RCODES = ("SERVFAIL", "NXDOMAIN", "REFUSED")
LONGEST_MS = 10_000
LINES = 20_000
"""Of a log, from its end: names that are looked up often fill it."""
NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
TOO_WIDE = ("cluster.local", "svc.cluster.local", "in-addr.arpa", "ip6.arpa")
"""Names on which the whole cluster hangs."""
RUNNING = re.compile(r"Running configuration SHA512 = (\w+)")
Note = Mapping[str, Any]
LOOKUP = re.compile(r'"\S+ IN (\S+?)\. \S+ ')


def resolved(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """The names that `fail_dns` and `delay_dns` are about. Raises EnvironmentFailure where CoreDNS could not be told."""
    wanted = names(arguments)
    found = _read(cluster)
    target = f"configmap/{SPACE}/{MAP}"
    if not wanted or found is None:
        why = (
            "no name is given"
            if not wanted
            else f"there is no {target}: the DNS of this cluster is no CoreDNS that we know"
        )
        return FaultTarget(action=action, kind="dns", note=why)
    _edit(arguments)(found["data"][KEY], "it")
    now = running(cluster)
    args = {"resource": "configmap", "namespace": SPACE, "name": MAP, "running": now, "was": _digest(found)}
    return FaultTarget(
        action=action,
        kind="dns",
        targets=(target,),
        note=f"lookups of {', '.join(wanted)} and of all below, by whatever asks the cluster's DNS",
        scopes=(SPACE,),
        objects=(target,),
        owner="undoer",
        undo=(UndoStep(kind=END, what=f"take what this run told CoreDNS out of {SPACE}/{MAP}", args=args),),
        before={"target": target, "names": wanted, "running": now},
    )


def cleared(cluster: Cluster, action: str, arguments: Arguments) -> FaultTarget:
    """What `clear_dns` takes out: what this run has told CoreDNS."""
    found, path = _read(cluster), f"/api/v1/namespaces/{SPACE}/configmaps/{MAP}"
    ours = bool(found and identity.run_id() in corefile.runs(found["data"][KEY]))
    before = {"target": f"configmap/{SPACE}/{MAP}", "path": path, "was": objects.fingerprint(found)}
    return FaultTarget(action=action, kind="dns-cleared", targets=(before["target"],) if ours else (), before=before)


def felt(cluster: Cluster, before: Mapping[str, Any]) -> Evidence:
    """CoreDNS runs another configuration than before, by its own log, and somebody has looked these names up since."""
    now = running(cluster)
    changed = [pod for pod, config in now.items() if config and config != before["running"].get(pod)]
    asked = sum(_lookups(cluster, pod, before["names"]) for pod in changed)
    said = f"{len(changed)} of {len(now)} CoreDNS pods have loaded it; {asked} lookups of these names since"
    return Evidence(confirmed=bool(asked), sentence=said, targets=(before["target"],) if asked else ())


def tell(cluster: Cluster, arguments: Arguments) -> list[str]:
    """The CoreDNS pods, once they run with it. Raises EnvironmentFailure where one does not."""
    if not names(arguments):
        raise errors.EnvironmentFailure("names: which? No name was given, so none is answered otherwise")
    before = running(cluster)
    edit = _edit(arguments)
    run = identity.run_id()

    def told(text: str, note: Note) -> tuple[str, Note]:
        new = edit(corefile.without(text, run), run)
        return (text, note) if new == text else (new, {"before": note.get("before", before)})

    if not _changed(cluster, run, told):
        raise errors.EnvironmentFailure(
            f"there is no ConfigMap {SPACE}/{MAP}: the DNS of this cluster is no CoreDNS that we know"
        )
    _hasten(cluster)
    old = _await(lambda: [pod for pod, config in running(cluster).items() if config == before.get(pod)], RELOADS_S)
    if old:
        raise errors.EnvironmentFailure(
            f"{', '.join(old)} did not load the changed Corefile within {RELOADS_S:g} s: {_complaint(cluster, old[0])}"
        )
    now = running(cluster)
    _changed(cluster, run, lambda text, note: (text, {**note, "ran": now} if note else note))
    return sorted(now)


def undone(cluster: Cluster, run: str, before: Note | None = None, within_s: float = BACK_S) -> bool:
    """Whether there was something of that run to take out; `before`: what each pod ran before it, where the note is gone.

    Raises EnvironmentFailure where CoreDNS goes on with it, also when it is asked again.
    """
    ran = _seen(cluster)

    def taken_out(text: str, note: Note) -> tuple[str, Note]:
        rest = corefile.without(text, run)
        return rest, {"before": before or {}, **note, **({"ran": ran} if ran else {})} if rest != text else note

    _changed(cluster, run, taken_out)
    note = _note(_read(cluster), run)
    if not note:
        return False
    _hasten(cluster)
    still = _await(lambda: [pod for pod, config in running(cluster).items() if not _is_rid(config, note)], within_s)
    if still:
        raise errors.EnvironmentFailure(
            f"the ConfigMap is put back, but {', '.join(still)} did not load it within {within_s:g} s, as far as the log says, "
            f"and may still run the fault: {_complaint(cluster, still[0])}; "
            f"kubectl -n {SPACE} rollout restart deployment/{MAP}, then chaos-run recover"
        )
    _changed(cluster, run, lambda text, _: (text, {}))
    return True


def left(cluster: Cluster, asked: Iterable[Mapping[str, Any]], run: str) -> dict[str, str]:
    """By the name of the ConfigMap: that a pod runs another configuration though the Corefile is what it was before the run."""
    known = next((args for args in asked if any((args.get("running") or {}).values())), None)
    if known is None or _digest(_read(cluster)) != known["was"]:
        return {}  # who compares objects finds a Corefile that is another one
    other = [pod for pod, now in _seen(cluster).items() if now and now not in known["running"].values()]
    said = f"{', '.join(other)} still run{'s' if len(other) == 1 else ''} another configuration than before the run"
    return {f"configmap/{SPACE}/{MAP}": said} if other else {}


def _is_rid(config: str, note: Note) -> bool:
    """Whether a pod that runs this configuration runs none with the fault: it ran before, or no pod ran it while the fault was in."""
    before, ran = note.get("before", {}).values(), note.get("ran", {}).values()
    return bool(config) and (config in before or (bool(ran) and config not in ran))


def names(arguments: Arguments) -> list[str]:
    """Given as a list, or as text with commas. Raises EnvironmentFailure for what is no name, or is everybody's."""
    given = arguments.get("names") or ()
    found = [n.strip().rstrip(".").lower() for n in (given.split(",") if isinstance(given, str) else map(str, given))]
    for name in filter(None, found):
        if name in TOO_WIDE or not NAME.fullmatch(name):
            why = "the whole cluster hangs on it" if name in TOO_WIDE else "it is no name of two or more parts"
            raise errors.EnvironmentFailure(
                f"names: {name!r}: {why}; write for example shop.svc.cluster.local or api.partner.example"
            )
    return [n for n in found if n]


def _edit(arguments: Arguments) -> Callable[[str, str], str]:
    """From a Corefile and a run to the Corefile with the fault. Raises EnvironmentFailure for values that make none."""
    wanted = names(arguments)
    if "delay_ms" in arguments:
        delay = int(arguments["delay_ms"])
        if not 0 < delay <= LONGEST_MS:
            raise errors.EnvironmentFailure(f"delay_ms: {delay} is not between 1 and {LONGEST_MS}")
        return lambda text, run: corefile.delayed(_whole(_checked(text)), run, wanted, delay)
    rcode = str(arguments.get("rcode") or RCODES[0])
    if rcode not in RCODES:
        raise errors.EnvironmentFailure(f"rcode: {rcode!r} is none of {', '.join(RCODES)}")
    return lambda text, run: corefile.failing(_checked(text), run, wanted, rcode)


def _checked(text: str) -> str:
    if not corefile.reloads(text):
        raise errors.EnvironmentFailure("CoreDNS here has no `reload` in its Corefile: it would not see the change")
    if others := corefile.runs(text):
        raise errors.EnvironmentFailure(
            f"the Corefile holds what another run has told it: {', '.join(others)}; chaos-run recover ends it"
        )
    return text


def _whole(text: str) -> str:
    if not any(line.strip() for line in corefile.main_block(text)):
        raise errors.EnvironmentFailure(
            "the Corefile has no block for all names (`.:53 { … }`) that could give the late answers"
        )
    return text


def _read(cluster: Cluster) -> dict[str, Any] | None:
    found = cluster.read(f"/api/v1/namespaces/{SPACE}/configmaps/{MAP}")
    return found if found and KEY in (found.get("data") or {}) else None


def _changed(cluster: Cluster, run: str, change: Callable[[str, Note], tuple[str, Note]]) -> bool:
    """Whether Corefile or note had to be changed; only what was read is written over. Raises ApiException."""
    from kubernetes.client.rest import ApiException

    from runner.faults.kubernetes.client import CALL_S

    for attempt in range(ATTEMPTS):
        if (found := _read(cluster)) is None:
            return False
        text, note = found["data"][KEY], _note(found, run)
        if (wanted := change(text, note)) == (text, note):
            return False
        metadata = {
            "resourceVersion": found["metadata"]["resourceVersion"],
            "annotations": _noted(found, run, wanted[1]),
        }
        patch = {"metadata": metadata, "data": {KEY: wanted[0]}}
        try:
            cluster.core.patch_namespaced_config_map(MAP, SPACE, patch, _request_timeout=CALL_S)
            return True
        except ApiException as problem:
            if problem.status != 409 or attempt == ATTEMPTS - 1:
                raise
    return False


def _note(found: Mapping[str, Any] | None, run: str) -> Note:
    note: Note = _notes(found).get(run) or {}
    return note


def _notes(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of all runs; what somebody has made unreadable says nothing."""
    try:
        notes = json.loads(((found or {}).get("metadata", {}).get("annotations") or {}).get(NOTE) or "{}")
    except ValueError:
        return {}
    return notes if isinstance(notes, dict) else {}


def _noted(found: Mapping[str, Any], run: str, note: Note) -> dict[str, str | None]:
    notes = {name: of for name, of in (_notes(found) | {run: note}).items() if of}
    return {NOTE: json.dumps(notes) if notes else None}


def _digest(found: Mapping[str, Any] | None) -> str:
    return hashlib.sha256(str(found["data"][KEY]).encode()).hexdigest() if found else ""


def _pods(cluster: Cluster) -> list[Pod]:
    listed = cluster.read(f"/api/v1/namespaces/{SPACE}/pods", labelSelector=PODS) or {}
    return [p for p in listed.get("items") or () if p["status"].get("phase") == "Running"]


def _hasten(cluster: Cluster) -> None:
    """A node brings a ConfigMap to its pods in its own time, up to a minute and a half, unless the pod itself is written."""
    from runner.faults.kubernetes.client import CALL_S, TROUBLES

    for pod in _pods(cluster):
        note = {
            "metadata": {"annotations": {"chaos-run/reload": str(time.time_ns())}}
        }  # the same again would be no write
        try:
            cluster.core.patch_namespaced_pod(pod["metadata"]["name"], SPACE, note, _request_timeout=CALL_S)
        except TROUBLES:  # not allowed, or gone: then it takes its time
            continue


def running(cluster: Cluster) -> dict[str, str]:
    """Of each CoreDNS pod which configuration it runs, by its own log; empty where that does not say."""
    found = {}
    for pod in _pods(cluster):
        told = RUNNING.findall(_log(cluster, pod["metadata"]["name"]))
        found[str(pod["metadata"]["name"])] = told[-1] if told else ""
    return found


def _seen(cluster: Cluster) -> dict[str, str]:
    """The same; nothing where a log cannot be read: that must not keep a fault from being taken out."""
    from runner.faults.kubernetes.client import TROUBLES, Unseen

    try:
        return running(cluster)
    except (*TROUBLES, Unseen):
        return {}


def _lookups(cluster: Cluster, pod: str, wanted: Iterable[str]) -> int:
    """How often these names were looked up at a pod since it has loaded what it runs."""
    since = RUNNING.split(_log(cluster, pod))[-1]
    asked = [name.lower() for name in LOOKUP.findall(since)]
    return sum(any(name == one or name.endswith(f".{one}") for one in wanted) for name in asked)


def _complaint(cluster: Cluster, pod: str) -> str:
    errors_ = [line for line in _log(cluster, pod).splitlines() if "[ERROR]" in line]
    return errors_[-1].strip() if errors_ else "its log holds no error; its node may not have brought it the file yet"


def _log(cluster: Cluster, pod: str) -> str:
    from runner.faults.kubernetes.client import CALL_S

    return str(cluster.core.read_namespaced_pod_log(pod, SPACE, tail_lines=LINES, _request_timeout=CALL_S))


def _await(look: Callable[[], list[str]], within_s: float) -> list[str]:
    return clock.poll_until(look, within_s, 1.0, enough=lambda old: not old)
