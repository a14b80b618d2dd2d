"""Actions: faults that Litmus runs, for the method and the rollbacks of an experiment; plain `chaos run` calls them too.

A fault ends after `duration_s` by itself, whoever has died; it goes on in the background when the action is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.faults import identity
from runner.faults.cluster_api import ClusterApi
from runner.faults.litmus import chaos_engine
from runner.faults.litmus.engines import Engines

Secrets = Mapping[str, Any] | None


def run_fault(
    fault: str,
    ns: str = "default",
    app_label: str = "",
    app_kind: str = "deployment",
    service_account: str = "",
    duration_s: float = 60,
    env: Mapping[str, Any] | None = None,
    taken_within_s: float = 90,
    secrets: Secrets = None,
) -> dict[str, Any]:
    """Have Litmus run one fault, and wait until its experiment runs; `env` are its variables, such as PODS_AFFECTED_PERC."""
    more = {"service_account": service_account, "duration_s": duration_s, "env": env, "taken_within_s": taken_within_s}
    wanted = chaos_engine.of({"fault": fault, "ns": ns, "app_label": app_label, "app_kind": app_kind, **more})
    engines = Engines(ClusterApi(secrets))
    engines.check()
    engines.require_experiment(wanted)
    found = engines.start(wanted, identity.run_id())
    return {"engine": f"{ns}/{wanted.engine(identity.run_id())}", "experiment": found.experiment, "targets": found.marked(
        "targeted", "injected", "reverted"
    )}  # fmt: skip


def stop_fault(ns: str = "default", secrets: Secrets = None) -> dict[str, Any]:
    """Stop whatever this run has Litmus do in a namespace, and take its objects away."""
    engines = Engines(ClusterApi(secrets))
    mine = engines.of_run(ns, f"{identity.LABEL}={identity.run_id()}")
    return {"stopped": [one.name for one in mine if engines.end(one)]}
