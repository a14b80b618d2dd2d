"""AWS FIS against moto's life-cycle of it: started once, found by tag, stopped, and never believed where it did not run."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from runner import errors
from runner.faults import conformance, identity, registry
from runner.faults.aws_fis import actions, driver, service
from runner.faults.conformance import Trial, Trouble
from runner.faults.driver import Activity, Claim, FaultTarget, Owner, Setting, State, Where
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from tests.fakes import troubled
from tests.fakes.cloudwatch import ACCESS, REGION, Cloud, cloudwatch
from tests.fakes.listening import Quiet, listening
from tests.faults.test_conformance import NoSecrets

RUN = "20261127-120000-1"
CONFIGURATION = {"aws_region": REGION}
ALARM = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:shop-errors"
INSTANCE = "arn:aws:ec2:eu-west-1:123456789012:instance/i-1"


class Secrets(NoSecrets):
    def starting_with(self, prefix: str) -> dict[str, Any]:
        return dict(ACCESS)


SETTING = Setting(run=RUN, secrets=Secrets(), configuration=CONFIGURATION)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with cloudwatch() as found:
        yield found


@pytest.fixture
def fis(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its own client, with every step of an experiment taken only when a test says so: moto counts looks, not seconds."""
    import boto3
    import httpx

    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv(identity.VARIABLE, RUN)
    identity.run_id.cache_clear()
    httpx.post(f"{cloud.url}/moto-api/reset")
    looks(cloud, 1)
    client = boto3.session.Session(**ACCESS).client("fis", region_name=REGION, endpoint_url=cloud.url)
    yield client
    client.close()
    identity.run_id.cache_clear()


def looks(cloud: Cloud, times: int) -> None:
    """After how many looks an experiment takes its next step."""
    import httpx

    wanted = {"model_name": "fis::experiment", "transition": {"progression": "manual", "times": times}}
    httpx.post(f"{cloud.url}/moto-api/state-manager/set-transition", json=wanted).raise_for_status()


def template(fis: Any, alarm: str | None = ALARM, skip: bool = False, **given: Any) -> str:
    action = {
        "actionId": "aws:ec2:stop-instances",
        "parameters": {"startInstancesAfterDuration": "PT1M"},
        "targets": {"Instances": "one"},
    }
    target = {"resourceType": "aws:ec2:instance", "resourceArns": [INSTANCE], "selectionMode": "ALL"}
    made = fis.create_experiment_template(
        **{
            "clientToken": os.urandom(4).hex(),
            "description": "stop one",
            "stopConditions": [{"source": "aws:cloudwatch:alarm", "value": alarm} if alarm else {"source": "none"}],
            "targets": {"one": target},
            "actions": {"stop": action},
            "roleArn": "arn:aws:iam::123456789012:role/fis",
            "experimentOptions": {"emptyTargetResolutionMode": "skip" if skip else "fail"},
        }
        | given
    )
    return str(made["experimentTemplate"]["id"])


def asked(template_id: str) -> Activity:
    arguments = {"template_id": template_id}
    provider = {"type": "python", "module": driver.MODULE, "func": "start_experiment", "arguments": arguments}
    return Activity(name="stop one", provider=provider, arguments=arguments)


def start(template_id: str, **more: Any) -> dict[str, Any]:
    return actions.start_experiment(template_id, configuration=CONFIGURATION, secrets=ACCESS, **more)


@pytest.mark.slow("moto takes a step of an experiment every few looks")
@pytest.mark.timeout(300)
def test_it_passes_the_conformance_suite(fis: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = {
        "actionId": "aws:ec2:stop-instances",
        "parameters": {"startInstancesAfterDuration": "PT2S"},
        "targets": {"Instances": "one"},
    }
    known, foreign = template(fis, actions={"stop": stop}), template(fis)
    others: list[str] = []

    def act() -> None:
        looks(cloud, 1)
        start(known)
        looks(cloud, 8)

    @contextlib.contextmanager
    def trouble(kind: Trouble) -> Iterator[Setting]:
        with troubled.troubled(before, kind):
            yield SETTING

    with troubled.front(cloud.url) as before:
        monkeypatch.setenv("AWS_ENDPOINT_URL", before.url)
        trial = Trial(
            setting=SETTING,
            activity=asked(known),
            act=act,
            nothing=asked("EXT-nobody-made-it"),
            others=lambda: others.append(
                fis.start_experiment(clientToken="theirs", experimentTemplateId=foreign)["experiment"]["id"]
            ),
            untouched=lambda: fis.get_experiment(id=others[0])["experiment"]["state"]["status"] != "stopped",
            limit_s=20.0,
            troubled=trouble,
        )
        assert conformance.check(driver.Driver(), trial) == []


def test_its_environment_is_an_account_and_region_and_no_other_driver_claims_it() -> None:
    provider = asked("EXT1").provider
    assert registry.claiming(provider) is registry.named("aws_fis.driver")
    assert registry.named("kubernetes.driver").claims(provider) is Claim.NO
    where = Where(configuration={"aws_region": "eu-west-1", "aws_profile_name": "prod"})
    assert str(registry.environment(provider, where)) == "aws account of profile prod, region eu-west-1"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"skip": True}, "goes on where a target matches nothing"),
        ({"alarm": None}, "has no stop condition"),
    ],
)
def test_a_template_that_could_hit_nothing_or_never_stop_starts_nothing(
    fis: Any, made: Mapping[str, Any], said: str
) -> None:
    known = template(fis, **made)
    if "experimentOptions" not in fis.get_experiment_template(id=known)["experimentTemplate"] and made.get("skip"):
        pytest.skip("this moto forgets emptyTargetResolutionMode")
    with pytest.raises(errors.EnvironmentFailure, match=said):
        start(known)
    assert fis.list_experiments()["experiments"] == []


def test_a_template_without_stop_condition_starts_where_that_is_accepted(fis: Any) -> None:
    assert start(template(fis, alarm=None), accept_no_stop_condition=True)["state"].startswith("running")


@pytest.mark.parametrize(
    ("kind", "parameters", "owner", "ttl_s"),
    [
        ("aws:ec2:stop-instances", {"startInstancesAfterDuration": "PT1M"}, Owner.SYSTEM, 60.0),
        ("aws:ec2:stop-instances", {}, Owner.NOBODY, None),
        ("aws:ec2:stop-instances", {"startInstancesAfterDuration": "soon"}, Owner.UNDOER, None),
        ("aws:ec2:terminate-instances", {}, Owner.NOBODY, None),
        ("aws:ec2:send-spot-instance-interruptions", {"durationBeforeInterruption": "PT2M"}, Owner.NOBODY, None),
        ("aws:eks:nobody-knows-this-yet", {}, Owner.NOBODY, None),
        ("aws:ec2:reboot-instances", {}, Owner.SYSTEM, 0.0),
        ("aws:network:disrupt-connectivity", {"duration": "PT1H2M3S", "scope": "all"}, Owner.SYSTEM, 3723.0),
    ],
)
def test_what_fis_does_not_take_back_is_undone_by_nobody(
    fis: Any, kind: str, parameters: Mapping[str, str], owner: Owner, ttl_s: float | None
) -> None:
    action = {"actionId": kind, "parameters": parameters, "targets": {"Instances": "one"}}
    found = driver.Driver().open(SETTING).resolve(asked(template(fis, actions={"it": action})))
    assert found is not None
    assert (found.owner, found.ttl_s) == (owner, ttl_s)
    assert (f"FIS does not take back what it does by it ({kind})" in found.note) is (owner is Owner.NOBODY)


def _with(actions: Mapping[str, Any]) -> type[Quiet]:
    """FIS with one experiment of this run, which has completed."""
    name = "chaosrun-x-1"
    one = {
        "id": "EXP1",
        "state": {"status": "completed"},
        "tags": {service.RUN_TAG: RUN, service.NAME_TAG: name},
        "actions": {
            key: {**action, "startTime": 1795780800, "state": {"status": "completed"}}
            for key, action in actions.items()
        },
    }

    class Service(Quiet):
        def do_GET(self) -> None:
            body = {"experiments": [one]} if self.path.partition("?")[0] == "/experiments" else {"experiment": one}
            self.answer(json.dumps(body).encode())

    return Service


WAIT = {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M"}}
ALARMED = {"actionId": "aws:cloudwatch:assert-alarm-state", "parameters": {}}
STOP = {"actionId": "aws:ec2:stop-instances", "parameters": {}}
API_ERRORS = {"actionId": "aws:fis:inject-api-internal-error", "parameters": {"duration": "PT1M"}}


@pytest.mark.parametrize(
    ("actions", "proven"),
    [({"w": WAIT, "a": ALARMED}, False), ({"w": WAIT, "errors": API_ERRORS}, True), ({"s": STOP}, True)],
)
def test_an_action_that_only_waits_or_looks_at_an_alarm_proves_nothing(
    actions: Mapping[str, Any], proven: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FaultTarget(action="it", kind="fis", targets=(INSTANCE,), before={"name": "chaosrun-x-1"})
    with listening(_with(actions)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert driver.Driver().open(SETTING).confirm(asked("EXT1"), target).confirmed is proven


def test_an_experiment_that_completed_and_left_instances_stopped_is_no_evidence_that_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listening(_with({"s": STOP, "w": WAIT})) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        found = driver.Driver().open(SETTING).residue({}, [], Kept())
    assert found.cleared == ()
    assert found.unseen[0].endswith("and FIS does not take back what it did by s (aws:ec2:stop-instances)")


def test_a_shell_that_reaches_another_region_finds_no_experiment_and_says_so(fis: Any) -> None:
    found = driver.Driver().open(SETTING).resolve(asked(template(fis)))
    assert found is not None
    (step,) = found.undo
    record = UndoRecord(number=1, kind=step.kind, what=step.what, args=dict(step.args))
    system = driver.Driver().open(replace(SETTING, configuration={"aws_region": "us-east-1"}))
    why = f"the fault was made in region {REGION}, but this shell reaches region us-east-1; run: AWS_REGION={REGION} chaos-run recover"
    outcome = system.undo(record)
    assert (outcome.state, outcome.error) == (State.FAILED, why)
    (left,) = system.residue(system.snapshot([found], must=True), [record], Kept()).residue
    assert left == f"whether the FIS experiments of this run have ended is not known: {why}"


def test_an_experiment_that_failed_is_not_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto never fails one: the state and its fields are those of the API model of 2020-12-01."""
    failed = {
        "id": "EXP1",
        "state": {
            "status": "failed",
            "reason": "stop-instances failed",
            "error": {"code": "Denied", "location": "stop"},
        },
    }
    assert service.reason(failed) == "failed: stop-instances failed (Denied at stop)"
    with listening(_failing_when_stopped(failed)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        record = UndoRecord(number=1, kind=driver.STOP, what="stop it", args={"name": "chaosrun-x-1"})
        outcome = driver.Driver().open(SETTING).undo(record)
    assert outcome.state is State.FAILED
    assert "failed: stop-instances failed (Denied at stop): whether its targets were restored" in str(outcome.error)


def _failing_when_stopped(failed: Mapping[str, Any]) -> type[Quiet]:
    """FIS with one experiment, which runs until it is stopped, and fails then."""
    state = {"status": "running"}

    class Service(Quiet):
        def do_DELETE(self) -> None:
            state.update(failed["state"])
            self.do_GET()

        def do_GET(self) -> None:
            one = {"id": "EXP1", "state": state, "tags": {service.NAME_TAG: "chaosrun-x-1"}}
            body = {"experiments": [one]} if self.path.partition("?")[0] == "/experiments" else {"experiment": one}
            self.answer(json.dumps(body).encode())

    return Service


def test_an_account_that_does_not_answer_is_a_failed_undo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    record = UndoRecord(number=1, kind=driver.STOP, what="stop it", args={"name": "chaosrun-x-1"})
    outcome = driver.Driver().open(SETTING).undo(record)
    assert outcome.state is State.FAILED
    assert "AWS FIS does not answer" in str(outcome.error)
