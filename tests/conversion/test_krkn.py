"""krkn: the same pods, nodes and traffic, told apart by the shape of a file; what nothing here does is refused with what else there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from chaoslib.hypothesis import within_tolerance

from runner import errors
from runner.conversion import krkn
from runner.faults.chaos_mesh import wanted
from tests.conversion import sampled


def arguments(name: str, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = sampled.of(name).document["method"][number]["provider"]["arguments"]
    return found


def test_the_same_pods_are_killed() -> None:
    """krkn matches a name from its start, `terminate_pods` anywhere."""
    found = arguments("krkn-pods.yml")
    assert (found["ns"], found["qty"], found["rand"], found["grace_period"]) == ("shop", 2, True, 0)
    assert found["label_selector"] == "tier!=critical"
    assert re.search(found["name_pattern"], "cart-7d9")
    assert not re.search(found["name_pattern"], "old-cart-7d9")


def test_a_pattern_of_namespaces_is_never_guessed() -> None:
    found = sampled.of("krkn-pods.yml")
    assert found.document["method"][1]["provider"]["arguments"]["ns"] == "${namespace}"
    assert found.document["configuration"]["namespace"] == {"type": "env", "key": "TARGET_NAMESPACE"}
    assert sampled.losses(found)["[1].config.namespace_pattern"][0] == "changed"


@pytest.mark.parametrize(
    "config",
    [
        {"node_label_selector": "pool=a", "label_selector": "app=a"},
        {"node_names": ["a"], "label_selector": "app=a"},
        {"label_selector": "app=a", "exclude_label": "a=b,c=d"},
        {},
    ],
)
def test_what_would_kill_more_than_the_scenario_is_refused(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidFile, match=r"would strike|selects no pods"):
        sampled.converted([{"id": "kill-pods", "config": {"namespace_pattern": "^a$", **config}}], tmp_path)


def test_what_waits_for_pods_is_a_check_of_the_hypothesis() -> None:
    found = sampled.of("krkn-pods.yml")
    (probe,) = found.document["steady-state-hypothesis"]["probes"]
    assert probe["provider"]["arguments"] == {"label_selector": "app=cart", "ns": "shop"}
    assert within_tolerance(probe["tolerance"], 3)
    assert not within_tolerance(probe["tolerance"], 2)
    assert sampled.losses(found)["[3].config"][0] == "lost"


def test_a_scenario_that_kills_pods_is_known_by_its_patterns_whatever_it_is_called() -> None:
    found = sampled.quickly([{"id": "kill-ours", "config": {"namespace_pattern": "^a$", "label_selector": "app=a"}}])
    assert found.document["method"][0]["name"] == "kill-ours"


def test_none_killed_stays_none() -> None:
    tree = [{"id": "kill-pods", "config": {"namespace_pattern": "^a$", "label_selector": "app=a", "kill": 0}}]
    assert sampled.quickly(tree).document["method"][0]["provider"]["arguments"]["qty"] == 0


def test_a_hog_is_on_each_chosen_node_and_ends_by_itself() -> None:
    found = arguments("krkn-cpu-hog.yml")
    pod = found["resource"]["spec"]["template"]["spec"]
    assert found["plural"] == "daemonsets"
    assert pod["nodeSelector"] == {"node-role.kubernetes.io/worker": ""}
    assert "--cpu 0 --cpu-load 90 --cpu-method all --timeout 60s" in pod["containers"][0]["command"][-1]
    assert pod["tolerations"][0] == {"key": "dedicated", "operator": "Equal", "value": "shop", "effect": "NoSchedule"}
    (undo,) = sampled.of("krkn-cpu-hog.yml").document["rollbacks"]
    assert undo["provider"]["arguments"]["name"] == found["resource"]["metadata"]["name"]


def test_a_hog_is_proven_by_a_pod_that_runs_and_not_by_a_workload_that_is_there() -> None:
    found = sampled.of("krkn-cpu-hog.yml").document
    hog, runs = found["method"]
    assert found["extensions"][0]["proof"] == [{"action": hog["name"], "probe": runs["name"]}]
    chosen = runs["provider"]["arguments"]
    labels = hog["provider"]["arguments"]["resource"]["spec"]["template"]["metadata"]["labels"]
    assert chosen["phase"] == "Running"
    assert chosen["label_selector"] == "".join(f"{key}={value}" for key, value in labels.items())
    assert not within_tolerance(runs["tolerance"], 0)
    assert runs["pauses"] == {"after": 70}, "the minute, and ten seconds to begin"


def test_a_hog_on_some_nodes_is_on_none_twice() -> None:
    found = arguments("krkn-memory-hog.yml")["resource"]
    assert found["spec"]["replicas"] == 3
    pod = found["spec"]["template"]["spec"]
    (apart,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    assert apart["labelSelector"]["matchLabels"] == found["spec"]["template"]["metadata"]["labels"]


def hog(**scenario: Any) -> tuple[str, dict[str, Any], dict[str, tuple[str, str]]]:
    """The command of a hog, its workload's spec, and what is told."""
    found = sampled.quickly({"node-selector": "pool=a", **scenario})
    spec = found.document["method"][0]["provider"]["arguments"]["resource"]["spec"]
    return spec["template"]["spec"]["containers"][0]["command"][-1], spec, sampled.losses(found)


def test_what_a_hog_leaves_to_krkn_is_as_there_and_told() -> None:
    """stress-ng by itself would press with all that there is."""
    command, _, told = hog(**{"hog-type": "cpu"})
    assert "--cpu 0 --cpu-load 80 " in command
    assert told["cpu-load-percentage"][0] == told["namespace"][0] == "assumed"
    command, _, told = hog(**{"hog-type": "memory"})
    assert "--vm 1 --vm-bytes 10% " in command
    assert told["memory-vm-bytes"][0] == told["workers"][0] == "assumed"


def test_a_hog_without_a_selector_is_on_one_node_and_it_is_told() -> None:
    _, spec, told = hog(**{"hog-type": "cpu", "node-selector": ""})
    assert spec["replicas"] == 1
    assert told["number-of-nodes"][0] == "assumed"


def test_a_hog_is_on_the_node_that_is_named_and_on_no_other() -> None:
    _, spec, told = hog(**{"hog-type": "cpu", "node-name": "worker-2", "number-of-nodes": 3})
    assert spec["template"]["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "worker-2"}
    assert "replicas" not in spec
    assert told["node-selector"][0] == told["number-of-nodes"][0] == "lost"


def test_nodes_by_several_labels_have_all_of_them() -> None:
    _, spec, _ = hog(**{"hog-type": "cpu", "node-selector": "pool=a, disk=ssd,empty="})
    assert spec["template"]["spec"]["nodeSelector"] == {"pool": "a", "disk": "ssd", "empty": ""}
    with pytest.raises(errors.InvalidFile, match="is not a label"):
        hog(**{"hog-type": "cpu", "node-selector": "pool=a,disk!=ssd"})


def test_a_count_of_zero_is_no_limit() -> None:
    (tree,) = sampled.trees(sampled.FOLDER / "krkn-network.yml")
    found = sampled.quickly([{**tree[0], "instance_count": 0}]).document["method"][0]["provider"]["arguments"]["spec"]
    assert found["mode"] == "all"
    assert "value" not in found
    with pytest.raises(errors.InvalidFile, match="strikes no pod"):
        sampled.quickly([{**tree[0], "id": "pod_egress_shaping", "instance_count": 0}])


def test_shaped_traffic_without_a_namespace_is_told_where_it_is_made() -> None:
    (tree,) = sampled.trees(sampled.FOLDER / "krkn-network.yml")
    found = sampled.quickly([{**tree[0], "namespace": ""}])
    assert found.document["method"][0]["provider"]["arguments"]["ns"] == "default"
    assert ("assumed", "krkn does nothing without it: check it") in [(x.kind, x.why) for x in found.losses]


def test_two_scenarios_that_are_alike_are_two_faults() -> None:
    (tree,) = sampled.trees(sampled.FOLDER / "krkn-network.yml")
    method = sampled.quickly([tree[0], tree[0]]).document["method"]
    assert len({wanted.read("run", one["provider"]["arguments"]).name for one in method}) == 2


def test_fewer_pods_than_are_to_be_killed_are_told() -> None:
    """krkn kills none of them then, and the action all."""
    kind, why = sampled.losses(sampled.of("krkn-pods.yml"))["[0].config.kill"]
    assert kind == "changed"
    assert "krkn kills none" in why


def test_a_namespace_that_is_not_there_is_a_variable_and_told() -> None:
    found = sampled.quickly([{"id": "kill-pods", "config": {"label_selector": "app=a"}}])
    assert found.document["method"][0]["provider"]["arguments"]["ns"] == "${namespace}"
    assert sampled.losses(found)["[0].config.namespace_pattern"][0] == "assumed"


def test_latency_loss_and_bandwidth_at_once_are_one_netem() -> None:
    spec = arguments("krkn-network.yml")["spec"]
    assert spec["action"] == "netem"
    assert (spec["delay"], spec["loss"]) == ({"latency": "50ms"}, {"loss": "10"})
    assert spec["rate"] == {"rate": "12500000bps"}, "100 megabits a second are 12.5 megabytes"
    assert (spec["mode"], spec["value"]) == ("fixed", "2")


@pytest.mark.parametrize(
    ("rate", "bytes_s"), [("8bit", 1), ("80kbit", 10_000), ("1gbit", 125_000_000), ("8tbit", 10**12)]
)
def test_bits_become_bytes(rate: str, bytes_s: int) -> None:
    (tree,) = sampled.trees(sampled.FOLDER / "krkn-network.yml")
    found = sampled.quickly([{**tree[0], "bandwidth": rate}]).document["method"][0]["provider"]["arguments"]["spec"]
    assert found["rate"] == {"rate": f"{bytes_s}bps"}


def test_an_outage_is_a_network_policy_that_is_taken_away_again() -> None:
    found = sampled.of("krkn-outage.yml").document
    spec = found["method"][0]["provider"]["arguments"]["spec"]["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    assert spec["podSelector"]["matchExpressions"] == [
        {"key": "tier", "operator": "NotIn", "values": ["gold", "silver"]}
    ]
    assert found["method"][0]["pauses"] == {"after": 40}
    assert found["rollbacks"][0]["provider"]["func"] == "remove_network_policy"


def outage(**more: Any) -> dict[str, Any]:
    """The spec of the network policy of an outage."""
    tree = {"application_outage": {"namespace": "shop", "pod_selector": {"app": "cart"}, "block": ["Ingress"], **more}}
    spec: dict[str, Any] = sampled.quickly(tree).document["method"][0]["provider"]["arguments"]["spec"]["spec"]
    return spec


@pytest.mark.parametrize(
    "excluded",
    [
        "tier=gold,env=prod|live",
        " tier = gold , env=prod | live",
        ["tier=gold", "env=prod|live"],
        {"tier": "gold", "env": ["prod", "live"]},
    ],
)
def test_whom_an_outage_passes_over_is_read_in_each_form_that_krkn_takes(excluded: Any) -> None:
    tier, env = outage(exclude_label=excluded)["podSelector"]["matchExpressions"]
    assert tier == {"key": "tier", "operator": "NotIn", "values": ["gold"]}
    assert env == {"key": "env", "operator": "NotIn", "values": ["prod", "live"]}


@pytest.mark.parametrize("excluded", ["tier", "tier=", "=gold", "tier!=gold", ["tier=gold", "env"], {"tier": None}, 7])
def test_an_outage_that_would_hit_more_than_the_scenario_is_refused(excluded: Any) -> None:
    with pytest.raises(errors.InvalidFile, match="does not say which pods are left out"):
        outage(exclude_label=excluded)


def test_an_outage_that_does_not_say_what_it_blocks_blocks_both_as_krkn_does() -> None:
    assert outage(block=None)["policyTypes"] == ["Ingress", "Egress"]


@pytest.mark.parametrize(
    ("answer", "holds"),
    [
        ({"data": {"result": [{"value": [1, "0"]}]}}, True),
        ({"data": {"result": [{"value": [1, "3"]}]}}, False),
        ({"data": {"result": []}}, False),
        ({"status": "error", "error": "parse error"}, False),
    ],
)
def test_an_alert_holds_only_where_prometheus_says_that_it_finds_nothing(answer: Any, holds: bool) -> None:
    (probe,) = sampled.of("krkn-alerts.yaml").document["steady-state-hypothesis"]["probes"]
    assert re.fullmatch(
        r"count\(.*\) or vector\(0\)", probe["provider"]["arguments"]["query"]
    )  # a number, whatever it finds
    assert within_tolerance(probe["tolerance"], {"status": 200, "body": answer}) is holds


@pytest.mark.parametrize("key", krkn.NOT)
def test_what_nothing_here_does_is_refused_with_what_else_there_is(key: str, tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidFile) as caught:
        sampled.converted({key: [{"a": 1}]}, tmp_path)
    assert caught.value.rendered.count("hint:") == 1


def test_a_scenario_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidFile, match="'pod_network_filter' is not converted"):
        sampled.converted([{"id": "pod_network_filter", "ports": [53]}], tmp_path)
    with pytest.raises(errors.InvalidFile, match="two kinds"):
        sampled.converted([{"id": "kill-pods"}, {"id": "pod_network_chaos"}], tmp_path)
    with pytest.raises(errors.InvalidFile, match="'io' is not converted"):
        sampled.converted({"hog-type": "io"}, tmp_path)
