"""Variables: what `--var`, files and `configuration:` give, and `${name}` replaced by it exactly as Chaos Toolkit does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from runner import errors
from runner.experiment import findings
from runner.experiment.notes import Notes
from runner.experiment.source import Steps, text_of

TYPES = ("str", "int", "float", "bool", "json")
_ALIASES = {"string": "str", "integer": "int", "number": "float"}
LOOK_UP_S = 30.0
"""How long a probe behind a configuration value may take, unless its `timeout` says otherwise."""
VAULT = "the extra `vault` of chaos-run"
VAULT_HINT = "pip install 'chaos-run[vault]'"
_PATTERN = re.compile(r"\$\{(\w+)\}", re.ASCII)


def convert(kind: str | None, value: Any) -> Any:
    """A value in the type that `name:type=` or `env_var_type` asks for. Raises ValueError or TypeError."""
    kind = _ALIASES.get(kind or "str", kind or "str")
    if kind == "int":
        try:
            return int(value)
        except OverflowError as problem:
            raise ValueError(str(problem)) from None
    if kind == "float":
        return float(value)
    if kind == "bytes":
        raise ValueError(
            "the type bytes is not supported: the processes of a run hand an experiment on as JSON; use str"
        )
    if kind == "bool":
        return value if isinstance(value, bool) else value.lower() not in ("false", "0", "no")
    if kind == "json":
        return json.loads(value) if isinstance(value, str) and value else value
    if kind != "str":
        raise ValueError(f"{kind!r} is not a type of variables; there are {', '.join(TYPES)}")
    return value


def from_options(given: Iterable[str]) -> dict[str, Any]:
    """`name[:type]=value` as many times as given. Raises UsageError."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise errors.UsageError(f"--var {text}: write --var name=value or --var name:type=value")
        name, _, kind = name.rpartition(":") if ":" in name else (name, "", "str")
        try:
            found[name] = convert(kind, value)
        except ValueError as problem:
            raise errors.UsageError(f"--var {text}: {problem}", hint=f"types: {', '.join(TYPES)}") from None
    return found


@dataclass
class GivenVariables:
    """What variable files hold: configuration, secrets, and environment (of `.env` files)."""

    configuration: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


def from_files(paths: Iterable[str]) -> GivenVariables:
    """Variable files in their order, later ones win. Raises UsageError and InvalidFile: Chaos Toolkit skips such files in silence."""
    from runner.experiment import json_values, source

    given = GivenVariables()
    for path in paths:
        if not path.endswith((".yaml", ".yml", ".json")):
            given.env.update(_env_file(Path(path)))
            continue
        read = source.read(path)
        notes = Notes(read)
        json_values.make_plain(notes)
        if notes.is_kind(read.tree or {}, dict, (), "a variable file"):
            for part, kept in (("configuration", given.configuration), ("secrets", given.secrets)):
                if notes.is_kind((read.tree or {}).get(part, {}), dict, (part,), part):
                    kept.update((read.tree or {}).get(part, {}))
        if notes.broken:
            raise findings.BrokenExperiment(notes.found)
    return given


def _env_file(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = text_of(path).splitlines()
    except UnicodeDecodeError:
        raise errors.UsageError(f"--var-file {path} is not UTF-8 text") from None
    except OSError as problem:
        raise errors.UsageError(f"--var-file {path} cannot be read: {problem.strerror}") from None
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.strip().startswith("#"):
            name, equals, value = line.strip().partition("=")
            if not equals:
                raise errors.UsageError(f"{path}:{number}: write NAME=value, one a line")
            yield name, value


def configuration(
    notes: Notes, given: Mapping[str, Any], env: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The resolved `configuration:` without dynamic entries, and why each name without a value has none."""
    entries = notes.source.tree.get("configuration", {})
    values: dict[str, Any] = {}
    missing: dict[str, str] = {}
    if not notes.is_kind(entries, dict, ("configuration",), "configuration"):
        return values, missing
    for name, entry in entries.items():
        if name in given:
            kind = entry.get("env_var_type") if isinstance(entry, dict) else None
            entry = _given(notes, str(name), kind, given[name])
        if isinstance(entry, dict) and entry.get("type") == "env":
            _from_env(notes, str(name), entry, env, values, missing)
        elif isinstance(entry, dict) and entry.get("type") == "probe":
            missing[name] = "its value comes from a probe at run time, too late for this block"
        else:
            values[name] = entry
    _unused(notes, given, entries)
    return values, missing


def _given(notes: Notes, name: str, kind: str | None, value: Any) -> Any:
    """A text takes the type that the file asks of the environment for this name: `--var pods=2` means what `PODS=2` means."""
    try:
        return convert(kind, value) if isinstance(value, str) else value
    except (ValueError, TypeError, AttributeError) as problem:
        said = f"--var {name}={value} is not of the type {kind} that the file names: {problem}"
        notes.error("variable", ("configuration", name), said)
        return value


def _from_env(
    notes: Notes,
    name: str,
    entry: Mapping[str, Any],
    env: Mapping[str, str],
    values: dict[str, Any],
    missing: dict[str, str],
) -> None:
    steps = ("configuration", name)
    key = entry.get("key")
    if not isinstance(key, str) or not key:
        notes.error(
            "env", steps, f"'{name}' comes from the environment but names no variable there", hint="add key: NAME"
        )
        missing[name] = "its entry in configuration is broken"
    elif key not in env and "default" not in entry:
        missing[name] = f"the environment variable {key} is not set"
        notes.lacking("env", (*steps, "key"), f"the environment variable {key} is not set", hint=_remedy(name, key))
    else:
        try:
            values[name] = convert(entry.get("env_var_type"), env.get(key, entry.get("default")))
        except (ValueError, TypeError, AttributeError) as problem:
            origin = f"{key}={env[key]!r} of the environment" if key in env else f"default {entry.get('default')!r}"
            notes.error("env", (*steps, "env_var_type"), f"'{name}' cannot be made of {origin}: {problem}")
            missing[name] = "its value has the wrong type"


def _remedy(name: str, key: str) -> str:
    return f"set {key}, give --var {name}=…, or add a default to its entry"


def _unused(notes: Notes, given: Mapping[str, Any], entries: Mapping[str, Any]) -> None:
    for name in given:
        if name not in entries:
            notes.warning(
                "unused-variable",
                ("configuration",),
                f"the variable '{name}' is given but has no entry in configuration: it is ignored",
                hint=findings.nearest(name, entries, what="entries"),
                key=True,
            )


def secrets(notes: Notes, given: Mapping[str, Any], env: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The second level of `secrets:` that is known without a vault, by name, and why each other name has no value."""
    targets = notes.source.tree.get("secrets", {})
    values: dict[str, Any] = {}
    missing: dict[str, str] = {}
    if not notes.is_kind(targets, dict, ("secrets",), "secrets"):
        return values, missing
    for target, entries in targets.items():
        if notes.is_kind(entries, dict, ("secrets", target), f"the secret '{target}'"):
            overrides = given.get(target)
            for name, entry in entries.items():
                entry = overrides.get(name, entry) if isinstance(overrides, Mapping) else entry
                _secret(notes, (target, name), entry, env, values, missing)
    return values, missing


def group(
    notes: Notes, target: str, given: Mapping[str, Any], env: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """One group of `secrets:` alone: names of other groups do not get in its way. Its findings are told by `secrets`.

    Not for one that `vaulted` says is read at run time.
    """
    values: dict[str, Any] = {}
    missing: dict[str, str] = {}
    groups = notes.source.tree.get("secrets")
    entries = groups.get(target) if isinstance(groups, dict) else None
    overrides = given.get(target)
    for name, entry in (entries if isinstance(entries, dict) else {}).items():
        entry = overrides.get(name, entry) if isinstance(overrides, Mapping) else entry
        _secret(Notes(notes.source), (target, name), entry, env, values, missing)
    return values, missing


def vaulted(notes: Notes, target: str, given: Mapping[str, Any]) -> bool:
    """Whether a group of `secrets:`, or anything in it, has to be fetched from a vault when the run starts.

    Notes what is missing for that, at its place.
    """
    groups = notes.source.tree.get("secrets")
    entries = groups.get(target) if isinstance(groups, dict) and target not in given else None
    if not isinstance(entries, dict):
        return False
    parts = {(): entries} if entries.get("type") == "vault" else {(name,): entry for name, entry in entries.items()}
    found = {steps: p for steps, p in parts.items() if isinstance(p, dict) and p.get("type") == "vault"}
    for steps, entry in found.items():
        place = ("secrets", target, *steps)
        if "path" not in entry:
            notes.error("vault", place, "a secret of a vault needs the path of it", hint="add path: …")
        if steps and "key" not in entry:
            notes.error(
                "vault", place, f"'{steps[0]}' is everything at that path", hint="add key: …, which of it is meant"
            )
    if found:
        _reach_vault(notes, ("secrets", target))
    return bool(found)


def _reach_vault(notes: Notes, place: Steps) -> None:
    if find_spec("hvac") is None:
        notes.lacking(
            "vault", place, f"secrets of a vault need hvac, which is not installed here: {VAULT}", hint=VAULT_HINT
        )
    if "vault_addr" not in (notes.source.tree.get("configuration") or {}):
        hint = (
            "configuration: {vault_addr: …}, with vault_token, or vault_role_id and vault_role_secret, or vault_sa_role"
        )
        notes.error("vault", place, "it comes from a vault, but the configuration has no vault_addr", hint=hint)


def _secret(
    notes: Notes,
    steps: tuple[Any, Any],
    entry: Any,
    env: Mapping[str, str],
    values: dict[str, Any],
    missing: dict[str, str],
) -> None:
    place, name = ("secrets", *steps), steps[1]
    kind = entry.get("type") if isinstance(entry, dict) else None
    if kind == "vault":
        missing[name] = "it is a secret of a vault, which this block cannot use"
        if "path" not in entry:
            notes.warning(
                "vault-path", place, f"the Vault secret '{name}' has no path: Chaos Toolkit takes it for empty"
            )
        if find_spec("hvac") is None:
            said = f"'{name}' is a secret of a vault, and hvac is not installed here: Chaos Toolkit takes it for empty"
            notes.warning("vault", place, said, hint=VAULT_HINT)
    elif kind == "env":
        key = entry.get("key")
        if not isinstance(key, str) or not key:
            notes.error(
                "env", place, f"'{name}' comes from the environment but names no variable there", hint="add key: NAME"
            )
        elif key in env:
            values.setdefault(name, env[key])
        else:
            missing[name] = f"the environment variable {key} is not set"
            notes.lacking("env", (*place, "key"), f"the environment variable {key} is not set", hint=f"set {key}")
    elif not isinstance(entry, dict):
        values.setdefault(name, entry)


def substitute(value: Any, known: Mapping[str, Any]) -> Any:
    """`${name}` and `$name` replaced everywhere in a tree; text that is nothing but one pattern takes the value in its own type."""
    if isinstance(value, str):
        return _text(value, known)
    if isinstance(value, list | tuple):
        return [substitute(item, known) for item in value]
    if isinstance(value, dict):
        return {key: substitute(item, known) for key, item in value.items()}
    return value


def _text(text: str, known: Mapping[str, Any]) -> Any:
    match = Template.pattern.fullmatch(text)
    name = match and match["braced"]
    if name and name in known:
        return known[name]
    return Template(text).safe_substitute(known)


def names(value: Any) -> list[str]:
    """The names of all `${name}` in a text; nothing for any other value."""
    return _PATTERN.findall(value.replace("$$", "")) if isinstance(value, str) else []


def by_probe(entry: Any) -> bool:
    """Whether the value of an entry of `configuration:` comes from a probe, when the run starts."""
    return isinstance(entry, Mapping) and entry.get("type") == "probe"


def asks_probes(document: Mapping[str, Any]) -> list[str]:
    """The names in `configuration:` whose values come from probes."""
    return [str(name) for name, entry in (document.get("configuration") or {}).items() if by_probe(entry)]


def look_up_s(entry: Mapping[str, Any]) -> float:
    """Seconds that the probe behind a value may take."""
    asked = entry.get("timeout") or (entry.get("provider") or {}).get("timeout")
    return float(asked) if isinstance(asked, int | float) else LOOK_UP_S


def unset(document: Mapping[str, Any], configuration: Mapping[str, Any]) -> dict[str, str]:
    """A sentence for each name that has an entry without a value, and that an activity needs; probes are asked at run time."""
    entries = document.get("configuration")
    entries = entries if isinstance(entries, Mapping) else {}
    return {
        name: f"the configuration value '{name}' has no value, and {who} needs it"
        for name, who in used(document).items()
        if name in entries and name in configuration and configuration[name] is None
    }


def mentioned(text: str) -> list[str]:
    """The names that Chaos Toolkit would replace in a text: of `${name}` and of `$name`."""
    return [name for match in Template.pattern.finditer(text) if (name := match["braced"] or match["named"])]


def declared(document: Mapping[str, Any]) -> set[str]:
    """Every name that the configuration or a group of secrets has an entry for."""
    configuration, secrets = document.get("configuration"), document.get("secrets")
    groups = [configuration, *(secrets.values() if isinstance(secrets, dict) else ())]
    return {str(name) for group in groups if isinstance(group, dict) for name in group}


def used(document: Mapping[str, Any]) -> dict[str, str]:
    """Every name of a `${name}` or `$name` in activities and controls, and who uses it first."""
    found: dict[str, str] = {}
    hypothesis = document.get("steady-state-hypothesis")
    probes = hypothesis.get("probes") if isinstance(hypothesis, Mapping) else None
    lists = (probes, document.get("method"), document.get("rollbacks"), document.get("controls"))
    parts = [part for each in lists if isinstance(each, list | tuple) for part in each]
    for part in (part for part in parts if isinstance(part, Mapping)):
        who = f"the {part.get('type') or 'control'} '{part.get('name') or part.get('ref')}'"
        for _, text in texts(part, ()):
            for name in mentioned(text):
                found.setdefault(name, who)
    return found


def texts(value: Any, steps: Steps) -> Iterator[tuple[Steps, str]]:
    """Every text in a tree, with its place."""
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts(item, (*steps, key))
