"""kill-pods of krkn as `terminate_pods`: the same pods by the same patterns, in one namespace."""

from __future__ import annotations

import re
from typing import Any

from runner.conversion import probes
from runner.conversion.draft import Activity, Draft, action
from runner.conversion.fields import Field

_ONE = re.compile(r"\^?([a-z0-9]([-a-z0-9]*[a-z0-9])?)\$?")
VARIABLE = "TARGET_NAMESPACE"
WAIT = "wait-for-pods"
CONTEXT = "which cluster is struck is said by --context, and has to be cleared"
NO_WAIT = "the run watches how users fare; how long a pod may take is an objective or expect: recovered_within"


def convert(root: Field) -> Draft:
    """A list of scenarios: each that kills is one action, each that waits for pods a check of the hypothesis."""
    configuration: dict[str, Any] = {}
    kills = [one for one in root.items() if one["id"].value != WAIT]
    waits = [one["config"] for one in root.items() if one["id"].value == WAIT]
    if not kills:
        root.refuse("there is no scenario in it that kills pods", "put what it waits for into an experiment that does")
    method = tuple(_kill(one["id"].text(), one["config"], configuration) for one in kills)
    configs = [one["config"] for one in kills]
    recovery = next((wait for one in configs if isinstance(wait := one["krkn_pod_recovery_time"].value, int)), None)
    whom = str(configs[0]["label_selector"].value or configs[0]["name_pattern"].value)
    name = "-".join(("kill-pods", *re.findall(r"[A-Za-z0-9]+", whom)))
    return Draft(
        name=name,
        title=name,
        description="Converted from a kill-pods scenario of krkn.",
        tags=("pod",),
        configuration=configuration,
        probes=tuple(probe for config in waits if (probe := _wait(config, configuration)) is not None),
        method=method,
        hints=(f"krkn waited {recovery} s for the pods: expect: {{recovered_within: {recovery}s}}",)
        if recovery
        else (),
    )


def _wait(config: Field, configuration: dict[str, Any]) -> Activity | None:
    """None, and lost, for pods by their names: the probe counts by labels."""
    labels, count = config["label_selector"].text(), config["count"].number()
    if not labels or count is None:
        config.lose("only a number of pods by their labels can be converted")
        return None
    for key in ("timeout", "backoff"):
        config[key].lose("the hypothesis is asked before, during and after the method")
    config["kubeconfig_path"].lose(CONTEXT)
    ns = _namespace(config["namespace_pattern"], configuration)
    provider = {"type": "python", "module": "chaosk8s.pod.probes", "func": "count_pods"}
    arguments = {"label_selector": labels, "ns": ns}
    tolerance = {"type": "range", "range": [count, int(probes.MOST)]}
    return probes.probe(f"at-least-{count:g}-pods", provider | {"arguments": arguments}, tolerance)


def _kill(name: str, config: Field, configuration: dict[str, Any]) -> Activity:
    labels, pattern = _labels(config), config["name_pattern"].text()
    if not labels and not pattern:
        config.refuse("this scenario selects no pods", "it needs label_selector or name_pattern")
    for key in ("node_label_selector", "node_names"):
        if config[key]:
            hint = "select them by a label of their own"
            config[key].refuse(
                "pods of certain nodes cannot be selected: the action would strike those of others too", hint
            )
    arguments: dict[str, Any] = {"label_selector": labels} if labels else {}
    if pattern:
        arguments["name_pattern"] = (
            pattern if pattern.startswith("^") else f"^(?:{pattern})"
        )  # krkn matches from the start
    arguments |= {"ns": _namespace(config["namespace_pattern"], configuration), "rand": True}
    number = config["kill"].number()
    arguments["qty"] = 1 if number is None else number
    if number is not None and number > 1:
        config["kill"].change("where there are fewer pods, all of them are killed: krkn kills none then")
    if config["force"].take() is True:
        arguments["grace_period"] = 0
    for key in ("krkn_pod_recovery_time", "timeout", "duration", "backoff"):
        config[key].lose(NO_WAIT)
    config["execution"].lose("several scenarios are done one after another")
    config["kubeconfig_path"].lose(CONTEXT)
    return action(name, "chaosk8s.pod.actions", "terminate_pods", arguments)


def _labels(config: Field) -> str:
    """The selector, with what is excluded as a part of it."""
    labels, excluded = config["label_selector"].text(), config["exclude_label"].value
    if not excluded:
        return labels
    if not re.fullmatch(r"[\w./-]+(=[\w./-]*)?", str(excluded)):
        config["exclude_label"].refuse(
            "only one label can be excluded: the action would strike more than the scenario", "KEY=VALUE"
        )
    config["exclude_label"].change(
        "such pods are not chosen at all: krkn chooses them, passes them over and kills fewer"
    )
    key, sign, value = str(excluded).partition("=")
    return ",".join(part for part in (labels, f"{key}!={value}" if sign else f"!{key}") if part)


def _namespace(pattern: Field, configuration: dict[str, Any]) -> str:
    """The only namespace that a pattern means; else a variable."""
    if not pattern:
        pattern.assume("${namespace}", f"krkn does nothing without it: name the namespace in {VARIABLE}")
    found = _ONE.fullmatch(pattern.text())
    if found is None:
        pattern.change(
            f"the action strikes in one namespace: name it in {VARIABLE}, and run it once for each that the pattern means"
        )
        configuration["namespace"] = {"type": "env", "key": VARIABLE}
        return "${namespace}"
    if not pattern.text().endswith("$"):
        pattern.change(f"the pattern means every namespace that begins so; the action strikes in {found[1]} alone")
    return found[1]
