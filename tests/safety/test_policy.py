"""Policy: what is not on the sandbox allowlist is refused, unless the file accepts it by name."""

from __future__ import annotations

import pytest

from runner import errors
from runner.faults.driver import Environment, FaultTarget, Owner
from runner.safety import policy
from runner.safety.policy import LOCAL, SANDBOX, UNKNOWN, PolicyRequest

HOST = Environment(system="host", name="this machine")
LAB = Environment(system="kubernetes", name="kind-lab")
AWS = Environment(system="aws", name="account 123456789012, region eu-west-1")
MOTO = Environment(system="aws", name="stand-in at http://127.0.0.1:5000")
STRANGE = Environment(system="", name="chaosgremlin")


@pytest.mark.parametrize(
    ("run", "where", "refused"),
    [
        (SANDBOX, LAB, False),
        (SANDBOX, HOST, False),
        (LOCAL, HOST, False),
        (LOCAL, MOTO, False),
        (LOCAL, AWS, True),
        (SANDBOX, AWS, True),
        (LOCAL, STRANGE, True),
        (SANDBOX, STRANGE, False),
    ],
)
def test_an_environment_on_no_list_is_refused_unless_the_file_accepts_it(
    run: str, where: Environment, refused: bool
) -> None:
    found = policy.judge_environments(run, [("act", where)], ())
    assert bool(found.reasons) is refused
    assert found.environment == (UNKNOWN if refused else run)
    accepted = policy.judge_environments(run, [("act", where)], ["act"])
    assert accepted.reasons == ()
    assert accepted.accepted == ({"act": where} if refused else {})
    assert accepted.environment == (UNKNOWN if refused else run), "an accepted environment is no sandbox"


def test_a_refusal_names_action_and_environment_and_what_to_do() -> None:
    found = policy.judge_environments(LOCAL, [("stop", AWS), ("attack", STRANGE), ("fine", HOST), ("stop", HOST)], ())
    with pytest.raises(errors.Refused) as refused:
        found.require()
    assert refused.value.reasons == (
        "the action 'stop' strikes aws account 123456789012, region eu-west-1, which is not on the sandbox allowlist",
        "the action 'attack' (chaosgremlin) strikes an environment that no fault driver knows",
    )
    assert "accept_environment: [stop, attack]" in str(refused.value.hint)


@pytest.mark.parametrize("context", ["playground", "kind-lab", "k3d-a", "minikube", "docker-desktop"])
def test_a_context_on_the_allowlist_is_a_sandbox(context: str) -> None:
    assert policy.judge_context(context).environment == SANDBOX
    assert policy.judge_context(context).reasons == ()


@pytest.mark.parametrize("context", ["prod-eu", "minikube2", "", "xkind-lab"])
def test_any_other_context_is_refused(context: str) -> None:
    assert policy.judge_context(context).reasons


def test_outside_a_sandbox_an_action_without_an_undo_has_to_be_accepted_by_name() -> None:
    actions = [FaultTarget(action="a", owner=Owner.NOBODY), FaultTarget(action="b", owner=Owner.UNDOER)]
    asked = PolicyRequest(environment=UNKNOWN, actions=actions)
    assert [r for r in policy.judge_faults(asked).reasons if "'a'" in r]
    assert len(policy.judge_faults(asked).reasons) == 1
    accepted = PolicyRequest(environment=UNKNOWN, actions=actions, accept_no_undo=["a"])
    assert policy.judge_faults(accepted).reasons == ()
    for sandbox in (SANDBOX, LOCAL):
        assert policy.judge_faults(PolicyRequest(environment=sandbox, actions=actions)).reasons == ()
