"""Service: what FIS knows of a template and of the experiments that a run started from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner import errors
from runner.faults.aws import home
from runner.faults.aws.client import answered, client

RUN_TAG, NAME_TAG = "chaos-run/run-id", "chaos-run/name"
"""Tags of an experiment that we started: the run, and which of its actions."""
LIVE = ("pending", "initiating", "running", "stopping")
ENDED = ("completed", "stopped", "cancelled")
"""Without an error; `failed` is the fourth that is final."""
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
_ENDS = ("duration", "maxDuration", "startInstancesAfterDuration")
"""Parameters of an action after whose time FIS takes its effect back; `durationBeforeInterruption` of spot instances is none."""
_HEAL = ("aws:ec2:reboot-instances", "aws:rds:reboot-db-instances", "aws:rds:failover-db-cluster")
"""Actions without an end that leave everything as it was; FIS starts no task, pod or instance again that it has ended."""
_HARMLESS = ("aws:fis:wait", "aws:cloudwatch:")
_WHO = "AWS FIS"


@dataclass(frozen=True, kw_only=True)
class Template:
    """What an experiment template would do."""

    targets: tuple[str, ...]
    """By ARN, or as a selection: `aws:ec2:instance with tag team=shop (COUNT(1))`."""
    actions: tuple[str, ...]
    stop_conditions: tuple[str, ...]
    """ARNs of alarms; empty where the template has none."""
    skips_empty: bool
    """Whether it goes on where a target matches nothing."""
    seconds: float | None
    """After how long all its actions have ended, at the most; None where one states an end that cannot be read."""
    stays: tuple[str, ...]
    """Actions whose effect FIS does not end, as far as is known here."""


class Fis:
    """The service in one account and region. Every call raises EnvironmentFailure with its own words."""

    def __init__(self, configuration: Mapping[str, Any], secrets: Mapping[str, Any]) -> None:
        self._client = client("fis", configuration, secrets)
        self._access = (configuration, secrets)

    def home(self) -> dict[str, str]:
        """The account and region that it is."""
        return home.of(self._client, *self._access)

    def elsewhere(self, made: Mapping[str, Any] | None) -> str:
        """Why it is not where an experiment was started; empty where it is, or nobody knows."""
        return home.elsewhere(made, self._client, *self._access)

    def template(self, name: str) -> Template | None:
        """None where there is none of that id."""
        try:
            with answered(_WHO):
                found = self._client.get_experiment_template(id=name)["experimentTemplate"]
        except errors.EnvironmentFailure as problem:
            if "ResourceNotFound" in str(problem):
                return None
            raise
        actions = found.get("actions") or {}
        return Template(
            targets=tuple(said for target in (found.get("targets") or {}).values() for said in _targets(target)),
            actions=tuple(_called(*one) for one in actions.items()),
            stop_conditions=tuple(c["value"] for c in found.get("stopConditions") or () if c.get("value")),
            skips_empty=(found.get("experimentOptions") or {}).get("emptyTargetResolutionMode") == "skip",
            seconds=_seconds([*actions.values()]),
            stays=stays(actions),
        )

    def engaged(self) -> str:
        """Why the account's safety lever stops every experiment; empty where it does not, or cannot be read."""
        try:
            with answered(_WHO):
                state = self._client.get_safety_lever(id="default")["safetyLever"]["state"]
        except (
            errors.EnvironmentFailure
        ):  # a lever that cannot be read (no permission, no such thing) is told by FIS at the start
            return ""
        return str(state.get("reason") or "no reason given") if state.get("status") in ("engaged", "engaging") else ""

    def start(self, template: str, tags: Mapping[str, str]) -> str:
        """The id of a new experiment. The SDK's own token keeps a request that it repeats from starting a second one."""
        with answered(_WHO):
            found = self._client.start_experiment(experimentTemplateId=template, tags=dict(tags))
        return str(found["experiment"]["id"])

    def experiment(self, identity: str) -> dict[str, Any]:
        """As it is now."""
        with answered(_WHO):
            found: dict[str, Any] = self._client.get_experiment(id=identity)["experiment"]
        return found

    def named(self, tag: str, value: str) -> list[str]:
        """The ids of experiments with that tag."""
        with answered(_WHO):
            pages = self._client.get_paginator("list_experiments").paginate()
            listed = [one for page in pages for one in page["experiments"]]
        return [one["id"] for one in listed if (one.get("tags") or {}).get(tag) == value]

    def resolved(self, identity: str) -> tuple[str, ...]:
        """The ARNs that an experiment hits, as FIS resolved them."""
        with answered(_WHO):
            listed = self._client.list_experiment_resolved_targets(experimentId=identity)["resolvedTargets"]
        return tuple(str(arn) for one in listed for arn in (one.get("targetInformation") or {}).values())

    def stop(self, identity: str) -> None:
        """Its post-actions still run."""
        with answered(_WHO):
            self._client.stop_experiment(id=identity)


def reason(experiment: Mapping[str, Any]) -> str:
    """What FIS says of an experiment's state, with the code and place of an error."""
    state = experiment.get("state") or {}
    error = state.get("error") or {}
    where = f" ({error['code']} at {error.get('location', 'an unknown place')})" if error.get("code") else ""
    return f"{state.get('status')}: {state.get('reason') or 'no reason given'}{where}"


def _targets(target: Mapping[str, Any]) -> Iterator[str]:
    kind, mode = target.get("resourceType"), target.get("selectionMode") or "ALL"
    arns = target.get("resourceArns") or ()
    if arns:
        yield from (str(arn) if mode == "ALL" else f"{arn} ({mode})" for arn in arns)
        return
    picked = [f"tag {k}={v}" for k, v in (target.get("resourceTags") or {}).items()]
    picked += [f"{f.get('path')} of {', '.join(f.get('values') or ())}" for f in target.get("filters") or ()]
    picked += [f"{k}={v}" for k, v in (target.get("parameters") or {}).items()]
    yield f"{kind} with {', '.join(picked) or 'nothing that selects'} ({mode})"


def stays(actions: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Actions, of a template or an experiment, after which something stays stopped or gone when the experiment has ended."""
    return tuple(_called(*one) for one in actions.items() if not _ends(one[1]))


def strikes(action: Mapping[str, Any]) -> bool:
    """Whether it does anything to a target: one that waits, or looks at an alarm, proves nothing."""
    return not str(action.get("actionId")).startswith(_HARMLESS)


def _ends(action: Mapping[str, Any]) -> bool:
    """Of what is not known here and states no end, nobody knows it."""
    known = str(action.get("actionId"))
    return not strikes(action) or known in _HEAL or any(p in _ENDS for p in action.get("parameters") or {})


def _called(name: str, action: Mapping[str, Any]) -> str:
    return f"{name} ({action.get('actionId')})"


def _seconds(actions: Sequence[Mapping[str, Any]]) -> float | None:
    """One after the other, at the most; what states no time adds none."""
    stated = [_iso(v) for one in actions for k, v in (one.get("parameters") or {}).items() if k in _ENDS]
    known = [seconds for seconds in stated if seconds is not None]
    return sum(known) if len(known) == len(stated) else None


def _iso(text: Any) -> float | None:
    found = _DURATION.fullmatch(str(text))
    if not found or not any(found.groups()):
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600.0 + minutes * 60 + seconds
