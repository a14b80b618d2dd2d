"""Keys: a key that Chaos Toolkit does not know where it stands, and that is nearly one it knows there, is hardly meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from runner.experiment import findings
from runner.experiment.notes import Notes, described
from runner.experiment.source import Steps

HYPOTHESIS = "steady-state-hypothesis"
ROOT = (
    *("version", "title", "description", "tags", "configuration", "secrets", "controls", "extensions", "contributions"),
    *("runtime", "method", "rollbacks", "dry", HYPOTHESIS),
)
_ACTIVITY = (
    *("type", "name", "provider", "tolerance", "pauses", "background", "controls", "secrets", "configuration"),
    *("timeout", "ref", "dry", "ignore", "description", "tags"),
)
_CONTROL = ("name", "ref", "provider", "scope", "automatic", "background")
_PROVIDERS = {
    "python": ("type", "module", "func", "arguments", "secrets"),
    "process": ("type", "path", "arguments", "timeout", "secrets"),
    "http": (
        *("type", "url", "method", "headers", "arguments", "timeout", "secrets"),
        *("verify_tls", "max_retries", "expected_status"),
    ),
}
_PAUSES = ("before", "after")
_JOURNAL = ("chaoslib-version", "steady_states", "deviated", "node", "platform", "run")
"""Of what chaoslib writes about a run, see its `Journal`."""


def check(notes: Notes) -> None:
    """Every level of the document."""
    for steps, found, known in _levels(notes.source.tree):
        for key in found:
            hint = None if key in known else findings.closest_word(str(key), known)
            if hint:
                notes.warning(
                    "unknown-key", (*steps, key), f"Chaos Toolkit ignores the key '{key}'", hint=hint, key=True
                )


def no_experiment(tree: Any) -> tuple[str, str | None]:
    """What to say of a document that is no experiment, and a hint; an empty sentence where it may be one."""
    if not tree or not isinstance(tree, dict):
        return f"an experiment is a mapping with title and method, this is {described(tree)}", None
    if "method" not in tree and isinstance(tree.get("experiment"), dict) and any(key in tree for key in _JOURNAL):
        said = "this is a journal: what Chaos Toolkit wrote about a run, not an experiment"
        return (
            said,
            "the experiment that it ran stands in it under `experiment`: jq .experiment JOURNAL > experiment.json",
        )
    if "method" not in tree and "apiVersion" in tree and "kind" in tree:
        return f"this is of the kind {tree['kind']} of {tree['apiVersion']}, not an experiment of Chaos Toolkit", None
    return "", None


def _levels(tree: dict[str, Any]) -> Iterator[tuple[Steps, dict[Any, Any], Sequence[str]]]:
    """Every mapping whose keys Chaos Toolkit gives a meaning, its place, and those keys."""
    yield (), tree, ROOT
    yield from _controls(tree, ())
    hypothesis = tree.get(HYPOTHESIS)
    if isinstance(hypothesis, dict):
        yield (HYPOTHESIS,), hypothesis, ("title", "probes", "controls", "description")
        yield from _controls(hypothesis, (HYPOTHESIS,))
        yield from _activities(hypothesis.get("probes"), (HYPOTHESIS, "probes"))
    for part in ("method", "rollbacks"):
        yield from _activities(tree.get(part), (part,))


def _activities(found: Any, steps: Steps) -> Iterator[tuple[Steps, dict[Any, Any], Sequence[str]]]:
    for at, activity in _mappings(found, steps):
        yield at, activity, _ACTIVITY
        yield from _controls(activity, at)
        yield from _provider(activity, at)
        if isinstance(activity.get("pauses"), dict):
            yield (*at, "pauses"), activity["pauses"], _PAUSES


def _controls(owner: dict[str, Any], steps: Steps) -> Iterator[tuple[Steps, dict[Any, Any], Sequence[str]]]:
    for at, control in _mappings(owner.get("controls"), (*steps, "controls")):
        yield at, control, _CONTROL
        yield from _provider(control, at)


def _provider(owner: dict[str, Any], steps: Steps) -> Iterator[tuple[Steps, dict[Any, Any], Sequence[str]]]:
    provider = owner.get("provider")
    if isinstance(provider, dict) and (known := _PROVIDERS.get(str(provider.get("type")))):
        yield (*steps, "provider"), provider, known


def _mappings(found: Any, steps: Steps) -> Iterator[tuple[Steps, dict[Any, Any]]]:
    for index, one in enumerate(found if isinstance(found, list) else ()):
        if isinstance(one, dict):
            yield (*steps, index), one
