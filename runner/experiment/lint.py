"""Lint: what Chaos Toolkit lets pass and what then goes wrong in a run; warnings only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.experiment import document, findings, references, runtime, variables
from runner.experiment.activities import describe_activity
from runner.experiment.block import BlockReading
from runner.experiment.notes import Notes
from runner.experiment.source import Steps

COUNTS = {"count_pods", "count_instances", "cluster_membership_count", "instance_count_by_health"}
"""Probes of the extensions that always return a number."""
BLOCKING = {
    *("deployment_fully_available", "deployment_not_fully_available", "deployment_is_fully_available"),
    *("deployment_is_not_fully_available", "statefulset_fully_available", "statefulset_not_fully_available"),
    *("daemon_set_fully_available", "daemon_set_not_fully_available", "wait_desired_equals_healthy"),
    *("wait_desired_equals_healthy_tags", "wait_desired_not_equals_healthy_tags"),
}
"""Probes that wait inside, 30 s and more unless `timeout` says less."""


def check(notes: Notes, reading: BlockReading) -> None:
    """Every warning about a document that is, or nearly is, valid."""
    tree = notes.source.tree
    found = list(document.walk(references.resolved(tree)))
    written = {steps for steps, activity in document.walk(tree) if not activity.get("ref")}
    acts = any(a.get("type") == "action" for steps, a in found if steps[0] == "method")
    if acts and "rollbacks" not in tree:
        hint = "add rollbacks; rollbacks: [] says that nothing has to be put back"
        notes.warning("no-rollbacks", ("method",), "there are actions but no rollbacks", hint=hint, key=True)
    _judged(notes, reading, acts)
    for steps, activity in found:
        provider = activity.get("provider")
        if isinstance(provider, dict):
            if steps in written:  # what a reference names is told once, where it stands
                _bounds(notes, activity, provider, steps)
                _traps(notes, activity, provider, steps)
            if steps[0] == document.HYPOTHESIS:
                _hypothesis(notes, activity, provider, steps, reading)
    _typos(notes, tree)


def _judged(notes: Notes, reading: BlockReading, acts: bool) -> None:
    """Who is to stop the run, and by what it is judged."""
    if not acts or (reading.block is None and not reading.raw):
        return
    if not reading.raw:
        hint = "add a chaos-run entry to extensions: traffic, objectives, abort (`chaos-run schema block` describes it)"
        said = "there is no chaos-run block: the policy's default guards apply and only the hypothesis decides"
        notes.warning("no-block", ("extensions",), said, hint=hint)
        return
    if not reading.raw.get("abort"):
        hint = "add abort: [{duration: 5m}] at least"
        notes.warning(
            "no-stop",
            reading.steps,
            "no stop condition: nothing but the policy's default guards ends this run",
            hint=hint,
        )
    if not reading.raw.get("objectives"):
        hint = "add objectives: [{name: availability, indicator: …, target: 99%}]"
        notes.warning("no-objectives", reading.steps, "no objectives: the impact on users cannot be judged", hint=hint)


def _bounds(notes: Notes, activity: Mapping[str, Any], provider: Mapping[str, Any], steps: Steps) -> None:
    """Everything that waits should have an end."""
    kind, who = provider.get("type"), describe_activity(activity)
    if kind == "http" and provider.get("timeout") is None:
        said = f"{who} has no timeout: a service that hangs stalls it for ever"
        notes.warning("no-timeout", (*steps, "provider"), said, hint="add timeout: 2 to its provider", key=True)
    bound = activity.get("timeout") if kind == "python" else provider.get("timeout")
    if activity.get("background") is True and bound is None and kind in ("python", "process"):
        where = "the activity" if kind == "python" else "its provider"
        said = f"{who} runs in the background without bound: Chaos Toolkit waits for its end, also on an abort"
        notes.warning("background", (*steps, "background"), said, hint=f"add timeout: … to {where}", key=True)
    if kind == "python" and activity.get("timeout") is not None:
        said = f"plain `chaos run` ignores the timeout of {who}; chaos-run keeps it"
        notes.warning("python-timeout", (*steps, "timeout"), said, key=True)


def _traps(notes: Notes, activity: Mapping[str, Any], provider: Mapping[str, Any], steps: Steps) -> None:
    """Functions of the extensions that succeed without doing what was meant."""
    arguments = provider.get("arguments")
    given = arguments if isinstance(arguments, dict) else {}
    at = (*steps, "provider", "arguments")
    match provider.get("module"), provider.get("func"):
        case "chaosk8s.pod.actions", "terminate_pods" | "exec_in_pods" as func:
            if not given.get("label_selector") and not given.get("name_pattern"):
                taken = "every pod" if given.get("all") else "the first pod"
                said = f"{describe_activity(activity)} selects no pods: it takes {taken} of its namespace"
                hint = "add label_selector: app=… or name_pattern: …"
                notes.warning("no-selector", at, said, hint=hint, key=True)
            if func == "exec_in_pods" and not given.get("container_name"):
                said = (
                    f"{describe_activity(activity)} names no container: exec_in_pods then skips every pod and succeeds"
                )
                notes.warning("no-container", at, said, hint="add container_name: …", key=True)


def _hypothesis(
    notes: Notes, activity: Mapping[str, Any], provider: Mapping[str, Any], steps: Steps, reading: BlockReading
) -> None:
    if activity.get("type") == "action":
        notes.warning("hypothesis-action", (*steps, "type"), "an action in the hypothesis acts with every check of it")
    _emptiness(notes, activity, provider, steps)
    asked = runtime.of(notes.source.tree, {}, during=reading.during).hypothesis
    during = asked in ("continuously", "during-method-only")
    given = provider.get("arguments")
    limit = given.get("timeout") if isinstance(given, dict) else None
    if during and provider.get("func") in BLOCKING and not (isinstance(limit, int | float) and limit <= 2):
        said = f"{describe_activity(activity)} waits inside for up to {limit or 30} s: a check during the method then comes late"
        hint = "use a probe that answers at once (deployment_available_and_healthy), or timeout: 1"
        notes.warning("blocking-probe", (*steps, "provider", "func"), said, hint=hint)


def _emptiness(notes: Notes, activity: Mapping[str, Any], provider: Mapping[str, Any], steps: Steps) -> None:
    """A range against nothing, or against a whole answer, is an exception and no result: the run would end without rollback."""
    tolerance = activity.get("tolerance")
    ranged = isinstance(tolerance, dict) and tolerance.get("type") == "range"
    pair = isinstance(tolerance, list) and len(tolerance) == 2
    target = tolerance.get("target") if isinstance(tolerance, dict) else None
    python = provider.get("type") == "python"
    if (python and (ranged or pair) and provider.get("func") not in COUNTS) or (not python and ranged and not target):
        what = "if it returns nothing (None)" if python else "on the answer as a whole"
        hint = "judge it by a probe of type python as tolerance" if python else "add target: status, body or stdout"
        said = f"the range of {describe_activity(activity)} crashes Chaos Toolkit's check {what}: no rollback, no journal there"
        notes.warning("empty-value", (*steps, "tolerance"), said, hint=hint)


def _typos(notes: Notes, tree: Mapping[str, Any]) -> None:
    """`${name}` stays as it is when there is no such name, which may be meant; a near miss hardly is."""
    known = variables.declared(tree)
    for part in (document.HYPOTHESIS, "method", "rollbacks"):
        for where, text in variables.texts(tree.get(part), (part,)):
            for name in variables.names(text):
                hint = None if name in known else findings.closest_word(name, known)
                if hint:
                    notes.warning(
                        "unknown-variable",
                        where,
                        f"${{{name}}} is not in the configuration: it stays as it is",
                        hint=hint,
                    )
