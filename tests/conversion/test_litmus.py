"""Litmus: faults with the engine's own variables, and probes where a probe of Chaos Toolkit means the same."""

from __future__ import annotations

import copy
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from chaoslib import substitute
from chaoslib.hypothesis import within_tolerance

from runner import errors
from runner.conversion import convert, probes
from runner.conversion.fields import shown
from runner.faults.litmus import chaos_engine
from tests.conversion import sampled

ENGINE = "litmus-engine.yaml"


def test_each_fault_is_an_action_with_the_variables_of_the_engine() -> None:
    first, second = sampled.of(ENGINE).document["method"]
    assert first["provider"]["arguments"] == {
        "fault": "pod-delete",
        "ns": "shop",
        "app_label": "app=cart",
        "app_kind": "deployment",
        "service_account": "chaos-admin",
        "duration_s": 45,
        "env": {
            "CHAOS_INTERVAL": "15",
            "PODS_AFFECTED_PERC": "",
            "STATUS_CHECK_DELAY": "3",
            "STATUS_CHECK_TIMEOUT": "120",
        },
    }
    assert second["provider"]["arguments"]["env"]["NETWORK_LATENCY"] == "300"


def test_a_duration_that_the_engine_leaves_to_litmus_is_assumed_and_told() -> None:
    found = sampled.of(ENGINE)
    assert found.document["method"][1]["provider"]["arguments"]["duration_s"] == 60
    assert sampled.losses(found)["spec.experiments[1].spec.components.env"][0] == "assumed"


def engine(fault: str, *probes: dict[str, Any], **env: str) -> convert.Conversion:
    """What becomes of an engine with one fault that has these variables and probes."""
    (tree,) = sampled.trees(sampled.FOLDER / ENGINE)
    variables = [{"name": name, "value": value} for name, value in env.items()]
    tree["spec"]["experiments"] = [{"name": fault, "spec": {"components": {"env": variables}, "probe": list(probes)}}]
    return sampled.quickly(tree)


LATENCY = "pod-network-latency"
TIMES = [
    (LATENCY, {}, 60 + 40),
    (LATENCY, {"RAMP_TIME": "60"}, 60 + 40 + 2 * 60),
    (LATENCY, {"RAMP_TIME": "20", "SEQUENCE": "serial", "TARGET_PODS": "a, b,c"}, 3 * (60 + 10) + 30 + 2 * 20),
    (LATENCY, {"SEQUENCE": "parallel", "TARGET_PODS": "a,b,c"}, 60 + 40),
    (LATENCY, {"SEQUENCE": "serial", "PODS_AFFECTED_PERC": "0"}, 60 + 40),
    ("node-cpu-hog", {"SEQUENCE": "serial", "TARGET_NODES": "a,b"}, 2 * (60 + 10) + 30),
    ("pod-delete", {"SEQUENCE": "serial", "TARGET_PODS": "a,b", "CHAOS_INTERVAL": "15"}, 60 + 2 * 15 + 30),
]


@pytest.mark.parametrize(("fault", "env", "seconds"), TIMES)
def test_an_engine_is_not_stopped_before_its_fault_has_run(fault: str, env: dict[str, str], seconds: int) -> None:
    """Litmus waits the ramp time before and after, has one target after the other in series, and takes time itself."""
    found = engine(fault, TOTAL_CHAOS_DURATION="60", **env)
    (action,) = found.document["method"]
    assert action["provider"]["arguments"]["duration_s"] == 60
    assert action["pauses"] == {"after": seconds}
    assert not [path for path in sampled.losses(found) if ".env[" in path]


@pytest.mark.parametrize(("fault", "env", "seconds"), TIMES)
def test_the_driver_reckons_with_the_same_time(fault: str, env: dict[str, str], seconds: int) -> None:
    (action,) = engine(fault, TOTAL_CHAOS_DURATION="60", **env).document["method"]
    assert chaos_engine.of(action["provider"]["arguments"]).over_s(5) == seconds


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SEQUENCE": "serial", "PODS_AFFECTED_PERC": "50"}, "70 s each, and how many PODS_AFFECTED_PERC takes"),
        ({"SEQUENCE": "random", "PODS_AFFECTED_PERC": "20-40"}, "70 s each, and how many PODS_AFFECTED_PERC takes"),
        ({"RAMP_TIME": "1m"}, "Litmus takes it for 0"),
    ],
)
def test_a_variable_of_time_that_is_not_reckoned_with_is_told(env: dict[str, str], said: str) -> None:
    found = engine(LATENCY, **env, TOTAL_CHAOS_DURATION="60")
    assert found.document["method"][0]["pauses"] == {"after": 100}
    kind, why = sampled.losses(found)["spec.experiments[0].spec.components.env[0].value"]
    assert kind == "changed"
    assert said in why


def test_an_empty_duration_is_assumed_and_no_variable_beside_it() -> None:
    """Our driver refuses an engine that states it twice."""
    (action,) = engine(LATENCY, TOTAL_CHAOS_DURATION="").document["method"]
    assert chaos_engine.of(action["provider"]["arguments"]).duration_s == 60


def test_a_secret_is_lost_by_name_and_not_by_value() -> None:
    lost = sampled.losses(sampled.of(ENGINE))
    assert lost["spec.experiments[0].spec.components.env[3]"][0] == "lost"


def test_the_fault_strikes_in_the_namespace_of_its_targets() -> None:
    """The engine is in another one: our driver would not find what is installed only there, and says so beforehand."""
    found = sampled.of(ENGINE)
    assert "install fault and service account in shop" in sampled.losses(found)["metadata.namespace"][1]


def test_probes_that_mean_the_same_are_the_hypothesis_and_the_others_are_lost() -> None:
    found = sampled.of(ENGINE)
    asked = {p["name"]: p for p in found.document["steady-state-hypothesis"]["probes"]}
    assert list(asked) == [
        "page",
        "order",
        "errors",
        "replicas",
        "no-failed-pods",
        "two-by-name",
        "ready-count",
        "log-line",
    ]
    assert asked["page"]["provider"]["verify_tls"] is False
    assert asked["order"]["tolerance"] == [200, 201]
    assert asked["order"]["provider"]["arguments"] == {"n": 2}
    query = asked["errors"]["provider"]["arguments"]["query"]
    assert query.startswith("(sum(rate(http_errors_total[1m])) / sum(rate(http_requests_total[1m]))) <= 0.02 and on() ")
    assert query.endswith(
        " and on() (count(sum(rate(http_errors_total[1m])) / sum(rate(http_requests_total[1m]))) == 1)"
    )
    assert (
        "kubectl get deployments.v1.apps -n shop -l app=cart -o name" in asked["replicas"]["provider"]["arguments"][1]
    )
    lost = {path: why for path, (kind, why) in sampled.losses(found).items() if kind == "lost"}
    assert "at once" in lost["spec.experiments[1].spec.probe[3]"]
    assert "creates an object" in lost["spec.experiments[1].spec.probe[4]"]
    assert "container of its own" in lost["spec.experiments[1].spec.probe[7]"]
    assert "a sloProbe cannot be converted" in lost["spec.experiments[1].spec.probe[8]"]
    assert found.document["extensions"][0]["hypothesis"] == {"frequency": "4s"}


def test_probes_of_the_edges_alone_are_not_asked_in_between(tmp_path: Path) -> None:
    (tree,) = sampled.trees(sampled.FOLDER / ENGINE)
    for fault in tree["spec"]["experiments"]:
        fault["spec"]["probe"] = [p for p in fault["spec"]["probe"] if p["mode"] == "Edge"]
    found = sampled.converted(tree, tmp_path)
    assert found.document["extensions"][0]["hypothesis"] == {"during": False}
    assert not any(path.endswith("].mode") for path in sampled.losses(found))


@pytest.mark.parametrize(
    ("criteria", "value", "output", "holds"),
    [
        (">=", "2", "2\n", True),
        (">=", "2", "1", False),
        (">", "2", "2", False),
        (">", "2", "3", True),
        ("<", "2", "1", True),
        ("<=", "0.5", "0.6", False),
        ("==", "3", "3", True),
        ("between", "1,3", "2", True),
        ("between", "1,3", "4", False),
    ],
)
def test_a_number_is_compared_as_litmus_compares_it(criteria: str, value: str, output: str, holds: bool) -> None:
    tolerance = probes.compared(criteria, value, "stdout")
    assert within_tolerance(tolerance, {"status": 0, "stdout": output}) is holds


@pytest.mark.parametrize(
    ("criteria", "value", "output", "holds"),
    [
        ("<", "1", "0.5", True),
        ("<", "1", "0.999999", True),
        ("<", "1", "1", False),
        (">", "0.5", "0.5", False),
        (">", "0.5", "0.5000001", True),
        ("<", "0", "-1e-9", True),
        ("<", "0", "0", False),
    ],
)
def test_a_fraction_is_compared_as_litmus_compares_it(criteria: str, value: str, output: str, holds: bool) -> None:
    comparator = {"type": "float", "criteria": criteria, "value": value}
    inputs = {"command": f"echo {output}", "comparator": comparator}
    assert ran({"name": "c", "type": "cmdProbe", "cmdProbe/inputs": inputs}) is holds


TEXTS = [
    ("contains", "a.b", "x a.b y", True),
    ("contains", "a.b", "x aXb y", False),
    ("equal", "ok", "ok", True),
    ("equal", "ok", "ok?", False),
    ("equal", "", "", True),
    ("notEqual", "ok", "ok", False),
    ("notEqual", "it's", "no", True),
    ("matches", "^a+$", "aaa", True),
    ("matches", "^a+$", "baaa", False),
    ("oneOf", "up,ready", "ready", True),
    ("oneOf", "up,ready", "read", False),
]


@pytest.mark.parametrize(("criteria", "value", "output", "holds"), TEXTS)
def test_text_is_compared_as_litmus_compares_it(criteria: str, value: str, output: str, holds: bool) -> None:
    assert commanded(f"printf %s '{output}' # said", criteria, value) is holds


@pytest.mark.parametrize(("criteria", "value", "output", "holds"), TEXTS)
def test_a_command_that_fails_never_holds(criteria: str, value: str, output: str, holds: bool) -> None:
    assert not commanded(f"printf %s '{output}'; exit 3", criteria, value)


@pytest.mark.parametrize(
    ("criteria", "value"), [("notMatches", "a+"), ("matches", "a*"), ("matches", "("), ("contains", "")]
)
def test_a_comparison_that_silence_would_meet_is_lost(criteria: str, value: str) -> None:
    assert commanded("true", criteria, value) is None


def commanded(command: str, criteria: str, value: str) -> bool | None:
    """Whether the probe of a command holds."""
    inputs = {"command": command, "comparator": {"type": "string", "criteria": criteria, "value": value}}
    return ran({"name": "c", "type": "cmdProbe", "cmdProbe/inputs": inputs})


def ran(probe: dict[str, Any], **env: str) -> bool | None:
    """Whether a probe holds, run as the experiment runs it; None where it was lost."""
    asked = engine("node-drain", probe).document.get("steady-state-hypothesis", {"probes": [None]})["probes"][0]
    if asked is None:
        return None
    command = [asked["provider"]["path"], *asked["provider"]["arguments"]]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    return bool(within_tolerance(asked["tolerance"], {"status": done.returncode, "stdout": done.stdout}))


ELSEWHERE = """#!/bin/sh
case " $* " in *" -A "*) echo pod/elsewhere;; *" -n "*) ;; *) exit 1;; esac
"""
"""A cluster with one pod, which is in no namespace that is named; what asks the context's fails."""


@pytest.mark.parametrize(
    ("operation", "namespace", "holds"),
    [
        ("present", {}, True),
        ("absent", {}, False),
        ("present", {"namespace": "shop"}, False),
        ("absent", {"namespace": "shop"}, True),
    ],
)
def test_objects_without_a_namespace_are_looked_for_in_all(
    operation: str, namespace: dict[str, str], holds: bool, tmp_path: Path
) -> None:
    """As Litmus does; kubectl's context may be anywhere."""
    (tmp_path / "kubectl").write_text(ELSEWHERE)
    (tmp_path / "kubectl").chmod(0o755)
    inputs = {"version": "v1", "resource": "pods", "labelSelector": "app=a", "operation": operation, **namespace}
    probe = {"name": "k", "type": "k8sProbe", "k8sProbe/inputs": inputs}
    assert ran(probe, PATH=f"{tmp_path}:/usr/bin:/bin") is holds


def test_a_named_object_without_a_namespace_is_told_where_it_is_looked_for() -> None:
    inputs = {"version": "v1", "resource": "pods", "resourceNames": "a", "operation": "present"}
    found = engine("node-drain", {"name": "k", "type": "k8sProbe", "k8sProbe/inputs": inputs})
    (asked,) = found.document["steady-state-hypothesis"]["probes"]
    assert " -A" not in asked["provider"]["arguments"][1], "kubectl refuses it beside a name"
    kind, why = sampled.losses(found)['spec.experiments[0].spec.probe[0]."k8sProbe/inputs".namespace']
    assert kind == "assumed"
    assert "its context's" in why


@pytest.mark.parametrize(
    ("criteria", "value"), [("!=", "2"), (">", "0.5"), ("==", "x"), ("between", "1"), ("around", "1")]
)
def test_a_comparison_that_no_range_says_is_not_converted(criteria: str, value: str) -> None:
    assert probes.compared(criteria, value, "stdout") is None


@pytest.mark.parametrize(
    ("name", "says", "fails", "holds"),
    [
        ("replicas", "deployment.apps/cart", False, True),
        ("replicas", "", False, False),
        ("replicas", "", True, False),
        ("no-failed-pods", "", False, True),
        ("no-failed-pods", "pod/a", False, False),
        ("no-failed-pods", "", True, False),
        ("two-by-name", "service/a", False, True),
        ("two-by-name", "service/a", True, False),
    ],
)
def test_what_kubectl_cannot_say_is_never_good(name: str, says: str, fails: bool, holds: bool, tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\necho '{says}' | grep .\nexit {int(fails)}\n")
    kubectl.chmod(0o755)
    probe = next(p for p in sampled.of(ENGINE).document["steady-state-hypothesis"]["probes"] if p["name"] == name)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        [probe["provider"]["path"], *probe["provider"]["arguments"]], env=path, check=False, capture_output=True
    )
    assert within_tolerance(probe["tolerance"], {"status": done.returncode, "stdout": ""}) is holds


def test_the_command_of_a_probe_runs_as_it_was_written() -> None:
    probe = next(p for p in sampled.of(ENGINE).document["steady-state-hypothesis"]["probes"] if p["name"] == "log-line")
    provider = probe["provider"]
    done = subprocess.run([provider["path"], *provider["arguments"]], capture_output=True, text=True, check=True)
    assert within_tolerance(probe["tolerance"], {"status": 0, "stdout": done.stdout})


def test_a_probe_that_litmus_would_not_take_is_lost_and_the_others_are_not(tmp_path: Path) -> None:
    (tree,) = sampled.trees(sampled.FOLDER / ENGINE)
    tree["spec"]["experiments"][0]["spec"]["probe"][0]["httpProbe/inputs"]["method"] = "get"
    found = sampled.quickly(tree)
    assert "has to be a mapping" in sampled.losses(found)["spec.experiments[0].spec.probe[0]"][1]
    assert found.document["steady-state-hypothesis"]["probes"][0]["name"] == "order"


def test_pods_that_an_engine_does_not_select_are_a_variable_and_no_others_are_struck() -> None:
    (tree,) = sampled.trees(sampled.FOLDER / ENGINE)
    del tree["spec"]["appinfo"]["applabel"]
    command = tree["spec"]["experiments"][1]["spec"]["probe"][6]["cmdProbe/inputs"]
    command["command"] = "echo $$ ${HOME}"
    found = sampled.quickly(tree)
    assert found.document["method"][0]["provider"]["arguments"]["app_label"] == "${app_label}"
    assert found.document["configuration"] == {"app_label": {"type": "env", "key": "APP_LABEL"}}
    assert sampled.losses(found)["spec.appinfo.applabel"][0] == "assumed"
    echo = next(p for p in found.document["steady-state-hypothesis"]["probes"] if p["name"] == "log-line")
    run = substitute(echo["provider"]["arguments"], {"app_label": "app=a"}, {})
    assert "echo $$ ${HOME}" in run[-1], "as Chaos Toolkit hands it on"


def test_a_label_without_the_kind_of_its_workload_is_told() -> None:
    (tree,) = sampled.trees(sampled.FOLDER / ENGINE)
    del tree["spec"]["appinfo"]["appkind"]
    found = sampled.quickly(tree)
    assert found.document["method"][0]["provider"]["arguments"]["app_kind"] == "deployment"
    assert sampled.losses(found)["spec.appinfo.appkind"][0] == "assumed"


def test_faults_of_nodes_select_no_pods() -> None:
    env = [{"name": "TOTAL_CHAOS_DURATION", "value": "60"}]
    spec = {"chaosServiceAccount": "sa", "experiments": [{"name": "node-drain", "spec": {"components": {"env": env}}}]}
    tree = {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": spec,
    }
    arguments = sampled.quickly(tree).document["method"][0]["provider"]["arguments"]
    assert arguments == {"fault": "node-drain", "ns": "b", "service_account": "sa", "duration_s": 60, "env": {}}


def test_a_schedule_is_its_engine_once() -> None:
    found = convert.convert(str(sampled.FOLDER / "litmus-schedule.yaml")).experiments[0]
    (action,) = found.document["method"]
    assert action["provider"]["arguments"]["app_kind"] == "statefulset"
    assert sampled.losses(found)["spec.schedule"][0] == "lost"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"experiments": []}, "has no fault"),
        ({"chaosServiceAccount": ""}, "no chaosServiceAccount"),
        ({"selectors": {"pods": [{"namespace": "a", "names": "b"}]}}, "strike others than the engine names"),
        ({"selectors": {"workloads": [{"kind": "deployment", "namespace": "a", "names": "b"}]}}, "strike others"),
    ],
)
def test_an_engine_that_would_strike_others_or_nothing_is_refused(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    (tree,) = sampled.trees(sampled.FOLDER / ENGINE)
    changed = copy.deepcopy(tree)
    changed["spec"] |= change
    with pytest.raises(errors.InvalidFile, match=said):
        sampled.converted(changed, tmp_path)


WORKFLOW = "litmus-argo.yaml"


def test_an_engine_that_a_workflow_of_argo_holds_is_an_experiment_with_the_lines_of_the_file() -> None:
    found = sampled.of(WORKFLOW)
    assert found.document["method"][0]["provider"]["arguments"]["ns"] == "shop", "the parameter's value"
    lines = (sampled.FOLDER / WORKFLOW).read_text().splitlines()
    (state,) = [loss for loss in found.losses if loss.path == "spec.engineState"]
    assert "engineState" in lines[state.line - 1]


def test_whatever_else_a_workflow_of_argo_holds_is_told() -> None:
    (tree,) = sampled.trees(sampled.FOLDER / WORKFLOW)
    told = [loss.path for loss in convert.convert(str(sampled.FOLDER / WORKFLOW)).beside]
    silent = [
        path
        for path in map(shown, leaves(tree))
        if not any(path == t or path.startswith((f"{t}.", f"{t}[")) for t in told if t)
    ]
    parameter = "spec.workflowSpec.arguments.parameters[0]"
    texts = [f"spec.workflowSpec.templates[{n}].inputs.artifacts[0].raw.data" for n in (1, 2)]
    assert silent == ["apiVersion", "kind", f"{parameter}.name", f"{parameter}.value", *texts]
    assert "" in told, "the fault's own ChaosExperiment"


def test_a_value_that_argo_fills_in_is_never_taken_for_a_name(tmp_path: Path) -> None:
    path = tmp_path / "workflow.yaml"
    path.write_text((sampled.FOLDER / WORKFLOW).read_text().replace("appns: shop", 'appns: "{{inputs.parameters.ns}}"'))
    (problem,) = convert.convert(str(path)).problems
    assert "filled in by Argo" in problem.message


def leaves(value: Any, steps: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [leaf for step, one in inner for leaf in leaves(one, (*steps, step))] if inner else [steps]
