"""Proxied: what of an experiment goes through a proxy of the environment, said before it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runner.experiment import variables
from runner.experiment.experiment import Experiment
from runner.probe import proxies


def notes(experiment: Experiment, env: Mapping[str, str]) -> list[str]:
    """A sentence a proxy: which traffic and which HTTP calls of the file it carries."""
    carried: dict[tuple[str, str], list[str]] = {}
    for who, url in (*_traffic(experiment), *_calls(experiment)):
        if found := proxies.of(url, env):
            carried.setdefault((found.said, found.variable), []).append(who)
    return [
        f"through the proxy {said} ({variable}): {', '.join(dict.fromkeys(who))}; hosts to be reached directly belong in NO_PROXY"
        for (said, variable), who in carried.items()
    ]


def _traffic(experiment: Experiment) -> Iterator[tuple[str, str]]:
    for stream in experiment.block.traffic:
        yield f"the traffic {stream.name}", stream.url


def _calls(experiment: Experiment) -> Iterator[tuple[str, str]]:
    checks = (experiment.document.get("steady-state-hypothesis") or {}).get("probes") or ()
    for activity in (*checks, *experiment.method, *experiment.rollbacks):
        provider = activity.get("provider") or {}
        if provider.get("type") == "http":
            yield f"{activity.get('name')}", str(variables.substitute(provider.get("url"), experiment.configuration))
