"""AWS by chaosaws, against moto: what an action changes is read before, seen after, and put back as it was."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from runner.faults import conformance
from runner.faults.aws import changes, driver
from runner.faults.conformance import Trial, Trouble
from runner.faults.driver import Activity, Owner, Setting, State
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from tests.fakes import troubled
from tests.fakes.cloudwatch import ACCESS, REGION, Cloud, cloudwatch
from tests.faults.test_conformance import NoSecrets

CONFIGURATION = {"aws_region": REGION}


class Secrets(NoSecrets):
    def starting_with(self, prefix: str) -> dict[str, Any]:
        return dict(ACCESS)


SETTING = Setting(run="20261127-120000-1", secrets=Secrets(), configuration=CONFIGURATION)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with cloudwatch() as found:
        yield found


@dataclass
class Account:
    """One account on moto, for whoever makes something in it."""

    cloud: Cloud

    def client(self, service: str) -> Any:
        import boto3

        return boto3.session.Session(**ACCESS).client(service, region_name=REGION, endpoint_url=self.cloud.url)

    def instance(self, **how: Any) -> str:
        image = self.client("ec2").describe_images()["Images"][0]["ImageId"]
        made = self.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1, **how)
        return str(made["Instances"][0]["InstanceId"])

    def state(self, instance: str) -> str:
        found = self.client("ec2").describe_instances(InstanceIds=[instance])
        return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


@pytest.fixture
def account(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    return Account(cloud)


def asked(fault: str, **arguments: Any) -> Activity:
    module, _, func = fault.rpartition(".")
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return Activity(name="it", provider=provider, arguments=arguments)


def resolved(activity: Activity) -> Any:
    return driver.Driver().open(SETTING).resolve(activity)


def seeded(seed: int, activity: Activity) -> Any:
    return driver.Driver().open(replace(SETTING, seed=seed)).resolve(activity)


def confirmed(activity: Activity, found: Any) -> Any:
    return driver.Driver().open(SETTING).confirm(activity, found)


def record(found: Any) -> UndoRecord:
    """The only one, as it comes out of a run's folder."""
    (step,) = found.undo
    return UndoRecord(number=1, kind=step.kind, what=step.what, args=json.loads(json.dumps(step.args)))


def undone(found: Any) -> list[State]:
    steps = json.loads(json.dumps([[s.kind, s.what, s.args] for s in found.undo]))
    records = [UndoRecord(number=n, kind=k, what=w, args=a) for n, (k, w, a) in enumerate(steps, 1)]
    return [driver.Driver().open(SETTING).undo(record).state for record in records]


@pytest.mark.slow("an API that does not answer is waited for")
@pytest.mark.timeout(300)
def test_instances_that_are_stopped_pass_the_conformance_suite(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = "chaosaws.ec2.actions.stop_instances"
    ours, theirs = account.instance(), account.instance()
    ec2 = account.client("ec2")

    @contextlib.contextmanager
    def trouble(kind: Trouble) -> Iterator[Setting]:
        with troubled.troubled(before, kind):
            yield SETTING

    with troubled.front(account.cloud.url) as before:
        monkeypatch.setenv("AWS_ENDPOINT_URL", before.url)
        trial = Trial(
            setting=SETTING,
            activity=asked(stop, instance_ids=[ours]),
            act=lambda: ec2.stop_instances(InstanceIds=[ours]),
            nothing=asked(stop, instance_ids=["i-0123456789abcdef0"]),
            others=lambda: ec2.stop_instances(InstanceIds=[theirs]),
            untouched=lambda: account.state(theirs) == "stopped",
            limit_s=10.0,
            troubled=trouble,
        )
        assert conformance.check(driver.Driver(), trial) == []


def test_an_undo_in_another_account_or_region_changes_nothing_and_says_whose_it_is(account: Account) -> None:
    set_to = _service(account, "stage")
    activity = asked("chaosaws.ecs.actions.update_desired_count", cluster="stage", service="shop", desired_count=1)
    found = resolved(activity)
    set_to(1)
    role = {"aws_assume_role_arn": "arn:aws:iam::111111111111:role/other"}
    for other, said in (
        (
            role,
            "account 123456789012, but this shell reaches account 111111111111; run: AWS_PROFILE=… chaos-run recover",
        ),
        (
            {"aws_region": "us-east-1"},
            f"region {REGION}, but this shell reaches region us-east-1; run: AWS_REGION={REGION} chaos",
        ),
    ):
        system = driver.Driver().open(replace(SETTING, configuration={**CONFIGURATION, **other}))
        outcome = system.undo(record(found))
        assert outcome.state is State.FAILED
        assert said in str(outcome.error)
        (left,) = system.residue(system.snapshot([found], must=True), [], Kept()).residue
        assert "ECS service stage/shop is as it was is not known: the fault was made in" in left
    assert undone(found) == [State.UNDONE]


def test_a_record_of_an_older_version_is_played_where_the_shell_leads(account: Account) -> None:
    set_to = _service(account, "old")
    found = resolved(asked("chaosaws.ecs.actions.update_desired_count", cluster="old", service="shop", desired_count=1))
    set_to(1)
    old = record(found)
    old.args.pop("home")
    assert driver.Driver().open(SETTING).undo(old).state is State.UNDONE


def _service(account: Account, cluster: str = "web") -> Callable[[int], object]:
    ecs = account.client("ecs")
    ecs.create_cluster(clusterName=cluster)
    task = {"name": "shop", "image": "shop", "memory": 64}
    ecs.register_task_definition(family="shop", containerDefinitions=[task])
    ecs.create_service(cluster=cluster, serviceName="shop", taskDefinition="shop", desiredCount=3)
    return lambda count: ecs.update_service(cluster=cluster, service="shop", desiredCount=count)


def test_a_service_gets_back_the_tasks_that_it_had(account: Account) -> None:
    set_to = _service(account)
    activity = asked("chaosaws.ecs.actions.update_desired_count", cluster="web", service="shop", desired_count=1)
    found = resolved(activity)
    assert found.targets == ("ecs/web/shop",)
    assert not confirmed(activity, found).confirmed
    set_to(1)
    evidence = confirmed(activity, found)
    assert evidence.confirmed
    assert "web/shop: 3 → 1" in evidence.sentence
    assert undone(found) == [State.UNDONE]
    assert undone(found) == [State.ALREADY]
    assert not confirmed(activity, found).confirmed


def test_a_number_that_somebody_else_has_set_meanwhile_stays(account: Account) -> None:
    set_to = _service(account, "theirs")
    activity = asked("chaosaws.ecs.actions.update_desired_count", cluster="theirs", service="shop", desired_count=1)
    found = resolved(activity)
    set_to(5)
    assert not confirmed(activity, found).confirmed
    assert undone(found) == [State.ALREADY]
    system = driver.Driver().open(SETTING)
    left = system.residue(system.snapshot([found], must=True), [], Kept())
    assert left.others == ("the desired tasks of the ECS service theirs/shop is 5, and was 3",)
    assert left.residue == ()


@pytest.mark.parametrize(
    ("fault", "argument", "value"),
    [
        ("chaosaws.awslambda.actions.put_function_concurrency", "concurrent_executions", "0"),
        ("chaosaws.awslambda.actions.put_function_timeout", "timeout", 3),
        ("chaosaws.awslambda.actions.put_function_memory_size", "memory_size", 128),
        ("chaosaws.ecs.actions.update_desired_count", "desired_count", 1),
    ],
)
def test_what_an_action_sets_is_known_beforehand(fault: str, argument: str, value: object) -> None:
    assert changes.CHANGES[fault].ours({argument: value}, 9) == int(str(value))
    assert changes.CHANGES[fault].ours({}, 9) is None


def _group(account: Account, name: str) -> Callable[[], list[str]]:
    """Which of its processes are suspended."""
    asg = account.client("autoscaling")
    asg.create_launch_configuration(LaunchConfigurationName=name, ImageId="ami-12345678", InstanceType="t2.micro")
    asg.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=name,
        MinSize=0,
        MaxSize=0,
        AvailabilityZones=[f"{REGION}a"],
    )

    def suspended() -> list[str]:
        (group,) = asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return sorted(p["ProcessName"] for p in group["SuspendedProcesses"])

    return suspended


def test_a_group_is_resumed_only_where_the_run_suspended_it(account: Account) -> None:
    asg, suspended = account.client("autoscaling"), _group(account, "web")
    asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AZRebalance"])  # somebody else's
    names = ["Launch", "AZRebalance"]
    activity = asked("chaosaws.asg.actions.suspend_processes", asg_names=["web"], process_names=names)
    found = resolved(activity)
    asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Terminate"])  # somebody else's, meanwhile
    assert not confirmed(activity, found).confirmed
    assert undone(found) == [State.ALREADY]
    asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=names)
    assert confirmed(activity, found).confirmed
    assert undone(found) == [State.UNDONE]
    assert suspended() == ["AZRebalance", "Terminate"]
    system = driver.Driver().open(SETTING)
    left = system.residue(system.snapshot([found], must=True), [], Kept())
    assert (left.residue, len(left.others)) == ((), 1)


def test_a_group_whose_processes_are_all_suspended_gets_all_back(account: Account) -> None:
    asg, suspended = account.client("autoscaling"), _group(account, "all")
    found = resolved(asked("chaosaws.asg.actions.suspend_processes", asg_names=["all"]))
    asg.suspend_processes(AutoScalingGroupName="all")
    assert suspended()
    assert undone(found) == [State.UNDONE]
    assert suspended() == []


def test_a_suspension_that_names_no_group_has_no_target(account: Account) -> None:
    _group(account, "other")
    assert resolved(asked("chaosaws.asg.actions.suspend_processes")).targets == ()


def test_a_database_that_was_stopped_is_started(account: Account) -> None:
    rds = account.client("rds")
    rds.create_db_instance(DBInstanceIdentifier="orders", DBInstanceClass="db.t3.micro", Engine="postgres")
    activity = asked("chaosaws.rds.actions.stop_db_instance", db_instance_identifier="orders")
    found = resolved(activity)
    rds.stop_db_instance(DBInstanceIdentifier="orders")
    assert confirmed(activity, found).confirmed
    assert undone(found) == [State.UNDONE]
    assert rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]["DBInstanceStatus"] == "available"


def _database(account: Account, name: str) -> Callable[[str], object]:
    """How its status is set: moto's own of the tests takes it as a tag."""
    rds = account.client("rds")
    made = rds.create_db_instance(DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres")
    arn = made["DBInstance"]["DBInstanceArn"]
    return lambda status: rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "status", "Value": status}])


@pytest.mark.parametrize("status", ["stopped", "stopping", "modifying"])
def test_a_database_that_is_not_available_is_no_target_and_never_started(account: Account, status: str) -> None:
    _database(account, f"db-{status}")(status)
    found = resolved(asked("chaosaws.rds.actions.stop_db_instance", db_instance_identifier=f"db-{status}"))
    assert (found.targets, found.undo, found.note) == ((), (), "nothing there that it could change")


@pytest.mark.parametrize("status", ["failed", "incompatible-network", "inaccessible-encryption-credentials"])
def test_a_database_that_cannot_start_is_not_back(account: Account, status: str) -> None:
    set_to = _database(account, f"db-{status}")
    found = resolved(asked("chaosaws.rds.actions.stop_db_instance", db_instance_identifier=f"db-{status}"))
    set_to(status)
    system = driver.Driver().open(SETTING)
    outcome = system.undo(record(found))
    assert outcome.state is State.FAILED
    assert f"is {status}: nothing can be put back" in str(outcome.error)
    assert system.residue(system.snapshot([found], must=True), [], Kept()).residue


def test_a_terminated_instance_is_undone_by_nobody_and_a_random_one_is_told_as_such(account: Account) -> None:
    account.instance(**_tagged("any"))
    account.instance(**_tagged("any"))
    found = resolved(asked("chaosaws.ec2.actions.terminate_instance", filters=_of("any")))
    assert (found.owner, found.undo) == (Owner.NOBODY, ())
    assert found.note == f"one of {len(found.targets)} at random"
    assert len(found.targets) == 2


def _tagged(team: str) -> dict[str, Any]:
    return {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": team}]}]}


def _of(team: str) -> list[dict[str, Any]]:
    return [{"Name": "tag:team", "Values": [team]}]


def test_what_does_not_run_is_terminated_too_and_told(account: Account) -> None:
    runs, idle, gone = (account.instance(**_tagged("idle")) for _ in range(3))
    ec2 = account.client("ec2")
    ec2.stop_instances(InstanceIds=[idle])
    ec2.terminate_instances(InstanceIds=[gone])
    activity = asked("chaosaws.ec2.actions.terminate_instances", filters=_of("idle"))
    found = resolved(activity)
    assert set(found.targets) == {f"ec2/{runs}", f"ec2/{idle}"}
    assert found.note == f"chaosaws terminates what does not run too: {idle} (stopped)"
    assert not confirmed(activity, found).confirmed
    ec2.terminate_instances(InstanceIds=[idle])
    assert confirmed(activity, found).targets == (f"ec2/{idle}",)


def test_a_stop_of_a_spot_instance_is_undone_by_nobody(account: Account) -> None:
    """chaosaws cancels its request and terminates it."""
    usual, spot = (
        account.instance(**_tagged("spot")),
        account.instance(**_tagged("spot"), InstanceMarketOptions={"MarketType": "spot"}),
    )
    found = resolved(asked("chaosaws.ec2.actions.stop_instances", filters=_of("spot")))
    assert found.owner == Owner.NOBODY
    assert [step.args["name"] for step in found.undo] == [usual]
    assert found.note == f"chaosaws terminates spot instances instead of stopping them: {spot}"


def test_an_instance_that_was_terminated_meanwhile_fails_its_undo_at_once(account: Account) -> None:
    instance = account.instance()
    found = resolved(asked("chaosaws.ec2.actions.stop_instances", instance_ids=[instance]))
    account.client("ec2").terminate_instances(InstanceIds=[instance])
    outcome = driver.Driver().open(SETTING).undo(record(found))
    assert outcome.state is State.FAILED
    assert outcome.error == f"AWS says that the EC2 instance {instance} is terminated: nothing can be put back"


def test_of_several_instances_one_is_drawn_by_the_seed_of_the_run_and_no_other_is_started_again(
    account: Account,
) -> None:
    three = {account.instance(**_tagged("drawn")) for _ in range(3)}
    activity = asked("chaosaws.ec2.actions.stop_instance", filters=_of("drawn"))
    found, again = (seeded(7, activity) for _ in range(2))
    assert found == again
    assert found.note == "drawn from 3 by the run's seed"
    hit = found.arguments["instance_id"]
    assert (found.pinned, found.targets, found.arguments) == (
        False,
        (f"ec2/{hit}",),
        {**activity.arguments, "instance_id": hit},
    )
    account.client("ec2").stop_instances(InstanceIds=[*three])  # the others by somebody else
    assert undone(found) == [State.UNDONE]
    assert {one: account.state(one) for one in three - {hit}} == dict.fromkeys(three - {hit}, "stopped")
    named = replace(activity, arguments={**activity.arguments, "instance_id": hit})
    assert seeded(7, named).arguments is None
    terminating = asked("chaosaws.ec2.actions.terminate_instance", filters=_of("drawn"))
    assert len({seeded(seed, terminating).targets for seed in range(30)}) > 1


def test_without_a_seed_every_candidate_is_shown(account: Account) -> None:
    for _ in range(2):
        account.instance(**_tagged("seedless"))
    found = resolved(asked("chaosaws.ec2.actions.stop_instance", filters=_of("seedless")))
    assert (len(found.targets), found.arguments) == (2, None)
    assert found.note == "one of 2 at random; the undo starts each of them that has stopped since"


def test_an_account_that_does_not_answer_leaves_the_targets_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    found = resolved(asked("chaosaws.ec2.actions.stop_instances", instance_ids=["i-1"]))
    assert not found.resolved
    assert "AWS does not answer" in found.note


def test_every_action_of_the_table_is_one_of_the_installed_extension() -> None:
    from importlib import import_module

    for name in changes.CHANGES:
        module, _, func = name.rpartition(".")
        assert callable(getattr(import_module(module), func)), name
