"""Activities: probes and actions checked as Chaos Toolkit checks them, but all at once and without importing anything."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib.machinery import PathFinder
from numbers import Number
from pathlib import Path
from typing import Any

from runner.experiment import findings, urls
from runner.experiment.notes import Notes, described
from runner.experiment.source import Steps

PROVIDERS = ("python", "process", "http")


def check(notes: Notes, activity: Any, steps: Steps) -> None:
    """One activity of a method, hypothesis or rollback, or a reference to one."""
    if not activity:
        notes.error("activity", steps, "an empty activity is no activity")
    elif notes.is_kind(activity, dict, steps, "an activity"):
        _controls(notes, activity, steps)
        if activity.get("ref") is not None:
            if not isinstance(activity["ref"], str) or not activity["ref"]:
                notes.error("ref", (*steps, "ref"), f"ref names an activity, it cannot be {described(activity['ref'])}")
        else:
            _check_form(notes, activity, steps)


def _check_form(notes: Notes, activity: Mapping[str, Any], steps: Steps) -> None:
    kind = activity.get("type")
    if kind not in ("probe", "action"):
        said = "has no type" if not kind else f"cannot be of type {kind!r}"
        hint = findings.nearest(str(kind or ""), ("probe", "action"), what="types")
        notes.error("activity-type", (*steps, "type"), f"an activity {said}", hint=hint)
    if not activity.get("name"):
        notes.error("activity-name", (*steps, "name"), "an activity has no name", hint="add name: …")
    _settings(notes, activity, steps)
    check_provider(notes, activity, steps)


def check_provider(notes: Notes, activity: Mapping[str, Any], steps: Steps) -> None:
    """What an activity calls, or a probe behind a configuration value."""
    provider = activity.get("provider")
    if not provider:
        notes.error("provider", (*steps, "provider"), f"{describe_activity(activity)} has no provider")
    elif notes.is_kind(provider, dict, (*steps, "provider"), "a provider"):
        _provider(notes, provider, (*steps, "provider"), describe_activity(activity))


def _settings(notes: Notes, activity: Mapping[str, Any], steps: Steps) -> None:
    timeout = activity.get("timeout")
    if timeout is not None and not isinstance(timeout, Number):
        notes.error("timeout", (*steps, "timeout"), f"timeout has to be a number of seconds, not {described(timeout)}")
    if "background" in activity and not isinstance(activity["background"], bool):
        notes.error(
            "background",
            (*steps, "background"),
            f"background is true or false, not {described(activity['background'])}",
        )
    pauses = activity.get("pauses")
    if pauses is not None and notes.is_kind(pauses, dict, (*steps, "pauses"), "pauses"):
        for moment in ("before", "after"):
            pause = pauses.get(moment)
            if isinstance(pause, str) and not (pause.startswith("${") and pause.endswith("}")):
                hint = "write plain seconds, for example 15" if pause[:1].isdigit() else "write seconds or ${name}"
                notes.error(
                    "pause",
                    (*steps, "pauses", moment),
                    f"a pause is a number of seconds, not {described(pause)}",
                    hint=hint,
                )


def describe_activity(activity: Mapping[str, Any]) -> str:
    """An activity in a sentence: its type and name."""
    return f"the {activity.get('type') or 'activity'} '{activity.get('name') or 'without name'}'"


def _provider(notes: Notes, provider: Mapping[str, Any], steps: Steps, who: str) -> None:
    kind = provider.get("type")
    if kind == "python":
        _python(notes, provider, steps, who)
    elif kind == "process":
        _process(notes, provider, steps, who)
    elif kind == "http":
        _http(notes, provider, steps, who)
    else:
        said = "has no type" if not kind else f"cannot be of type {kind!r}"
        hint = findings.nearest(str(kind or ""), PROVIDERS, what="types")
        notes.error("provider-type", (*steps, "type"), f"the provider of {who} {said}", hint=hint)


def _python(notes: Notes, provider: Mapping[str, Any], steps: Steps, who: str) -> None:
    for key, what in (("module", "the module"), ("func", "the function")):
        if not provider.get(key):
            notes.error("provider", (*steps, key), f"{who} does not name {what} to call", hint=f"add {key}: …")
    if "arguments" in provider:
        notes.is_kind(provider["arguments"], dict, (*steps, "arguments"), "the arguments of a Python function")
    module = provider.get("module")
    if isinstance(module, str) and module:
        missing_module(notes.lacking, module, (*steps, "module"), who)


def _process(notes: Notes, provider: Mapping[str, Any], steps: Steps, who: str) -> None:
    path = provider.get("path")
    if not path:
        notes.error("provider", (*steps, "path"), f"{who} does not name the program to run", hint="add path: …")
    elif notes.is_kind(path, str, (*steps, "path"), "the path of a program"):
        found = shutil.which(path)
        if "$" not in path and (found is None or not os.access(found, os.X_OK)):  # a variable: told by `substitution`
            notes.lacking("program", (*steps, "path"), f"there is no program '{path}' here, which {who} runs")
    if isinstance(provider.get("arguments"), dict):
        notes.warning(
            "arguments", (*steps, "arguments"), "arguments as a mapping are deprecated: write a list", key=True
        )


def _http(notes: Notes, provider: Mapping[str, Any], steps: Steps, who: str) -> None:
    if not provider.get("url"):
        notes.error("provider", (*steps, "url"), f"{who} has no URL to call", hint="add url: …")
    elif not urls.unresolved(str(provider["url"])) and (why := urls.trouble(str(provider["url"]))):
        notes.error("provider", (*steps, "url"), f"{who} calls '{provider['url']}', which is no URL: {why}")
    if provider.get("headers"):
        notes.is_kind(provider["headers"], dict, (*steps, "headers"), "headers")


@cache
def is_installed(package: str) -> bool:
    """Whether a top-level package can be found, from here or from the folder we are called in."""
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]  # of packages under development, too
    return (
        package in sys.stdlib_module_names
        or any(finder.find_spec(package, None) is not None for finder in finders)
        or PathFinder.find_spec(package, [str(Path.cwd())]) is not None
    )


def missing_module(note: Callable[..., None], module: str, steps: Steps, who: str) -> None:
    """Note a module whose top-level package is not there; nothing is imported."""
    package = module.partition(".")[0]
    if "$" not in package and not is_installed(package):
        known = EXTENSIONS.get(package)
        hint = f"install {known}" if known else "install what it belongs to"
        note("module", steps, f"the Python package '{package}' is not installed here, which {who} needs", hint=hint)


EXTENSIONS = {
    "chaosk8s": "chaostoolkit-kubernetes",
    "chaosaws": "chaostoolkit-aws",
    "chaosgcp": "chaostoolkit-google-cloud-platform",
    "chaosazure": "chaostoolkit-azure",
    "chaosprometheus": "chaostoolkit-prometheus",
    "chaosistio": "chaostoolkit-istio",
    "chaostoxi": "chaostoolkit-toxiproxy",
    "chaosgremlin": "chaostoolkit-gremlin",
    "chaosaddons": "chaostoolkit-addons",
    "chaosreliably": "chaostoolkit-reliably",
}


def _controls(notes: Notes, owner: Mapping[str, Any], steps: Steps) -> None:
    if "controls" in owner:
        notes.is_kind(owner["controls"], list, (*steps, "controls"), "controls")
