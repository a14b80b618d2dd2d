"""Rerun: the options of a run on record, so that the same file is run again with the same variables at the same place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner import errors
from runner.engine.options import Options
from runner.experiment import apart
from runner.experiment import variables as variable_files
from runner.rundir import start_message
from runner.timeline import conditions
from runner.timeline.asked import Asked
from runner.timeline.conditions import Earlier
from runner.timeline.mask import HIDDEN
from runner.timeline.record import RunRecord

PLAN = "plan.json"
_PLACES = ("kubeconfig", "context", "playground", "no_cluster")
_NO_CONTEXT = ("", "none", "playground", "in-cluster")
"""What a record calls a place that is no context of a kubeconfig."""


def options(record: RunRecord, given: Mapping[str, Any]) -> Options:
    """What the run was asked for, with what is `given` now in its place. Raises UsageError for what cannot be asked for again.

    This process goes where the run was started, for the paths of its file and its own modules are found from there.
    """
    asked = record.asked or Asked(context=_context(record))
    given = _gone_to(asked.cwd, given)
    _require_file(record)
    from_files = variable_files.from_files(f for f in asked.var_files if Path(f).is_file())
    os.environ.update(from_files.env)
    variables = {**asked.variables, **given["variables"]}
    secret_variables = {**from_files.secrets, **given["secret_variables"]}
    _require_values(asked, variables, secret_variables)
    elsewhere = any(given.get(name) for name in _PLACES)
    place = given if elsewhere else {name: getattr(asked, name) for name in _PLACES}
    return Options(
        path=record.experiment,
        variables=variables,
        secret_variables=secret_variables,
        var_files=(*asked.var_files, *given["var_files"]),
        kubeconfig=place["kubeconfig"],
        context=place["context"] if elsewhere else place["context"] or _context(record),
        playground=bool(place["playground"]),
        no_cluster=bool(place["no_cluster"]),
        namespace=given["namespace"] or asked.namespace,
        settings=given["settings"] or asked.settings,
        store=given["store"],
        labels=given["labels"],
        pins=() if given["unpin"] else given["pins"] or asked.pins,
        seed=asked.seed if given["seed"] is None else given["seed"],
        repeats=replace(earlier(record), asked_elsewhere=elsewhere),
    )


def _context(record: RunRecord) -> str | None:
    """The one that it struck, for the current one may be another by now."""
    return None if record.context in _NO_CONTEXT else record.context


def _gone_to(cwd: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given by paths from here, whole."""
    whole = dict(given)
    if not cwd or not Path(cwd).is_dir() or Path(cwd) == Path.cwd():
        return whole
    for name in ("kubeconfig", "settings", "store"):
        if whole[name] and "://" not in whole[name]:
            whole[name] = str(Path(whole[name]).absolute())
    for name in ("CHAOS_RUN_STORE", "CHAOS_RUN_NOTIFY", "KUBECONFIG"):
        if (value := os.environ.get(name)) and "://" not in value:
            os.environ[name] = os.pathsep.join(str(Path(part).absolute()) for part in value.split(os.pathsep) if part)
    os.chdir(cwd)
    return whole


def earlier(record: RunRecord) -> Earlier:
    """How it was then: from the run's folder where that is still here, else from its record."""
    found, folder = conditions.of(record), Path(record.folder)
    found = replace(found, seed=record.asked.seed if record.asked else None)
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        targets = tuple(str(t) for step in plan["steps"] for t in step["targets"])
        start = start_message.load(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return Earlier(run=record.run, conditions=replace(found, targets=(), variables=None))
    values = dict(start.configuration)  # those given among them, and no secrets
    return Earlier(
        run=record.run,
        conditions=replace(found, targets=targets, variables=values),
        document=apart.told_apart(start.document)[0],  # older versions kept two actions of one name as they were
    )


def _require_file(record: RunRecord) -> None:
    if record.experiment.startswith(("http://", "https://")) or Path(record.experiment).is_file():
        return
    raise errors.UsageError(
        f"the experiment of {record.run} is not at {Path(record.experiment).absolute()} any more",
        hint="run its file where it is now: chaos-run FILE",
    )


def _require_values(asked: Asked, variables: Mapping[str, Any], secret_variables: Mapping[str, Any]) -> None:
    """What was a secret is not on record: it has to be given again."""
    masked = [name for name, value in variables.items() if HIDDEN in json.dumps(value, default=str)]
    missing = [name for name in asked.secret_variables if name not in {**secret_variables, **variables}]
    if lacking := [*masked, *missing]:
        raise errors.UsageError(
            f"{', '.join(lacking)}: the value was a secret and is not on record",
            hint=f"give it again: --var {lacking[0]}=… or --var-file",
        )
