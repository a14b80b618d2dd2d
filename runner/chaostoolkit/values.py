"""Values: an experiment's configuration and secrets, resolved once, and the same for whoever acts, looks or undoes.

The parent knows what stands in the file, in variables and in the environment; the worker asks the probes behind dynamic
entries; both travel as `configuration` of the start message, so that nobody resolves them a second time.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from chaoslib.activity import run_activity
from chaoslib.exceptions import ActivityFailed

from runner import error_text, errors
from runner.chaostoolkit import secrets
from runner.experiment import variables
from runner.process.channel import plain
from runner.process.isolated import Forked
from runner.rundir.start_message import HIDDEN, StartMessage

RECALL_S = 20.0
"""How long an undo from disk waits for the probes behind values that may not stand on disk."""


@dataclass(frozen=True)
class Values:
    """What `${name}` stands for."""

    configuration: dict[str, Any]
    secrets: dict[str, Any] = field(repr=False)
    """By group."""


def of(start: StartMessage, document: Mapping[str, Any] | None = None) -> Values:
    """The values of a run; what a probe has to tell and nobody has asked is left out. Raises `secrets.troubles()`."""
    document = start.document if document is None else document
    known = {**start.variables, **start.configuration}
    read = start.known_secrets  # by this process when it started: a vault need not live as long
    if read is not None:
        document = {**document, "secrets": {name: read.get(name) for name in document.get("secrets") or {}}}
    configuration, groups = secrets.resolve(document, (known, start.secret_variables))
    return Values({k: v for k, v in configuration.items() if k in known or not variables.by_probe(v)}, groups)


class RunSecrets:
    """The secrets of a run, for its fault systems: each resolved when it is asked for, so that a vault that hangs, or a variable
    that is not set where somebody recovers, is in the way of nothing that does not need it."""

    def __init__(self, start: StartMessage) -> None:
        self._start = start

    def group(self, name: str) -> Mapping[str, Any]:
        """One group by itself. Raises EnvironmentFailure."""
        document = self._start.document
        alone = {"configuration": document.get("configuration"), "secrets": {name: document["secrets"][name]}}
        try:
            found: Mapping[str, Any] = of(self._start, alone).secrets[name]
        except secrets.troubles() as problem:
            raise errors.EnvironmentFailure(f"the secrets {name!r} cannot be resolved here: {problem}") from None
        if HIDDEN in secrets.values(found):
            raise errors.EnvironmentFailure(f"the secrets {name!r} are not known here: the experiment's file is gone")
        return found

    def every(self) -> Mapping[str, Mapping[str, Any]]:
        """All groups by name. Raises `secrets.troubles()`."""
        return {name: group for name, group in of(self._start).secrets.items() if isinstance(group, Mapping)}

    def starting_with(self, prefix: str) -> dict[str, Any]:
        """The entries of all groups whose names begin so, merged; no others are resolved. Raises `secrets.troubles()`."""
        document = self._start.document
        groups = {k: _with_prefix(group, prefix) for k, group in (document.get("secrets") or {}).items()}
        resolved = of(self._start, {**document, "secrets": groups}).secrets
        merged = {k: v for group in resolved.values() if isinstance(group, Mapping) for k, v in group.items()}
        return {k: v for k, v in merged.items() if k.startswith(prefix)}


def _with_prefix(group: Any, prefix: str) -> Any:
    if not isinstance(group, Mapping) or group.get("type") in ("env", "vault"):
        return group
    return {k: v for k, v in group.items() if k.startswith(prefix)}


def resolve(start: StartMessage) -> tuple[Values, list[str]]:
    """All values, with every probe asked that nobody has asked yet, and why each that is needed is missing, in sentences."""
    try:
        found = of(start)
    except secrets.troubles() as problem:
        said = f"the experiment's secrets cannot be read: {type(problem).__name__}: {problem}"
        return Values(dict(start.configuration), {}), [said]
    troubles = []
    for name, entry in _probed_values(start, found):
        try:
            found.configuration[name] = _look_up(entry, found)
        except (ActivityFailed, *secrets.troubles()) as problem:
            troubles.append(_failed(name, entry, problem))
    return found, troubles or missing_values(start.document, found)


def missing_values(document: Mapping[str, Any], values: Values, activity: Mapping[str, Any] | None = None) -> list[str]:
    """A sentence for each name that is declared and used, by the whole document or one activity, and has no value."""
    declared = _declared(document)
    used = variables.used(document) if activity is None else variables.used({"method": [activity]})
    return [
        f"{declared[name]} has no value, and {who} needs it"
        for name, who in used.items()
        if name in declared and _is_nothing(name, document, values)
    ]


def recall(start: StartMessage) -> dict[str, Any]:
    """The configuration of a run that is undone from disk; a probe is asked again only where its answer may not stand there."""
    known = dict(start.configuration)
    if known.keys() >= set(variables.asks_probes(start.document)):
        return known
    answer = Forked(lambda: resolve(start)[0].configuration, RECALL_S, secrets.unmasked).wait()
    return known | (answer.get("value") or {})


def _probed_values(start: StartMessage, found: Values) -> Iterator[tuple[str, Mapping[str, Any]]]:
    given = {**(start.document.get("configuration") or {}), **start.variables}
    for name in start.document.get("configuration") or {}:
        if name not in found.configuration and variables.by_probe(given[name]):
            yield name, given[name]


def _look_up(entry: Mapping[str, Any], known: Values) -> Any:
    """What Chaos Toolkit takes of a probe's answer: the output, a program's stdout, a body. Raises ActivityFailed and others."""
    probe = deepcopy(dict(entry))
    provider = probe["provider"]
    provider["secrets"] = [name for name, group in known.secrets.items() if isinstance(group, Mapping)]
    with _at_most(variables.look_up_s(entry)):
        output = run_activity(probe, known.configuration, known.secrets)
    if provider["type"] == "python":
        return plain(output)
    if refused := error_text.of_answer(output):
        raise ActivityFailed(refused)
    return output["stdout"].strip() if provider["type"] == "process" else output["body"]


def _failed(name: str, entry: Mapping[str, Any], problem: BaseException) -> str:
    why = str(problem) if isinstance(problem, ActivityFailed) else error_text.sentence(problem)
    return f"the configuration value '{name}' cannot be looked up: its probe '{entry.get('name')}' failed: {why}"


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """In the main thread only. Raises ActivityFailed there when the time is over."""

    def over(_: int, __: FrameType | None) -> None:
        raise ActivityFailed(f"no answer within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, over)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
        signal.signal(signal.SIGALRM, before)


def _declared(document: Mapping[str, Any]) -> dict[str, str]:
    """How to call each name that a value is declared for."""
    groups = document.get("secrets") or {}
    inner = [name for group in groups.values() if isinstance(group, Mapping) for name in group]
    named = {str(name): f"the secret '{name}'" for name in inner}
    return named | {str(n): f"the configuration value '{n}'" for n in document.get("configuration") or {}}


def _is_nothing(name: str, document: Mapping[str, Any], values: Values) -> bool:
    entry = (document.get("configuration") or {}).get(name)
    if entry is not None or name in values.configuration:
        found = values.configuration.get(name)
        return found is None or (found == "" and variables.by_probe(entry))
    groups = [group for group in values.secrets.values() if isinstance(group, Mapping)]
    return next((group[name] for group in groups if name in group), None) in (None, {})
