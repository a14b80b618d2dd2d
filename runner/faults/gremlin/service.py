"""Service: Gremlin's REST API, as far as attacks on Kubernetes objects need it; fields are read in either of its two spellings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner import errors
from runner.faults import home

URL = "https://api.gremlin.com/v1"
PREFIX = "GREMLIN_"
"""Of what lets us in: GREMLIN_API_KEY (or GREMLIN_TOKEN) and GREMLIN_TEAM_ID, in the secrets or in the environment."""
TIMEOUT_S = 5.0
FINISHED = ("complete", "error")
"""Values of `stageLifecycle` after which an attack does nothing any more."""
ENDED_WELL = ("successful", "userhalted")
"""The stages of a finished attack whose agents say that they have taken everything back."""
_RUNNING = "running"
_WAY = {"team": "GREMLIN_TEAM_ID=… GREMLIN_API_KEY=…", "URL": "GREMLIN_URL={}"}


@dataclass(frozen=True, kw_only=True)
class Access:
    """Which team's Gremlin, and how it lets us in."""

    url: str
    team: str
    authorization: str
    secret: bool = False
    """Whether the team is one of the file's secrets, which are written nowhere."""


def access(configuration: Mapping[str, Any], secrets: Mapping[str, Any]) -> Access:
    """From the file's secrets, else from the environment. Raises EnvironmentFailure where something is missing."""
    known = {**{k: v for k, v in os.environ.items() if k.startswith(PREFIX)}, **secrets}
    key, token, team = (str(known.get(f"{PREFIX}{name}") or "") for name in ("API_KEY", "TOKEN", "TEAM_ID"))
    if not team or not (key or token):
        raise errors.EnvironmentFailure(
            "Gremlin needs a team and a key", hint="set GREMLIN_TEAM_ID and GREMLIN_API_KEY, or give them as secrets"
        )
    url = str(configuration.get("gremlin_url") or known.get(f"{PREFIX}URL") or URL).rstrip("/")
    secret = bool(secrets.get(f"{PREFIX}TEAM_ID"))
    return Access(url=url, team=team, authorization=f"Key {key}" if key else f"Bearer {token}", secret=secret)


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One attack as Gremlin knows it now."""

    guid: str
    lifecycle: str
    """In small letters: pending or active, halting, complete, error."""
    stage: str
    """In small letters and without separators: running, teardownfailed."""
    objects: frozenset[str]
    """The uids that it was aimed at; none where nobody can read them from the answer."""
    command: tuple[str, ...] | None
    """As it was given; None where nobody can read it from the answer."""

    def does(self, command: Sequence[str]) -> bool:
        """Whether that is its command, in whatever order and spelling of its kind an answer has it."""
        return self.command is not None and _plain(self.command) == _plain(command)

    @property
    def over(self) -> bool:
        return self.lifecycle in FINISHED

    @property
    def clean(self) -> bool:
        """Whether its agents say that nothing of it is left."""
        return self.over and self.stage in ENDED_WELL


class Gremlin:
    """One team's Gremlin. Every call raises EnvironmentFailure with its own words."""

    def __init__(self, where: Access) -> None:
        self._where = where

    def home(self) -> dict[str, str]:
        """The team and the address that it is; of a team that is a secret a digest."""
        team, where = self._where.team, self._where
        digest = hashlib.sha256(team.encode()).hexdigest()[:8]
        return {"team": f"of the secrets ({digest})" if where.secret else team, "URL": where.url}

    def elsewhere(self, made: Mapping[str, Any] | None) -> str:
        """Why it is not where an attack was started; empty where it is, or nobody knows."""
        return home.elsewhere(made, self.home(), _WAY)

    def objects(self) -> list[dict[str, Any]]:
        """Everything in its clusters that can be attacked."""
        return list(_objects(self._ask("GET", "/kubernetes/targets"), ""))

    def start(self, objects: Sequence[Mapping[str, Any]], command: Sequence[str], percentage: int) -> str:
        """The guid of a new attack. No target may be added later, and none at all is an error there."""
        body = {
            "targetDefinition": {
                "strategy": {
                    "k8sObjects": [
                        {k: o.get(k) for k in ("clusterId", "uid", "namespace", "name", "kind")} for o in objects
                    ],
                    "percentage": percentage,
                    "containerSelection": {"selectionType": "ANY"},
                }
            },
            "impactDefinition": {"cliArgs": [*command]},
            "includeNewTargets": False,
            "continueOnEmptyTargets": False,
        }
        found = self._ask("POST", "/kubernetes/attacks/new", body)
        return str(found if isinstance(found, str) else _first(found, "guid", "uid", "id"))

    def attacks(self) -> list[Attack]:
        """All that the team knows of."""
        found = self._ask("GET", "/kubernetes/attacks")
        listed = found if isinstance(found, list) else _first(found, "attacks", "items") or []
        return [_attack(one) for one in listed]

    def attack(self, guid: str) -> Attack:
        return _attack(self._ask("GET", f"/kubernetes/attacks/{guid}"))

    def halt(self, guid: str) -> None:
        """This one alone; its agents take it back after the answer."""
        self._ask("POST", f"/kubernetes/attacks/{guid}/halt", {"reason": "chaos-run undoes its own attack"})

    def ran(self, guid: str) -> dict[str, str]:
        """Since when it runs or ran, by the target's own agent."""
        found = self._ask("GET", "/executions", taskId=guid)
        listed = found if isinstance(found, list) else _first(found, "executions", "items") or []
        stages = {
            str(_first(one, "clientId", "client_id", "guid")): _first(one, "serviceStates", "service_states") or []
            for one in listed
        }
        return {
            agent: str(state.get("timestamp"))
            for agent, states in stages.items()
            for state in states
            if str(state.get("stage")).lower() == _RUNNING
        }

    def _ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        import httpx

        where = self._where
        try:
            answer = httpx.request(
                method,
                where.url + path,
                params={"teamId": where.team, **query},
                json=body,
                headers={"Authorization": where.authorization},
                timeout=TIMEOUT_S,
            )
        except httpx.HTTPError as problem:
            raise errors.EnvironmentFailure(
                f"Gremlin does not answer: {str(problem) or type(problem).__name__}"
            ) from None
        if answer.status_code >= 300:
            said = answer.text.strip()[:200]
            raise errors.EnvironmentFailure(f"Gremlin answers {answer.status_code} to {method} {path}: {said}")
        try:
            return answer.json()
        except ValueError:
            return answer.text.strip().strip('"')


def _objects(found: Any, cluster: str) -> Iterator[dict[str, Any]]:
    """Whatever has a uid, a name and a kind, wherever it stands in the answer: the shape around it is not documented."""
    if isinstance(found, list):
        for one in found:
            yield from _objects(one, cluster)
    elif isinstance(found, Mapping):
        cluster = str(_first(found, "clusterId", "cluster_id") or cluster)
        if all(found.get(key) for key in ("uid", "name", "kind")):
            yield {**found, "clusterId": cluster}
        else:
            for one in found.values():
                yield from _objects(one, cluster)


def _attack(found: Mapping[str, Any]) -> Attack:
    strategy = (_first(found, "targetDefinition", "target_definition") or {}).get("strategy") or {}
    objects = _first(strategy, "k8sObjects", "k8s_objects", "k8sObjectsInternal") or []
    impact = _first(found, "impactDefinition", "impact_definition") or {}
    return Attack(
        guid=str(_first(found, "guid", "uid", "id")),
        lifecycle=str(_first(found, "stageLifecycle", "stage_lifecycle") or "").lower(),
        stage=str(found.get("stage") or "").lower().replace("_", ""),
        objects=frozenset(str(one.get("uid")) for one in objects),
        command=_command(impact),
    )


def _plain(command: Sequence[str]) -> tuple[str, list[str]]:
    return "".join(filter(str.isalnum, command[0])).lower(), sorted(command[1:])


def _command(impact: Mapping[str, Any]) -> tuple[str, ...] | None:
    """In the shape in which it is given, in that of `commandArgs`, or in that of a command with its type beside its arguments."""
    inner = _first(impact, "commandArgs", "command_args", "command") or {}
    arguments = _first(impact, "cliArgs", "cli_args", "args") or _first(inner, "cliArgs", "cli_args", "args")
    if not isinstance(arguments, list) or not arguments:
        return None
    found = tuple(map(str, arguments))
    if found[0].startswith("-"):
        kind = _first(impact, "commandType", "command_type", "type") or _first(
            inner, "commandType", "command_type", "type"
        )
        if not kind:
            return None
        found = (str(kind), *found)
    length = _first(inner, "length")
    return found if length is None or "-l" in found else (*found, "-l", str(length))


def _first(found: Any, *names: str) -> Any:
    return next((found[name] for name in names if name in found), None) if isinstance(found, Mapping) else None
