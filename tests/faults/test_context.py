"""The context is found as kubectl and Chaos Toolkit's extension find it, and taken out of its kubeconfig whole and alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner import errors
from runner.faults.kubernetes import context


def kubeconfig(path: Path, *names: str, current: str | None = None, **user: Any) -> Path:
    """A kubeconfig whose contexts have a cluster and a user each, of their own name."""
    tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{"name": f"c-{n}", "cluster": {"server": f"https://{n}.example:6443"}} for n in names],
        "users": [{"name": f"u-{n}", "user": user or {"token": f"token-of-{n}"}} for n in names],
        "contexts": [
            {"name": n, "context": {"cluster": f"c-{n}", "user": f"u-{n}", "namespace": f"ns-{n}"}} for n in names
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree), "utf-8")
    return path


def account(folder: Path) -> Path:
    """What Kubernetes mounts into a pod."""
    folder.mkdir()
    for name, text in (("token", "hush"), ("ca.crt", "a certificate"), ("namespace", "chaos\n")):
        (folder / name).write_text(text, "utf-8")
    return folder


def found(*arguments: Any, **more: Any) -> context.Context:
    chosen = context.find(*arguments, **more)
    assert chosen is not None
    return chosen


def test_a_kubeconfig_that_cannot_be_read_does_not_show_its_tokens(tmp_path: Path) -> None:
    broken = tmp_path / "config"
    broken.write_text('{"users": [{"name": "me"}\n "token": "hush-hush"}', "utf-8")
    with pytest.raises(errors.UsageError, match="is not a kubeconfig") as caught:
        context.find(str(broken), None, env={})
    assert not isinstance(caught.value, errors.InvalidFile)
    assert "hush-hush" not in str(caught.value)


def test_the_chosen_context_is_current_and_alone(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "config", "prod-eu", "kind-lab", current="prod-eu")
    chosen = found(str(file), "kind-lab", env={})
    assert (chosen.name, chosen.server, chosen.namespace) == (
        "kind-lab",
        "https://kind-lab.example:6443",
        "ns-kind-lab",
    )
    assert chosen.config["current-context"] == "kind-lab"
    assert [len(chosen.config[kind]) for kind in ("contexts", "clusters", "users")] == [1, 1, 1]
    assert "prod-eu" not in json.dumps(chosen.config)


def test_who_says_nothing_gets_the_current_one_and_the_extensions_variable_comes_before_it(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "config", "prod-eu", "kind-lab", current="prod-eu")
    assert found(None, None, env={"KUBECONFIG": str(file)}).name == "prod-eu"
    assert found(None, None, env={"KUBECONFIG": str(file), "KUBERNETES_CONTEXT": "kind-lab"}).name == "kind-lab"
    assert found(str(file), "prod-eu", env={"KUBERNETES_CONTEXT": "kind-lab"}).name == "prod-eu"


def test_paths_in_a_kubeconfig_hold_from_anywhere(tmp_path: Path) -> None:
    file = kubeconfig(
        tmp_path / "k/config",
        "kind-a",
        current="kind-a",
        **{
            "client-certificate": "me.crt",
            "client-key": "/keys/me.key",
            "tokenFile": "../token",
            "exec": {"apiVersion": "v1", "command": "bin/login", "args": ["bin/stays"]},
        },
    )
    tree = json.loads(file.read_text())
    tree["clusters"][0]["cluster"]["certificate-authority"] = "ca.crt"
    file.write_text(json.dumps(tree))
    config = found(str(file), None, env={}).config
    user, base = config["users"][0]["user"], file.parent
    assert config["clusters"][0]["cluster"]["certificate-authority"] == str(base / "ca.crt")
    assert user["client-certificate"] == str(base / "me.crt")
    assert user["client-key"] == "/keys/me.key"
    assert user["tokenFile"] == str(base / "../token")
    assert user["exec"] == {"apiVersion": "v1", "command": str(base / "bin/login"), "args": ["bin/stays"]}


def test_a_login_helper_without_a_folder_is_looked_for_on_the_path(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "config", "kind-a", current="kind-a", exec={"command": "aws", "args": ["eks"]})
    assert found(str(file), None, env={}).config["users"][0]["user"]["exec"]["command"] == "aws"


def test_of_several_files_the_first_entry_of_a_name_counts_as_for_kubectl(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "a/config", "kind-a")
    second = kubeconfig(tmp_path / "b/config", "kind-a", "kind-b", current="kind-b", token="of the second")
    several = f"{tmp_path / 'missing'}:{first}:{second}"
    assert found(several, None, env={}).name == "kind-b"
    assert found(several, "kind-a", env={}).config["users"][0]["user"] == {"token": "token-of-kind-a"}


def test_a_machine_without_any_has_no_target(tmp_path: Path) -> None:
    assert context.find(None, None, env={"HOME": str(tmp_path)}, account=tmp_path / "no account") is None


@pytest.mark.parametrize("given", ["/nowhere/config", ":", "/nowhere/a:/nowhere/b"])
def test_a_kubeconfig_that_was_named_and_is_not_there_is_an_error(given: str, tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match="there is no kubeconfig"):
        context.find(None, None, env={"KUBECONFIG": given, "HOME": str(tmp_path)})


def test_a_kubeconfig_without_a_current_context_says_so_and_names_those_it_has(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "config", "kind-a", "kind-b")
    with pytest.raises(errors.UsageError, match="has no current context") as caught:
        context.find(str(file), None, env={})
    assert "kind-a, kind-b" in str(caught.value.hint)


def test_in_a_pod_the_cluster_around_it_is_the_target(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    mounted = account(tmp_path / "account")
    chosen = found(None, None, env=env, account=mounted)
    assert (chosen.name, chosen.server, chosen.namespace) == ("in-cluster", "https://[fd00::1]:6443", "chaos")
    assert chosen.in_cluster
    assert chosen.config["users"][0]["user"] == {"tokenFile": str(mounted / "token")}, "it is renewed in its place"
    assert "hush" not in json.dumps(chosen.config)


def test_a_pod_whose_service_account_is_not_mounted_is_still_one(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert found(None, None, env=env, account=tmp_path / "no account").name == "in-cluster"


def test_a_kubeconfig_in_a_pod_comes_before_its_service_account(tmp_path: Path) -> None:
    kubeconfig(tmp_path / ".kube/config", "kind-a", current="kind-a")
    env = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert found(None, None, env=env).name == "kind-a"
    with pytest.raises(errors.UsageError, match="kind-b"):
        context.find(None, "kind-b", env={"HOME": "/nowhere", "KUBERNETES_SERVICE_HOST": "10.0.0.1"})


def test_the_extensions_own_variables_name_a_server_and_no_playground_takes_its_place(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "KUBERNETES_HOST": "https://prod.example:6443", "KUBERNETES_API_KEY": "hush"}
    chosen = found(None, None, env=env | {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, account=tmp_path / "none")
    assert (chosen.name, chosen.server) == ("prod.example:6443", "https://prod.example:6443")
    assert chosen.config["users"][0]["user"] == {"token": "hush"}
    assert not chosen.in_cluster
