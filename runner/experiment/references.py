"""References: `{ref: NAME}` stands for the activity of that name in the method or the hypothesis, as Chaos Toolkit reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.experiment import document, findings
from runner.experiment.notes import Notes


def check(notes: Notes) -> None:
    """Every reference finds its activity; one to nothing would end plain Chaos Toolkit in the middle of the run."""
    known = referable(notes.source.tree)
    named = {str(a.get("name")): steps[0] for steps, a in document.walk(notes.source.tree)}
    for steps, activity in document.walk(notes.source.tree):
        ref = activity.get("ref")
        if not isinstance(ref, str) or not ref or ref in known:
            continue
        if ref in named:
            what = "a rollback" if named[ref] == "rollbacks" else "a reference itself"
            said = f"'{ref}' is {what}: a reference can only name an activity of method or hypothesis"
            hint = "write the activity out here"
            notes.error("ref", (*steps, "ref"), said, hint=hint)
        else:
            said = f"there is no activity '{ref}' in method or hypothesis"
            notes.error("ref", (*steps, "ref"), said, hint=findings.nearest(ref, known, what="activities"))


def resolved(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The document with every reference replaced by the activity it names, for all who look at activities.

    A reference to nothing stays as it is, see `check`. Nothing of `tree` is changed.
    """
    known = referable(tree)
    whole = dict(tree)
    for part in ("method", "rollbacks"):
        if isinstance(tree.get(part), list):
            whole[part] = [spelt_out(activity, known) for activity in tree[part]]
    hypothesis = tree.get(document.HYPOTHESIS)
    if isinstance(hypothesis, Mapping) and isinstance(hypothesis.get("probes"), list):
        probes = [spelt_out(probe, known) for probe in hypothesis["probes"]]
        whole[document.HYPOTHESIS] = {**hypothesis, "probes": probes}
    return whole


def referable(tree: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What a reference may name: activities of the method, then of the hypothesis, of which the last one counts."""
    order = sorted(document.walk(tree), key=lambda found: found[0][0] != "method")  # as chaoslib fills its cache
    return {str(a["name"]): a for steps, a in order if steps[0] != "rollbacks" and a.get("name") and not a.get("ref")}


def spelt_out(activity: Any, known: Mapping[str, Mapping[str, Any]]) -> Any:
    """The activity that is meant: itself, unless it is a reference."""
    named = known.get(str(activity.get("ref"))) if isinstance(activity, Mapping) and activity.get("ref") else None
    if named is None:
        return activity
    # Chaos Toolkit takes these two from the reference, and ignores what else stands beside `ref`.
    own = {key: activity[key] for key in ("background", "tolerance") if key in activity}
    return {k: v for k, v in named.items() if k != "background"} | own
