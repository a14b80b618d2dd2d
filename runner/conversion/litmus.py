"""Litmus: each fault of a ChaosEngine is one action of our driver, with the engine's own variables; its probes become the hypothesis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.conversion import litmus_probes, litmus_time
from runner.conversion.draft import Activity, Draft, action
from runner.conversion.fields import Field

API = "litmuschaos.io/v1alpha1"
MODULE, FUNC, STOP = "runner.faults.litmus.actions", "run_fault", "stop_fault"
VARIABLE = "APP_LABEL"
DURATION = "TOTAL_CHAOS_DURATION"
NO_POD = "our driver makes the engine by itself, and gives its pods nothing but the variables of env"
LOST: Mapping[str, str] = {
    "engineState": "the run starts the engine and stops it",
    "jobCleanUpPolicy": "the run deletes what it made, and keeps the evidence on record",
    "terminationGracePeriodSeconds": "how fast an engine is stopped is up to our driver",
    "defaultHealthCheck": "whether all is well again is judged by the hypothesis and the objectives",
    "defaultAppHealthCheck": "whether all is well again is judged by the hypothesis and the objectives",
    "auxiliaryAppInfo": "nothing but the targets is watched: add a probe for each application beside them",
    "annotationCheck": "an old way of Litmus to name its targets; policy and plan say here what may be struck",
    "monitoring": "a metric of its own is not asked for: the figures of a run are those of chaos-run",
    "components": NO_POD,
}
"""Fields of an engine's spec."""
SCHEDULE = "an experiment runs when it is called: by CI, by cron, or `chaos-run gameday schedule`"
TARGETS = "the fault would strike others than the engine names"


def claims(tree: Any) -> bool:
    """Whether a document is an object of Litmus."""
    return isinstance(tree, dict) and str(tree.get("apiVersion", "")).startswith("litmuschaos.io/")


def convert(root: Field) -> Draft:
    """A ChaosEngine, or what a ChaosSchedule makes. Raises BrokenExperiment for anything else."""
    if root["apiVersion"].text() != API:
        root["apiVersion"].refuse(f"only {API} is known here")
    kind, spec = root["kind"].text(), root["spec"]
    if kind == "ChaosSchedule":
        spec["schedule"].lose(SCHEDULE)
        spec = spec["engineTemplateSpec"]
    elif kind != "ChaosEngine":
        root["kind"].refuse(f"a {kind} of Litmus strikes nothing by itself", "a ChaosEngine or a ChaosSchedule does")
    meta = root["metadata"]
    name = meta["name"].text() or meta["generateName"].text().rstrip("-")
    name = name or meta["name"].assume("litmus", "the experiment needs a name")
    meta["labels"].lose("the engine that our driver makes carries the labels of the run")
    meta["annotations"].lose("annotations steer the object that was there; ours is made and deleted by the run")
    root["status"].lose("what became of an earlier engine is not a part of the experiment")
    return _draft(name, kind, meta, spec)


def _draft(name: str, kind: str, meta: Field, spec: Field) -> Draft:
    targets = _targets(meta["namespace"], spec)
    faults = spec["experiments"].items()
    if not faults:
        spec["experiments"].refuse("this engine has no fault", "experiments: names at least one")
    for key, why in LOST.items():
        spec[key].lose(why)
    configuration = _whom(spec["appinfo"]["applabel"], targets, [str(fault["name"].value) for fault in faults])
    account = spec["chaosServiceAccount"].text()
    if not account:
        spec["chaosServiceAccount"].refuse("this engine has no chaosServiceAccount", "Litmus does nothing without one")
    probes = litmus_probes.read([one for fault in faults for one in fault["spec"]["probe"].items()])
    method = tuple(_fault(fault, targets, account) for fault in faults)
    return Draft(
        name=name,
        title=name,
        description=f"Converted from the {kind} {targets['ns']}/{name} of Litmus.",
        tags=("litmus", "kubernetes"),
        configuration=configuration,
        method=method,
        rollbacks=(action(f"stop-the-faults-in-{targets['ns']}", MODULE, STOP, {"ns": targets["ns"]}),),
        probes=probes.activities,
        block=_service(targets) | dict(probes.block),
        url=probes.url,
        hints=(
            "The ChaosExperiment of each fault and the service account have to be in its namespace before a run.",
            f"A pause is twice RAMP_TIME, the duration, and at least {litmus_time.STARTS_S:g} s for Litmus itself; then it is stopped.",
        ),
    )


def _fault(fault: Field, targets: Mapping[str, str], account: str) -> Activity:
    """One entry of `experiments:`."""
    name, components = fault["name"].text(), fault["spec"]["components"]
    if not name:
        fault.refuse("this fault has no name", "name: pod-delete")
    env: dict[str, Field] = {}
    duration: Field | None = None
    for one in components["env"].items():
        if one["valueFrom"]:
            one.lose("a value from a secret or a config map: write it as text, or as ${variable} of configuration")
        elif one["name"].value == DURATION:
            one["name"].take()
            duration = one["value"]
        else:
            env[one["name"].text()] = one["value"]
    for key, variable in (("delay", "STATUS_CHECK_DELAY"), ("timeout", "STATUS_CHECK_TIMEOUT")):
        if components["statusCheckTimeouts"][key]:
            env[variable] = components["statusCheckTimeouts"][key]
    for field in components.fields():
        if field.key not in ("env", "statusCheckTimeouts"):
            field.lose(NO_POD)
    lasts_s = _lasts(components["env"], duration)
    variables = {variable: value.text() for variable, value in env.items()}
    arguments = {"fault": name, **targets, "service_account": account, "duration_s": lasts_s, "env": variables}
    return action(name, MODULE, FUNC, arguments, lasts_s=litmus_time.needed_s(name, env, lasts_s))


def _lasts(env: Field, duration: Field | None) -> float:
    seconds = duration.number() if duration else None
    if seconds is None:
        return float(
            env.assume(60, f"no {DURATION}: its default depends on the fault; 60 is put in its place: check it")
        )
    return seconds


def _targets(namespace: Field, spec: Field) -> dict[str, str]:
    """Whom the engine strikes. Raises BrokenExperiment where our driver could not be told so."""
    info, selectors = spec["appinfo"], spec["selectors"]
    for field in (namespace, spec["chaosServiceAccount"], *info.fields()):
        if "{{" in str(field.value):
            field.refuse(f"{field.value!r} is filled in by Argo", "write the value itself")
    if selectors:
        return _selected(namespace, selectors)
    where = _namespace(namespace, info["appns"])
    found = {"ns": where}
    for key, argument in (("applabel", "app_label"), ("appkind", "app_kind")):
        if text := info[key].text():
            found[argument] = text
    if "app_label" in found and "app_kind" not in found:
        found["app_kind"] = info["appkind"].assume(
            "deployment", "Litmus takes no label without the kind of workload that it is of"
        )
    return found


def _whom(label: Field, targets: dict[str, str], faults: list[str]) -> dict[str, Any]:
    """A variable for the pods that an engine does not select; faults of nodes need none."""
    if "app_label" in targets or all(fault.startswith("node-") for fault in faults):
        return {}
    label.assume(
        f"${{{VARIABLE}}}", "the pods to strike, by their labels: app=cart; pods by their names cannot be told"
    )
    targets["app_label"] = "${app_label}"
    return {"app_label": {"type": "env", "key": VARIABLE}}


def _selected(namespace: Field, selectors: Field) -> dict[str, str]:
    pods, workloads = selectors["pods"].items(), selectors["workloads"].items()
    if len(pods) + len(workloads) != 1 or (workloads and not workloads[0]["labels"]):
        hint = "write one engine for each workload, by labels, or name the pods in the variable TARGET_PODS"
        selectors.refuse(f"only one workload by its labels can be converted: {TARGETS}", hint)
    if pods:
        selectors.refuse(f"pods by their names cannot be converted: {TARGETS}", "name them in the variable TARGET_PODS")
    (one,) = workloads
    where = _namespace(namespace, one["namespace"])
    return {"ns": where, "app_label": one["labels"].text(), "app_kind": one["kind"].text()}


def _namespace(engine: Field, targets: Field) -> str:
    """That of the targets: our driver makes the engine beside them."""
    own, theirs = engine.text(), targets.text()
    if own and theirs and own != theirs:
        engine.change(
            f"our driver makes the engine beside its targets: install fault and service account in {theirs} too"
        )
    if not own and not theirs:
        engine.assume("default", "kubectl would have taken the namespace of its context: check it")
    return theirs or own or "default"


def _service(targets: Mapping[str, str]) -> dict[str, Any]:
    key, _, value = targets.get("app_label", "").partition("=")
    return (
        {"service": value}
        if key in ("app", "app.kubernetes.io/name", "k8s-app") and value.isprintable() and value
        else {}
    )
