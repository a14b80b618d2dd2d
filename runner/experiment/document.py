"""Document: the experiment as Chaos Toolkit understands it; what Chaos Toolkit accepts is no error here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.experiment import activities, findings, keys, tolerance
from runner.experiment.notes import Notes, described
from runner.experiment.source import Steps

HYPOTHESIS = keys.HYPOTHESIS


def check(notes: Notes) -> None:
    """Everything but configuration, secrets and our own block, whose values are needed and so checked elsewhere."""
    tree = notes.source.tree
    keys.check(notes)
    _head(notes, tree)
    _extensions(notes, tree)
    _hypothesis(notes, tree)
    if "method" not in tree:
        hint = "add method: [] to check the hypothesis only"
        notes.error("method", (), "an experiment needs a method, even an empty one", hint=hint)
    for part in ("method", "rollbacks"):
        if tree.get(part) or (part in tree and tree[part] is None):
            _list(notes, tree, part)
    _names(notes)
    _entries(notes, tree)
    _controls(notes, tree)


def walk(tree: Any) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Every activity that is a mapping, with its place: hypothesis, method, rollbacks."""
    hypothesis = tree.get(HYPOTHESIS)
    probes = hypothesis.get("probes") if isinstance(hypothesis, dict) else None
    lists = {(HYPOTHESIS, "probes"): probes, ("method",): tree.get("method"), ("rollbacks",): tree.get("rollbacks")}
    for steps, found in lists.items():
        for index, activity in enumerate(found if isinstance(found, list) else ()):
            if isinstance(activity, dict):
                yield (*steps, index), activity


def _head(notes: Notes, tree: dict[str, Any]) -> None:
    for key in ("title", "description"):
        if not tree.get(key):
            notes.error(key, (key,), f"an experiment needs a {key}", hint=f"add {key}: …", key=True)
    tags = tree.get("tags")
    if isinstance(tags, str) and tags:
        notes.warning("tags", ("tags",), "tags are a list: each letter of this text is a tag", hint=f"tags: [{tags}]")
    elif tags and notes.is_kind(tags, list, ("tags",), "tags"):
        for index, tag in enumerate(tags):
            if tag == "" or not isinstance(tag, str):
                notes.error("tags", ("tags", index), f"a tag is text, not {described(tag)}", hint="quote it")


def _extensions(notes: Notes, tree: dict[str, Any]) -> None:
    entries = tree.get("extensions")
    if entries and notes.is_kind(entries, list, ("extensions",), "extensions"):
        for index, entry in enumerate(entries):
            if notes.is_kind(entry, dict, ("extensions", index), "an extension"):
                name = entry.get("name")
                if not isinstance(name, str) or not name.strip():
                    notes.error("extension-name", ("extensions", index), "an extension has no name", hint="add name: …")


def _hypothesis(notes: Notes, tree: dict[str, Any]) -> None:
    if HYPOTHESIS not in tree or not notes.is_kind(tree[HYPOTHESIS], dict, (HYPOTHESIS,), "the hypothesis"):
        return
    hypothesis = tree[HYPOTHESIS]
    if not hypothesis.get("title"):
        notes.error("title", (HYPOTHESIS, "title"), "the hypothesis needs a title", hint="add title: …")
    if "probes" not in hypothesis or not notes.is_kind(hypothesis["probes"], list, (HYPOTHESIS, "probes"), "probes"):
        return
    for index, probe in enumerate(hypothesis["probes"]):
        steps = (HYPOTHESIS, "probes", index)
        activities.check(notes, probe, steps)
        if not isinstance(probe, dict):
            continue
        if "tolerance" in probe:
            tolerance.check(notes, probe["tolerance"], (*steps, "tolerance"))
        else:
            hint = "add tolerance: … (what the probe has to return)"
            notes.error("tolerance", steps, f"{activities.describe_activity(probe)} has no tolerance", hint=hint)


def _list(notes: Notes, tree: dict[str, Any], part: str) -> None:
    if notes.is_kind(tree[part], list, (part,), part):
        for index, activity in enumerate(tree[part]):
            activities.check(notes, activity, (part, index))


def _entries(notes: Notes, tree: dict[str, Any]) -> None:
    """Probes behind configuration values, and entries of a type that Chaos Toolkit does not know: it takes those for the value."""
    entries = tree.get("configuration")
    for name, entry in (entries if isinstance(entries, dict) else {}).items():
        kind = entry.get("type") if isinstance(entry, dict) else None
        if kind == "probe":
            activities.check_provider(notes, entry, ("configuration", name))
        elif (
            isinstance(kind, str)
            and kind != "env"
            and (findings.closest_word(kind, ("env", "probe")) or kind == "vault")
        ):
            said = f"Chaos Toolkit knows no configuration of type {kind!r}: '{name}' is this mapping as it stands"
            notes.warning(
                "entry-type", ("configuration", name, "type"), said, hint="types: env, probe; a vault has secrets only"
            )


def _names(notes: Notes) -> None:
    """A name belongs to one activity only, else a reference is a guess."""
    seen: dict[str, bool] = {}
    for steps, activity in walk(notes.source.tree):
        name = str(activity.get("name") or "")
        if not name or activity.get("ref"):
            continue
        acts = steps[0] == "method" and activity.get("type") == "action"
        if name in seen:
            apart = "tell them apart by a number only" if acts and seen[name] else "cannot tell them apart"
            said = f"there is another activity called '{name}': plan and reports {apart}"
            notes.warning("duplicate-name", (*steps, "name"), said)
        seen[name] = acts and seen.get(name, True)


def controls(tree: Any) -> Iterator[tuple[Steps, Any]]:
    """Every control of the experiment, the hypothesis and the activities, with its place."""
    owners: list[tuple[Steps, Any]] = [((), tree), ((HYPOTHESIS,), tree.get(HYPOTHESIS)), *walk(tree)]
    for steps, owner in owners:
        if isinstance(owner, dict) and isinstance(owner.get("controls"), list):
            for index, control in enumerate(owner["controls"]):
                yield (*steps, "controls", index), control


def _controls(notes: Notes, tree: dict[str, Any]) -> None:
    if "controls" in tree:
        notes.is_kind(tree["controls"], list, ("controls",), "controls")
    found = list(controls(tree))
    known = {c["name"] for _, c in found if isinstance(c, dict) and "ref" not in c and isinstance(c.get("name"), str)}
    for steps, control in found:
        if notes.is_kind(control, dict, steps, "a control"):
            _control(notes, control, steps, known)


def _control(notes: Notes, control: dict[str, Any], steps: Steps, known: set[str]) -> None:
    if "ref" in control and control["ref"] not in known:
        hint = findings.nearest(str(control["ref"]), known, what="controls")
        notes.error("ref", (*steps, "ref"), f"there is no control '{control['ref']}'", hint=hint)
    if "name" not in control:
        notes.error("control", steps, "a control has no name", hint="add name: …")
    if control.get("scope") and control["scope"] not in ("before", "after"):
        hint = findings.nearest(str(control["scope"]), ("before", "after"), what="scopes")
        notes.error("control", (*steps, "scope"), "a control acts before or after, or both without scope", hint=hint)
    if "provider" not in control:
        notes.error("control", steps, "a control has no provider", hint="add provider: {type: python, module: …}")
    elif notes.is_kind(control["provider"], dict, (*steps, "provider"), "a provider"):
        control_provider(notes, control["provider"], f"the control '{control.get('name')}'", (*steps, "provider"))


def control_provider(notes: Notes, provider: Mapping[str, Any], who: str, steps: Steps) -> None:
    """Of a control in the file or in the settings: without a type Chaos Toolkit crashes in the run, another one it never calls."""
    kind, module = provider.get("type"), provider.get("module")
    if kind is None:
        notes.error("control", steps, f"the provider of {who} has no type", hint="add type: python")
    elif kind != "python":
        said = f"{who} is never called: Chaos Toolkit calls controls of the type python, not {kind}"
        notes.warning("control", (*steps, "type"), said, hint=findings.nearest(str(kind), ("python",), what="types"))
    elif not module:
        notes.error("control", steps, f"{who} does not name its module", hint="add module: …")
    elif isinstance(module, str):
        activities.missing_module(notes.warning, module, (*steps, "module"), who)
