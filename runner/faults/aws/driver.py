"""AWS by chaosaws: the account and region an action would strike, what it changes there, and how that is put back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runner import clock, errors
from runner.faults.base import BaseDriver, BaseSystem
from runner.faults.driver import (
    Activity,
    Environment,
    Evidence,
    FaultTarget,
    Outcome,
    Owner,
    Provider,
    Residue,
    Setting,
    State,
    UndoStep,
    Where,
    unknown,
)
from runner.faults.home import HOME
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.aws.changes import Change, Whose

PACKAGE = "chaosaws"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PUT_BACK = "aws-put-back"
BUSY_S, BUSY_EVERY_S = 60.0, 2.0
"""How long an undo asks again while AWS is not ready for it: what is still stopping cannot be started."""
_BUSY = ("IncorrectInstanceState", "InvalidDBInstanceState", "InvalidDBInstanceStatus", "ResourceConflict")
_ACCOUNT = re.compile(r"^arn:[^:]*:[^:]*:[^:]*:(\d{12}):")


class Driver(BaseDriver):
    """Its environment is an account and a region, never this machine."""

    name = "aws"
    said = "AWS"
    modules: Collection[str] = (PACKAGE,)
    undoes: Collection[str] = (PUT_BACK,)
    imports: Collection[str] = ("boto3", "runner.faults.aws.changes", "runner.faults.aws.home")
    sees_residue = True

    def environment(self, provider: Provider, where: Where) -> Environment:
        """A stand-in for AWS on this machine, where all calls go to one; else the account, as far as it is known here, and the region."""
        known, env = where.configuration, where.env
        if stand_in := _stand_in(known, env):
            return Environment(system=self.name, name=f"stand-in at {stand_in}")
        region = known.get("aws_region") or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "unknown"
        return Environment(system=self.name, name=f"account {_account(known, env)}, region {region}")

    def concerns(self, args: Mapping[str, Any]) -> str:
        return str(args["resource"])

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        """The account as a whole."""
        return (PUT_BACK,)

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        return 10.0 + 5 * len(records)

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(BaseSystem):
    """AWS in one run, read as chaosaws reads it: by the file's configuration and secrets, else as the environment says."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """The resources that a known action could hit, with the value that it would change."""
        from runner.faults.aws import changes

        fault = f"{activity.provider.get('module')}.{activity.provider.get('func')}"
        change = changes.CHANGES.get(fault)
        if change is None:
            return None
        from runner.faults.aws.client import answered

        try:
            client = self._client(change)
            with answered("AWS"):
                was = change.read(client, activity.arguments)
            home = self._home(client) if was else {}
        except errors.EnvironmentFailure as problem:
            return unknown(activity.name, system=Driver.name, note=problem.message)
        candidates = was
        if drawn := _drawn(fault, activity, was, self._setting.seed):
            was = {drawn: was[drawn]}
        ours = {name: change.ours(activity.arguments, value) for name, value in was.items()}
        before = {"fault": fault, "was": was, "ours": ours, HOME: home}
        undone = [name for name, value in was.items() if change.put_back and not change.for_good(value)]
        return FaultTarget(
            action=activity.name,
            system=Driver.name,
            kind="aws",
            targets=tuple(f"{change.service}/{name}" for name in was),
            note=_note(change, was, candidates, random=_at_random(fault, activity, candidates)),
            owner=Owner.SYSTEM
            if change.heals
            else Owner.UNDOER
            if change.put_back and len(undone) == len(was)
            else Owner.NOBODY,
            undo=tuple(_step(change, name, before) for name in undone),
            before=before,
            arguments={**activity.arguments, "instance_id": drawn} if drawn else None,
        )

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """Of what the actions could change, by action: resource and value."""
        return {"was": {a.action: dict(a.before) for a in actions if a.kind == "aws" and a.undo}}

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        """By the value of each resource now, where it is what the action sets."""
        change, client = self._reached(before.before)
        now = _looked(change, client, before.before)
        known = before.before
        changed = {n: v for n, v in now.items() if _whose(change, known, n, v) == "ours"}
        said = ", ".join(f"{name}: {_told(before.before['was'][name])} → {_told(v)}" for name, v in changed.items())
        return Evidence(
            confirmed=bool(changed),
            sentence=f"the {change.said} has changed: {said}" if changed else f"no {change.said} has changed",
            targets=tuple(f"{change.service}/{name}" for name in changed),
        )

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """Set the value that was read before, where the action's is there now; only in the account and region where it was read."""
        from runner.faults.aws import changes
        from runner.faults.aws.client import answered

        args = record.args
        change, name, was, ours = changes.CHANGES[args["fault"]], args["name"], args["was"], args.get("ours")
        assert change.put_back is not None, "else there is no record of it"
        try:
            client = self._client(change)
            if lost := self._elsewhere(args.get(HOME), client):
                return Outcome(state=State.FAILED, error=lost)
            with answered("AWS"):
                now = change.look(client, name)
            if now is None:
                return Outcome(state=State.FAILED, error=f"the {change.said} {name} is gone: nothing can be put back")
            if change.lost(now):
                error = f"AWS says that the {change.said} {name} is {_told(now)}: nothing can be put back"
                return Outcome(state=State.FAILED, error=error)
            if change.whose(was, now, ours) != "ours":
                return Outcome(state=State.ALREADY)
            put_back = change.put_back
            _patiently(lambda: put_back(client, name, was, ours), 0.0 if hurried else BUSY_S)
        except errors.EnvironmentFailure as problem:
            return Outcome(state=State.FAILED, error=str(problem))
        return Outcome(state=State.UNDONE)

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """What is not as it was, of all that the actions could have changed."""
        found = Residue()
        for one in (before.get("was") or {}).values():
            change, client = self._reached(one)
            if lost := self._elsewhere(one.get(HOME), client):
                names = ", ".join(one["was"])
                found += Residue(residue=(f"whether the {change.said} {names} is as it was is not known: {lost}",))
                continue
            for name, value in _looked(change, client, one).items():
                found += _left(change, one, name, value, kept)
        return found

    def _reached(self, before: Mapping[str, Any]) -> tuple[Change, Any]:
        """The kind of change, and a client for it."""
        from runner.faults.aws import changes

        change = changes.CHANGES[before["fault"]]
        return change, self._client(change)

    def _client(self, change: Change) -> Any:
        from runner.faults.aws import client

        return client.client(change.service, self._setting.configuration, self._secrets())

    def _home(self, client: Any) -> dict[str, str]:
        from runner.faults.aws import home

        return home.of(client, self._setting.configuration, self._secrets())

    def _elsewhere(self, made: Mapping[str, Any] | None, client: Any) -> str:
        from runner.faults.aws import home

        return home.elsewhere(made, client, self._setting.configuration, self._secrets())

    def _secrets(self) -> dict[str, Any]:
        from runner.faults.aws import client

        return self._setting.secrets.starting_with(client.PREFIX)


def _looked(change: Change, client: Any, before: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each resource now."""
    from runner.faults.aws.client import answered

    with answered("AWS"):
        return {name: change.look(client, name) for name in before["was"]}


def _step(change: Change, name: str, before: Mapping[str, Any]) -> UndoStep:
    """One resource as it was."""
    was, resource = before["was"][name], f"{change.service}/{name}"
    args = {"fault": before["fault"], "name": name, "was": was, "ours": before["ours"][name], "resource": resource}
    what = f"the {change.said} {name} as it was: {_told(was)}"
    return UndoStep(kind=PUT_BACK, what=what, args={**args, HOME: before[HOME]})


def _at_random(fault: str, activity: Activity, was: Mapping[str, Any]) -> bool:
    """Whether the action takes one of these, and nobody has named which."""
    from runner.faults.aws import changes

    return fault in changes.AT_RANDOM and not activity.arguments.get("instance_id") and len(was) > 1


def _drawn(fault: str, activity: Activity, was: Mapping[str, Any], seed: int | None) -> str:
    """The one that the run's seed takes, the same for whoever asks; empty where nothing is drawn, or not here."""
    if seed is None or not _at_random(fault, activity, was):
        return ""
    return Random(f"{seed}:{activity.name}").choice(sorted(was))


def _note(change: Change, was: Mapping[str, Any], candidates: Mapping[str, Any], *, random: bool) -> str:
    """What a plan says of the resources beside their names."""
    if not was:
        return "nothing there that it could change"
    if len(was) < len(candidates):
        return "; ".join(filter(None, [f"drawn from {len(candidates)} by the run's seed", change.note(was)]))
    undone = "the undo starts each of them that has stopped since" if random and change.put_back else ""
    drawn = f"one of {len(was)} at random" if random else ""
    return "; ".join(filter(None, [drawn, undone, change.note(was)]))


def _left(change: Change, before: Mapping[str, Any], name: str, now: Any, kept: Kept) -> Residue:
    """What became of one resource."""
    whose = _whose(change, before, name, now)
    if whose == "back":
        return Residue(cleared=(f"the {change.said} {name} is {_told(now)}",))
    said = (f"the {change.said} {name} is {_told(now)}, and was {_told(before['was'][name])}",)
    if whose == "others":
        return Residue(others=said)
    stays = kept.names is None or f"{change.service}/{name}" in kept.names
    return Residue(meant=said) if stays else Residue(residue=said)


def _whose(change: Change, before: Mapping[str, Any], name: str, now: Any) -> Whose:
    return change.whose(before["was"][name], now, (before.get("ours") or {}).get(name))


def _patiently(put_back: Callable[[], object], seconds: float) -> None:
    """Put it back, asking again while AWS is busy with it. Raises EnvironmentFailure."""
    from runner.faults.aws.client import answered

    def ask() -> errors.EnvironmentFailure | None:
        try:
            with answered("AWS"):
                put_back()
        except errors.EnvironmentFailure as problem:
            return problem
        return None

    found = clock.poll_until(
        ask, seconds, BUSY_EVERY_S, enough=lambda p: p is None or not any(code in str(p) for code in _BUSY)
    )
    if found is not None:
        raise found


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else "gone" if value is None else str(value)


def _stand_in(known: Mapping[str, Any], env: Mapping[str, str]) -> str:
    """The endpoint on this machine that stands in for AWS; empty where any call could go elsewhere."""
    if env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return ""
    named = [url for name, url in env.items() if name.startswith("AWS_ENDPOINT_URL_")]
    endpoints = [env.get("AWS_ENDPOINT_URL", ""), *named, *filter(None, [known.get("aws_endpoint")])]
    return endpoints[0] if all(urlsplit(str(url)).hostname in LOOPBACK for url in endpoints) else ""


def _account(known: Mapping[str, Any], env: Mapping[str, str]) -> str:
    """From the role that is assumed; else the name of the profile; else it is what the credentials lead to."""
    found = _ACCOUNT.match(str(known.get("aws_assume_role_arn") or ""))
    profile = known.get("aws_profile_name") or env.get("AWS_PROFILE")
    return found[1] if found else f"of profile {profile}" if profile else "unknown"
