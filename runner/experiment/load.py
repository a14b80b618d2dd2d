"""Load: from a file or URL to a validated experiment, or to everything that is wrong with it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from runner.experiment import (
    apart,
    block,
    calls,
    check_lint,
    document,
    dosing,
    findings,
    json_values,
    keys,
    lint,
    model,
    names,
    notes,
    references,
    runtime,
    silencing_lint,
    source,
    substitution,
    tolerance_types,
    variables,
)
from runner.experiment import settings as owned
from runner.experiment.experiment import Experiment
from runner.experiment.findings import FileFinding
from runner.experiment.settings import Settings

if TYPE_CHECKING:
    from runner.experiment.openslo import OpenSloContext


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What was found; `experiment` is None when anything is wrong with it."""

    findings: tuple[FileFinding, ...]
    experiment: Experiment | None

    @property
    def errors(self) -> tuple[FileFinding, ...]:
        return tuple(f for f in self.findings if f.severity == "error")


def load(
    path_or_url: str,
    *,
    variables: Mapping[str, Any] | None = None,
    secret_variables: Mapping[str, Any] | None = None,
    env: Mapping[str, str] = os.environ,
    settings: str | None = None,
) -> Experiment:
    """The experiment, ready to run on this machine: nothing about its file can fail afterwards.

    `settings` is a file of Chaos Toolkit's settings, the user's own where it is None. Raises errors.InvalidFile with every
    error rendered, UsageError for a path that is not there, EnvironmentFailure for a URL that does not answer.
    """
    given = {"variables": variables, "secret_variables": secret_variables}
    seen = examine(path_or_url, **given, env=env, here=True, settings=settings)
    if seen.experiment is None:
        raise findings.BrokenExperiment(seen.findings)
    return seen.experiment


def examine(
    path_or_url: str,
    *,
    variables: Mapping[str, Any] | None = None,
    secret_variables: Mapping[str, Any] | None = None,
    env: Mapping[str, str] = os.environ,
    here: bool = False,
    settings: str | None = None,
) -> Examination:
    """Every finding in one pass. With `here`, what this machine lacks (environment, modules, programs) is an error."""
    try:
        own = owned.read(settings, env)
        read = source.read(path_or_url, env=env, auths=own.auths)
    except findings.BrokenExperiment as problem:
        return Examination(findings=problem.found, experiment=None)
    found = notes.Notes(read, here=here)
    json_values.make_plain(found)
    other, hint = keys.no_experiment(read.tree)
    if other:
        found.error("document", (), other, hint=hint)
        return Examination(findings=tuple(found.found), experiment=None)
    others, experiment = _validate(found, dict(variables or {}), dict(secret_variables or {}), env, own)
    ordered = sorted(found.found, key=lambda f: (f.line, f.column))
    whole = (*ordered, *others)
    if experiment is not None:
        doubts = tuple(f"{f.message} ({Path(f.file).name}:{f.line})" for f in whole if f.severity == "warning")
        experiment = replace(experiment, warnings=doubts)
    return Examination(findings=whole, experiment=experiment)


def _validate(
    found: notes.Notes, given: dict[str, Any], secret: dict[str, Any], env: Mapping[str, str], own: Settings
) -> tuple[list[FileFinding], Experiment | None]:
    """Findings in other files (settings, OpenSLO documents), and the experiment if nothing is wrong anywhere."""
    document.check(found)
    references.check(found)
    runtime.check(found)
    configuration, missing = variables.configuration(found, given, env)
    secrets, unknown = variables.secrets(found, secret, env)
    reading = block.read(found, {**secrets, **configuration}, {**unknown, **missing})
    objectives, around, others = _objectives(found, reading, env)
    others = [*own.found, *others]
    offered = {name: tuple(offers) for name, offers in around.offers.items() if offers} if around else {}
    metrics = around.metrics if around else []
    names.check(found, reading.raw, reading.steps, [o.name for o in objectives], [m.name for m in metrics], offered)
    access, vaulted = _access(found, reading, secret, env)
    dosing.check(found, reading, configuration)
    silencing_lint.check(found, reading)
    lint.check(found, reading)
    substitution.check(found, configuration)
    tolerance_types.check(found, configuration)
    calls.check(found)
    check_lint.check(found)
    if reading.block is None or found.broken or any(f.severity == "error" for f in others):
        return others, None
    whole, called = apart.told_apart(references.resolved(found.source.tree))
    return others, Experiment(
        path=found.source.path,
        document=whole,
        block=apart.spread(_with_sources(reading.block, around), called),
        objectives=tuple(objectives),
        metrics=tuple(metrics),
        offered=offered,
        access=access,
        vaulted=vaulted,
        variables=given,
        configuration=configuration,
        runtime=runtime.of(found.source.tree, own.tree, during=reading.during),
        settings=own,
        digest=_digest(found.source.tree, given),
    )


def _objectives(
    found: notes.Notes, reading: block.BlockReading, env: Mapping[str, str]
) -> tuple[list[model.Objective], OpenSloContext | None, list[FileFinding]]:
    """All objectives that can be read, in the order of the file, with what documents bring along, and their findings."""
    objectives: list[model.Objective] = []
    others: list[FileFinding] = []
    around: OpenSloContext | None = None
    for index, row in names.rows(reading.raw, "objectives"):
        try:
            one = (model.OpenSlo if "openslo" in row else model.Objective).model_validate(row)
        except ValidationError:  # told in full by block.read
            continue
        if isinstance(one, model.Objective):
            objectives.append(one)
            continue
        from runner.experiment import openslo  # for nobody else

        around = around or openslo.OpenSloContext(
            [str(t.get("name")) for _, t in names.rows(reading.raw, "traffic")],
            {str(s.get("name")): str(s.get("prometheus")) for _, s in names.rows(reading.raw, "sources")},
        )
        where = (*reading.steps, "objectives", index)
        more, beside = openslo.resolve(found, one, where, around, env)
        objectives.extend(more)
        others.extend(beside)
    return objectives, around, others


def _with_sources(ours: model.Block, around: OpenSloContext | None) -> model.Block:
    """The block, with the DataSources that documents bring along among its sources."""
    made = around.made.values() if around else ()
    return ours.model_copy(update={"sources": (*ours.sources, *made)}) if made else ours


def _access(
    found: notes.Notes, reading: block.BlockReading, given: dict[str, Any], env: Mapping[str, str]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """What each source wants to see of the file's `secrets:`, by its name; one of alerts and a silence by the part and its index.

    Beside it the groups that only a vault knows, by the same names.
    """
    access: dict[str, dict[str, Any]] = {}
    vaulted: dict[str, str] = {}
    parts = ("sources", "checks", "detection", "silence", "announce")
    for part, index, row in ((p, i, r) for p in parts for i, r in names.rows(reading.raw, p)):
        if isinstance(group := row.get("secrets"), str):
            whose = str(row.get("name")) if part == "sources" else f"{part}:{index}"
            if variables.vaulted(found, group, given):
                vaulted[whose] = group
            else:
                access[whose] = _group(found, (*reading.steps, part, index, "secrets"), group, given, env)
    return access, vaulted


def _group(
    found: notes.Notes, where: source.Steps, group: str, given: dict[str, Any], env: Mapping[str, str]
) -> dict[str, Any]:
    values, missing = variables.group(found, group, given, env)
    if not values and not missing:
        found.error("unknown-name", where, f"there is no group '{group}' in secrets:")
    for name, why in missing.items():
        if found.here or "environment" not in why:
            found.error("secret", where, f"the secret '{name}' has no value here: {why}")
    return values


def _digest(tree: Any, given: Mapping[str, Any]) -> str:
    """Of the document's values and the variables' names: comments, order and format do not count."""
    text = json.dumps([tree, sorted(given)], sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
