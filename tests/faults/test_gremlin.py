"""Gremlin by its contract: attacks with an end, halted alone, and never believed gone where their agents could not take them back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from runner import errors
from runner.faults import conformance, registry
from runner.faults.conformance import Trial, Trouble
from runner.faults.driver import Activity, Setting, State, Where
from runner.faults.gremlin import actions, driver, service
from runner.rundir.ledger import UndoRecord
from runner.safety import policy
from tests.fakes import troubled
from tests.fakes.gremlin import KEY, TEAM, Team, gremlin
from tests.faults.test_conformance import NoSecrets
from tests.waiting import until

SECRETS = {"GREMLIN_API_KEY": KEY, "GREMLIN_TEAM_ID": TEAM}


class Secrets(NoSecrets):
    def starting_with(self, prefix: str) -> dict[str, Any]:
        return dict(SECRETS)


def setting(url: str) -> Setting:
    return Setting(run="20261127-120000-1", secrets=Secrets(), configuration={"gremlin_url": url})


def asked(name: str = "shop", length_s: int = 60) -> Activity:
    arguments = {"command": ["latency", "-m", "300"], "ns": "shop", "name": name, "length_s": length_s}
    provider = {"type": "python", "module": driver.MODULE, "func": "attack", "arguments": arguments}
    return Activity(name="slow it down", provider=provider, arguments=arguments)


def act(team: Team, activity: Activity) -> dict[str, Any]:
    return actions.attack(**activity.arguments, configuration={"gremlin_url": team.url}, secrets=SECRETS)


@pytest.mark.slow("an API that does not answer is waited for")
def test_it_passes_the_conformance_suite() -> None:
    with gremlin() as team, troubled.front(team.url) as before:
        ours, theirs = asked(length_s=30), asked("search")
        started: list[str] = []

        @contextlib.contextmanager
        def trouble(kind: Trouble) -> Iterator[Setting]:
            with troubled.troubled(before, kind):
                yield setting(before.url)

        trial = Trial(
            setting=setting(before.url),
            activity=ours,
            act=lambda: act(team, ours),
            nothing=asked("nobody"),
            others=lambda: started.append(act(team, theirs)["guid"]),
            untouched=lambda: team.look(started[0])["stage"] == "Running",
            gone=setting("http://127.0.0.1:9"),
            limit_s=10.0,
            troubled=trouble,
        )
        problems = [p for p in conformance.check(_Endless(), trial) if "time to live" not in p]
        assert problems == []


class _Endless(driver.Driver):
    """Without the wait for its end, which has a test of its own."""

    def open(self, setting: Setting) -> Any:
        opened = super().open(setting)

        class Opened(type(opened)):  # type: ignore[misc]
            def resolve(self, activity: Activity) -> Any:
                found = super().resolve(activity)
                return replace(found, ttl_s=None) if found else None

        return Opened(setting)


def test_its_length_ends_it_with_nobody_of_us_there() -> None:
    with gremlin() as team:
        guid = act(team, asked(length_s=1))["guid"]
        until(lambda: team.look(guid)["stageLifecycle"] == "Complete", "the attack is over")
        assert driver.Driver().open(setting(team.url)).residue({}, [], _kept()).residue == ()


def _kept() -> Any:
    from runner.rundir.start_message import Kept

    return Kept()


def _record(found: Any) -> UndoRecord:
    (step,) = found.undo
    return UndoRecord(number=1, kind=step.kind, what=step.what, args=dict(step.args))


def test_an_attack_whose_agents_cannot_take_it_back_is_not_undone_and_stays_residue() -> None:
    with gremlin() as team:
        system = driver.Driver().open(setting(team.url))
        found = system.resolve(asked())
        assert found is not None
        before = system.snapshot([found], must=True)
        act(team, asked())
        team.halts_badly = True
        outcome = system.undo(_record(found))
        assert outcome.state is State.FAILED
        assert "what it left on its targets is not known" in str(outcome.error)
        assert "teardownfailed" in system.residue(before, [_record(found)], _kept()).residue[0]


def test_an_attack_that_was_there_before_is_never_ours() -> None:
    with gremlin() as team:
        guid = act(team, asked())["guid"]  # the very same, by somebody else
        found = driver.Driver().open(setting(team.url)).resolve(asked())
        assert driver.Driver().open(setting(team.url)).undo(_record(found)).state is State.ALREADY
        assert team.look(guid)["stage"] == "Running"


SHAPES: list[Any] = [
    {"cliArgs": ["latency", "-l", "60", "-m", "300"]},
    {"commandArgs": {"cliArgs": ["latency", "-m", "300"], "length": 60}, "commandType": "Latency"},
    {"command_args": {"cli_args": ["-m", "300"], "length": 60}, "command_type": "LATENCY"},
    {"command": {"type": "latency", "args": ["-l", "60", "-m", "300"]}},
    {"type": "latency", "args": ["-l", "60", "-m", "300"]},
]


def _answering(impact: Any, **more: Any) -> Iterator[tuple[Team, Any, Any]]:
    """An attack of ours that Gremlin tells of in that shape."""
    with gremlin() as team:
        system = driver.Driver().open(setting(team.url))
        found = system.resolve(asked())
        guid = act(team, asked())["guid"]
        team.attacks[guid] |= {"impactDefinition": impact, **more}
        yield team, system, found


answering = contextlib.contextmanager(_answering)


@pytest.mark.parametrize("impact", SHAPES)
def test_an_attack_is_found_in_whatever_shape_gremlin_tells_its_command(impact: Any) -> None:
    with answering(impact) as (_, system, found):
        assert system.confirm(asked(), found).confirmed
        assert system.undo(_record(found)).state is State.UNDONE


@pytest.mark.parametrize(
    ("impact", "more"),
    [
        ({"somethingElse": {}}, {}),
        ({"args": ["-l", "60", "-m", "300"]}, {}),
        ({"cliArgs": ["latency", "-l", "60", "-m", "300"]}, {"targetDefinition": {"strategy": {"byLabel": {}}}}),
    ],
)
def test_an_attack_that_cannot_be_read_is_never_taken_for_nothing(impact: Any, more: dict[str, Any]) -> None:
    with answering(impact, **more) as (team, system, found):
        outcome = system.undo(_record(found))
        assert outcome.state is State.FAILED
        assert "whether it is this run's is not known" in str(outcome.error)
        assert len(system.residue(system.snapshot([found], must=True), [], _kept()).residue) == 1
        (one,) = team.attacks.values()
        one["halted"] = "UserHalted"
        assert system.undo(_record(found)).state is State.ALREADY


def test_another_attack_on_the_same_object_is_somebody_elses() -> None:
    with answering({"cliArgs": ["latency", "-l", "60", "-m", "5"]}) as (_, system, found):
        assert system.undo(_record(found)).state is State.ALREADY


@pytest.mark.parametrize("given", [["-l", "5"], ["-l5"], ["--length=5"]])
def test_a_length_within_the_command_is_refused(given: list[str]) -> None:
    with pytest.raises(errors.UsageError, match="length_s says how long"):
        actions.arguments(["latency", *given], 60)
    assert actions.arguments(["latency", "-p", "-lo"], 60) == ["latency", "-l", "60", "-p", "-lo"]


def test_a_shell_that_reaches_another_team_halts_nothing_and_says_so() -> None:
    with gremlin() as team, gremlin() as other:
        system = driver.Driver().open(setting(team.url))
        found = system.resolve(asked())
        assert found is not None
        act(team, asked())
        elsewhere = driver.Driver().open(setting(other.url))
        outcome = elsewhere.undo(_record(found))
        why = f"the fault was made in URL {team.url}, but this shell reaches URL {other.url}; run: GREMLIN_URL={team.url} chaos-run recover"
        assert (outcome.state, outcome.error) == (State.FAILED, why)
        (left,) = elsewhere.residue(system.snapshot([found], must=True), [], _kept()).residue
        assert left == f"whether an attack on deployment/shop/shop goes on is not known: {why}"
        assert system.undo(_record(found)).state is State.UNDONE


def test_the_team_of_a_record_is_told_from_others_and_a_team_of_the_secrets_is_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GREMLIN_API_KEY", KEY)
    monkeypatch.setenv("GREMLIN_TEAM_ID", "team-2")
    open_one, secret = (service.Gremlin(service.access({}, known)) for known in ({}, SECRETS))
    assert open_one.home()["team"] == "team-2"
    assert TEAM not in str(secret.home())
    why = secret.elsewhere(open_one.home())
    assert why.startswith("the fault was made in team team-2, but this shell reaches team of the secrets (")
    assert why.endswith("; run: GREMLIN_TEAM_ID=… GREMLIN_API_KEY=… chaos-run recover")
    assert secret.elsewhere(secret.home()) == secret.elsewhere(None) == ""


def test_what_cannot_be_attacked_starts_nothing() -> None:
    with gremlin() as team:
        with pytest.raises(errors.EnvironmentFailure, match="knows no deployment shop/nobody"):
            act(team, asked("nobody"))
        assert team.attacks == {}


def test_a_key_that_is_missing_or_refused_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GREMLIN_API_KEY", raising=False)
    with pytest.raises(errors.EnvironmentFailure, match="needs a team and a key"):
        actions.attack(["cpu"], "shop", "shop")
    wrong = {**SECRETS, "GREMLIN_API_KEY": "other"}
    with gremlin() as team, pytest.raises(errors.EnvironmentFailure, match="answers 401"):
        actions.attack(["cpu"], "shop", "shop", configuration={"gremlin_url": team.url}, secrets=wrong)


def test_its_environment_is_a_team_that_no_sandbox_list_has() -> None:
    where = registry.environment(asked().provider, Where(env={"GREMLIN_TEAM_ID": TEAM}))
    assert str(where) == "gremlin team team-1 at api.gremlin.com"
    assert not policy.is_sandbox(where)
