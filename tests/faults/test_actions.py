"""The table of actions is whole: an action of the installed extension that changes something is known, or this fails."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import chaosk8s
import pytest

from runner.faults.kubernetes import actions, known_actions


def installed() -> Iterator[str]:
    """Every public function of the extension's `actions` modules that talks to a cluster: it takes `secrets` for that."""
    for found in pkgutil.walk_packages(chaosk8s.__path__, "chaosk8s."):
        if found.name.split(".")[-1] == "actions":
            module = importlib.import_module(found.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                ours = function.__module__ == found.name and not name.startswith("_")
                if ours and "secrets" in inspect.signature(function).parameters:
                    yield f"{found.name}.{name}"


def own() -> Iterator[str]:
    """Every function of the module that people write in a file."""
    for name, function in inspect.getmembers(actions, inspect.isfunction):
        if function.__module__ == actions.__name__ and not name.startswith("_"):
            yield f"{actions.__name__}.{name}"


def test_every_action_of_the_installed_extension_and_of_our_own_is_known() -> None:
    there = {*installed(), *own()}
    assert len(there) > 50, "the search itself works"
    assert sorted(there - set(known_actions.ACTIONS)) == [], "new actions: their targets are not resolved"
    assert sorted(set(known_actions.ACTIONS) - there) == [], "nothing is kept that is no more"


@pytest.mark.parametrize(
    ("module", "func", "name"),
    [
        ("chaosk8s.pod.actions", "terminate_pods", "chaosk8s.pod.actions.terminate_pods"),
        ("chaosk8s.actions", "delete_pods", "chaosk8s.pod.actions.delete_pods"),
        ("chaosk8s.actions", "delete_service", "chaosk8s.service.actions.delete_service"),
        ("chaosk8s.chaosmesh.network.actions", "create_custom_object", "chaosk8s.crd.actions.create_custom_object"),
    ],
)
def test_an_action_is_known_by_whatever_module_it_is_called(module: str, func: str, name: str) -> None:
    assert known_actions.resolver({"type": "python", "module": module, "func": func}) is known_actions.ACTIONS[name]


@pytest.mark.parametrize(
    "provider",
    [
        {"type": "process", "path": "kubectl"},
        {"type": "python", "module": "chaosk8s.pod.probes", "func": "count_pods"},
        {"type": "python", "module": "chaosk8s.nothing", "func": "at_all"},
        {"type": "python", "module": "ours.actions", "func": "terminate_pods"},
    ],
)
def test_of_anything_else_no_target_is_known(provider: dict[str, str]) -> None:
    assert known_actions.resolver(provider) is None
