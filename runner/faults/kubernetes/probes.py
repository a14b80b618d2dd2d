"""The probes that people write in a file: `module: runner.faults.kubernetes.probes`. For plain `chaos run` too.

Whether a service has scaled out can be said only beside how many pods it had before: ask `scalable_pods` first, by a value of
`configuration:` with `type: probe`, and hand that to `scaled_out`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Secrets = Mapping[str, Any]


def scalable_pods(label_selector: str, hpa: str, ns: str = "default", secrets: Secrets | None = None) -> int:
    """How many pods of the service run now. Raises EnvironmentFailure where this HorizontalPodAutoscaler would scale nothing."""
    from runner.faults.kubernetes import scaling
    from runner.faults.kubernetes.client import Cluster

    return scaling.before(Cluster(secrets), {"label_selector": label_selector, "ns": ns}, hpa)


def scaled_out(label_selector: str, hpa: str, before: int, ns: str = "default", secrets: Secrets | None = None) -> str:
    """`scaled: 5 pods run, 3 before` once more pods run than `before`; until then `not scaled: …` with the reason."""
    from runner.faults.kubernetes import scaling
    from runner.faults.kubernetes.client import Cluster

    return scaling.since(Cluster(secrets), {"label_selector": label_selector, "ns": ns}, hpa, int(before))
