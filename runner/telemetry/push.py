"""Push: the last run of an experiment to a Pushgateway, in a group of its own that the next run replaces."""

from __future__ import annotations

import http.client
import urllib.error

from prometheus_client import CollectorRegistry, push_to_gateway

from runner.telemetry import metrics
from runner.telemetry.finished import Finished

JOB = "chaos-run"
TIMEOUT_S = 3.0


def push(url: str, run: Finished) -> str:
    """PUT it. Returns why it could not be, without the URL, or an empty text.

    There is no counter in it: a Pushgateway keeps what it is given and adds nothing up.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics.Families(metrics.last_run(run)))
    experiment, _, context = metrics.key(run)
    group = {"experiment": experiment, "context": context}
    try:
        push_to_gateway(url, JOB, registry, grouping_key=group, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as problem:
        with problem:
            return f"HTTP {problem.code}"
    except urllib.error.URLError as problem:
        return type(problem.reason).__name__
    except (OSError, ValueError, http.client.HTTPException) as problem:
        return type(problem).__name__
    return ""
