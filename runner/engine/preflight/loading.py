"""Loading: an experiment is read before anybody knows where it will take place, and its variables may need an address of that place.

So it is read once to see that it is right and what it reaches, and made whole once when the place is known (a playground has URLs);
then it is checked that it stays where it may, and from there on nothing of it changes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from runner.engine.options import Options
from runner.engine.preflight import target_environment
from runner.engine.preflight.target_environment import Surroundings
from runner.engine.run_context import RunContext
from runner.engine.session import Session
from runner.experiment import load
from runner.experiment.experiment import Experiment


def read(options: Options, env: Mapping[str, str] = MappingProxyType({})) -> Experiment:
    """Raises InvalidFile with every finding."""
    return load.load(
        options.path,
        variables=options.variables,
        secret_variables=options.secret_variables,
        env={**os.environ, **env},
        settings=options.settings,
    )


def complete(session: Session, options: Options, experiment: Experiment, where: Surroundings) -> RunContext:
    """With the variables of its surroundings. Raises Refused, UsageError for an experiment that would strike elsewhere."""
    if where.context or options.namespace:
        experiment = read(options, where.env)
    target_environment.require_home(where, experiment)
    target_environment.require_cleared(where, experiment)
    where = target_environment.cleared(where, experiment)
    return RunContext(session=session, options=options, experiment=experiment, where=where)
