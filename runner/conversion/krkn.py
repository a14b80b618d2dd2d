"""krkn: scenario files, told apart by their shape, and its alerts as checks of the steady state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runner.conversion import krkn_hog, krkn_network, krkn_pods, probes
from runner.conversion.draft import Activity, Draft
from runner.conversion.fields import Field

TAGS = ("krkn", "kubernetes")
Plugin = Callable[[Field], Draft]
ITEMS: Mapping[str, Plugin] = {
    "kill-pods": krkn_pods.convert,
    "pod_network_chaos": krkn_network.convert,
    "pod_egress_shaping": krkn_network.convert,
}
"""Scenarios that are written as a list, by the id of their items."""
KEYS: Mapping[str, Plugin] = {"hog-type": krkn_hog.convert, "application_outage": krkn_network.outage}
"""Scenarios that are written as a mapping, by a key that they have."""
NO_NODE = (
    "krkn asks the cloud for it: with AWS, a FIS template of aws:ec2:stop-instances or reboot-instances does the same"
)
NOT: Mapping[str, tuple[str, str]] = {
    "node_scenarios": ("scenarios of nodes are not converted", NO_NODE),
    "zone_outage": (
        "a zone outage is not converted",
        "with AWS, a FIS template of aws:network:disrupt-connectivity does the same",
    ),
    "scenarios": (
        "scenarios of containers and of whole namespaces are not converted",
        "for a container: Chaos Mesh's PodChaos with the action container-kill; a namespace that is emptied nobody could put back",
    ),
    "time_scenarios": ("a skewed clock is not converted", "Chaos Mesh's TimeChaos is one that can be put back"),
    "pvc_scenario": ("a filled volume is not converted", "Litmus' disk-fill does the like"),
    "network_chaos": ("network chaos of nodes is not converted", "Chaos Mesh's NetworkChaos does the like to pods"),
    "cluster_shut_down_scenario": (
        "a cluster that is shut down is not converted",
        "nobody would be left to put it back",
    ),
    "managedcluster_scenarios": (
        "scenarios of managed clusters are not converted",
        "they need Open Cluster Management",
    ),
    "service_target_port": (
        "a hijacked service is not converted",
        "Chaos Mesh's HTTPChaos answers in a service's place",
    ),
    "packet-size": ("a SYN flood is not converted", "nothing here floods"),
    "input_list": ("scenarios of Arcaflow are not converted", "give the scenario as krkn 2 has it, with hog-type"),
    "kraken": (
        "this is krkn's configuration: it only names scenarios",
        "convert the files that chaos_scenarios: names",
    ),
}
"""What is known and not converted: why, and what else there is."""
SEVERE = ("critical", "error")
URL = "${prometheus_url}"


def claims(tree: Any) -> bool:
    """Whether a document is a scenario or the alerts of krkn."""
    if isinstance(tree, list):
        return all(
            isinstance(one, dict) and ("id" in one or {"expr", "severity"} <= set(one)) for one in tree
        ) and bool(tree)
    return isinstance(tree, dict) and "apiVersion" not in tree and any(key in tree for key in (*KEYS, *NOT))


def convert(root: Field) -> Draft:
    """One file. Raises BrokenExperiment for a scenario that nothing here does."""
    if isinstance(root.value, list):
        first = root.items()[0]
        return _alerts(root) if "expr" in first.value else _listed(root, first)
    for key, plugin in KEYS.items():
        if key in root.value:
            return plugin(root).with_tags(*TAGS)
    key = next(key for key in NOT if key in root.value)
    return root[key].refuse(*NOT[key])


def _listed(root: Field, first: Field) -> Draft:
    """A list of scenarios of one kind, as krkn runs it: one after the other."""
    plugin = _plugin(first)
    for one in root.items():
        if _plugin(one) is not plugin:
            one["id"].refuse("scenarios of two kinds in one file are not converted", "write a file for each kind")
        one["id"].take()
    return plugin(root).with_tags(*TAGS)


def _plugin(one: Field) -> Plugin:
    """By its id; what selects pods by patterns kills them, whatever it is called."""
    kind = str(one["id"].value)
    if kind not in ITEMS and one["config"]["namespace_pattern"]:
        return krkn_pods.convert
    if kind not in ITEMS:
        one["id"].refuse(f"a scenario {kind!r} is not converted", f"these are: {', '.join(ITEMS)}")
    return ITEMS[kind]


def _alerts(root: Field) -> Draft:
    """Alerts that must not fire: each expression has to find nothing, and Prometheus has to say so."""
    found = tuple(activity for one in root.items() if (activity := _alert(one)) is not None)
    if not found:
        root.refuse("no alert of this file is critical or an error", "others fail no run of krkn, and none here")
    root_hint = "There is no fault in this file: put the hypothesis into an experiment that has one."
    return Draft(
        name="krkn-alerts",
        title="krkn-alerts",
        description="Converted from the alerts of krkn: a check of the steady state, without a fault.",
        tags=TAGS,
        configuration={"prometheus_url": {"type": "env", "key": "PROMETHEUS_URL"}},
        method=(),
        probes=found,
        hints=(root_hint,),
    )


def _alert(one: Field) -> Activity | None:
    severity = str(one["severity"].value)
    if severity not in SEVERE:
        one.lose(f"an alert of severity {severity} fails no run")
        return None
    one["severity"].change("an expression that finds something fails the run, and nothing else comes of it")
    one["weight"].lose("every check counts alike")
    query = f"count({' '.join(one['expr'].text().split())}) or vector(0)"
    provider = probes.http(f"{URL}/api/v1/query", timeout_s=10) | {"arguments": {"query": query}}
    tolerance = {"type": "jsonpath", "path": "$.data.result[0].value[1]", "expect": "0", "target": "body"}
    return probes.probe(" ".join(one["description"].text().split()) or "alert", provider, tolerance)
