"""Every Python call is checked against the code that is installed, wherever it stands, before anything happens."""

from __future__ import annotations

import copy
import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from chaoslib.activity import ensure_activity_is_valid
from chaoslib.exceptions import ChaosException

from runner.experiment import load, modules
from runner.experiment.findings import FileFinding

Json = dict[str, Any]
HOOKED = """
def before_activity_control(context, limit=1): ...
def after_activity_control(context, **others): ...
"""
OWN = """
import functools
print("noise on stdout")

def strike(target, force=False, *, secrets=None): ...
def needs_secrets(secrets): ...
def anything(**arguments): ...
def judges(value, least): ...

@functools.wraps(strike)
def wrapped(*a, **k): ...

class Shape: ...
kept = functools.lru_cache(strike)
"""


@pytest.fixture(autouse=True)
def _own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's own modules, in the folder where they are called."""
    (tmp_path / "striking_own.py").write_text(OWN)
    (tmp_path / "hooked_own.py").write_text(HOOKED)
    (tmp_path / "broken_own.py").write_text("import not_installed_at_all\n")
    (tmp_path / "raising_own.py").write_text("raise RuntimeError('no licence')\n")
    (tmp_path / "leaving_own.py").write_text("import sys; sys.exit('bye')\n")
    (tmp_path / "logging_own.py").write_text("from logzero import logger\n\ndef ok(): return True\n")
    monkeypatch.chdir(tmp_path)
    modules.offer.cache_clear()
    modules._imported.cache_clear()


def activity(module: str, func: str, arguments: Json | None = None, **provider: Any) -> Json:
    given = {"type": "python", "module": module, "func": func, "arguments": arguments or {}, **provider}
    return {"type": "action", "name": "it", "provider": given}


def examined(*, here: bool = False, **parts: Any) -> list[FileFinding]:
    """What is found in a document with these parts, beside the advice that there should be more in it."""
    document = {"title": "t", "description": "d", "method": [], "rollbacks": [], **parts}
    Path("x.json").write_text(json.dumps(document))
    advice = {"no-block", "no-rollbacks", "python-timeout"}
    return [f for f in load.examine("x.json", here=here).findings if f.rule not in advice]


K8S = "chaosk8s.deployment.actions"
WRONG = [
    (activity(K8S, "scale_deploymnt", {"name": "x", "replicas": 1}), "no function 'scale_deploymnt'", "did you mean 'scale_deployment'?"),
    (activity(K8S, "scale_deployment", {"name": "x"}), "needs the argument 'replicas'", "add replicas: … to its arguments"),
    (activity(K8S, "scale_deployment", {"name": "x", "replicas": 1, "namespace": "y"}), "no argument 'namespace'", "did you mean 'name'?"),
    (activity("chaosk8s.deploment.actions", "scale_deployment"), "no module 'chaosk8s.deploment'", "did you mean 'chaosk8s.deployment'?"),
    (activity("os", "remoove", {"path": "x"}), "no function 'remoove'", "did you mean 'remove'?"),
    (activity("os.pathh", "exists", {"path": "x"}), "no module 'os.pathh'", None),
    (activity("striking_own", "strikes", {"target": "x"}), "no function 'strikes'", "did you mean 'strike'?"),
    (activity("striking_own", "strike", {}), "needs the argument 'target'", "add target: … to its arguments"),
    (activity("striking_own", "strike", {"target": "x", "forse": True}), "no argument 'forse'", "did you mean 'force'?"),
    (activity("striking_own", "Shape"), "no function 'Shape'", None),
    (activity("striking_own", "kept", {"target": "x"}), "no function 'kept'", None),
    (activity("striking_own.more", "strike"), "no module 'striking_own.more'", None),
]  # fmt: skip


def refused(found: Json) -> bool:
    """By chaoslib itself."""
    try:
        ensure_activity_is_valid(copy.deepcopy(found))
    except ChaosException:
        return True
    return False


@pytest.mark.parametrize("place", ["method", "rollbacks"])
@pytest.mark.parametrize(("wrong", "said", "hint"), WRONG, ids=[said for _, said, _ in WRONG])
def test_a_typo_is_an_error_wherever_it_stands(
    wrong: Json, said: str, hint: str | None, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(".")
    assert refused(wrong)
    (found,) = examined(**{place: [wrong]})
    assert found.severity == "error"
    assert said in found.message
    assert "the action 'it'" in found.message
    assert hint is None or found.hint == hint


@pytest.mark.parametrize(
    "right",
    [
        activity(K8S, "scale_deployment", {"name": "x", "replicas": 1}),
        activity("os", "remove", {"path": "x"}),
        activity("os.path", "exists", {"path": "x"}),
        activity("striking_own", "strike", {"target": "x"}, secrets=["team"]),
        activity("striking_own", "anything", {"whatever": 1}),
        activity("striking_own", "wrapped", {"target": "x"}),
        activity("logging_own", "ok"),
    ],
)
def test_what_chaos_toolkit_can_call_is_no_finding(right: Json) -> None:
    assert examined(method=[right], rollbacks=[right | {"name": "other"}], secrets={"team": {"a": "b"}}) == []


@pytest.mark.parametrize("func", ["dir", "sum"])
def test_what_chaos_toolkit_cannot_call_at_all_is_an_error(func: str) -> None:
    """Of `dir` there is no signature, and `sum` takes what it sums up by its position alone."""
    (found,) = examined(method=[activity("builtins", func)])
    assert found.severity == "error"
    assert f"the action 'it' cannot call {func}" in found.message


def test_a_function_that_cannot_go_without_secrets_gets_some() -> None:
    (found,) = examined(method=[activity("striking_own", "needs_secrets")])
    assert (found.severity, found.hint) == ("error", "add secrets: [GROUP] to its provider")
    assert examined(method=[activity("striking_own", "needs_secrets", secrets=["team"])]) == []


def test_the_value_of_a_tolerance_probe_is_given_by_chaos_toolkit() -> None:
    def judged_by(func: str) -> list[FileFinding]:
        judge = activity("striking_own", func, {"least": 1}) | {"type": "probe"}
        probe = activity("os", "getpid") | {"type": "probe", "tolerance": judge}
        return examined(**{"steady-state-hypothesis": {"title": "t", "probes": [probe]}})

    assert judged_by("judges") == []
    assert "no argument 'value', by which Chaos Toolkit hands" in judged_by("strike")[0].message
    assert "no function 'jugdes'" in judged_by("jugdes")[0].message


def test_a_probe_behind_a_configuration_value_is_doubted_only() -> None:
    entry = activity("os", "getpidd") | {"type": "probe"}
    (found,) = examined(configuration={"pid": entry})
    assert (found.severity, found.rule) == ("warning", "function")


@pytest.mark.parametrize(
    ("module", "why"),
    [("broken_own", "not_installed_at_all"), ("raising_own", "RuntimeError: no licence"), ("leaving_own", "bye")],
)
@pytest.mark.parametrize("here", [False, True])
def test_a_module_that_cannot_be_imported_is_missing_here_and_an_error_for_a_run(
    module: str, why: str, here: bool
) -> None:
    (found,) = examined(method=[activity(module, "strike")], here=here)
    assert (found.severity, found.rule) == ("error" if here else "warning", "module")
    assert why in found.message


def test_controls_are_looked_at_too() -> None:
    def control(module: str, **arguments: Any) -> list[FileFinding]:
        provider = {"type": "python", "module": module, "arguments": arguments}
        return examined(controls=[{"name": "c", "provider": provider}])

    assert control("hooked_own", limit=3) == []
    (found,) = control("hooked_own", limits=3)
    assert "before_activity_control of the control 'c' has no argument 'limits'" in found.message
    (found,) = control("striking_own")
    assert "does nothing" in found.message
    (found,) = control("raising_own")
    assert "no licence" in found.message
    assert {found.severity} == {"warning"}


def test_the_text_of_an_extension_says_the_same_as_its_import() -> None:
    """Every function of chaosk8s: what is read is what inspect sees, and most is read."""
    import importlib
    import pkgutil

    import chaosk8s

    read = total = 0
    for info in pkgutil.walk_packages(chaosk8s.__path__, "chaosk8s."):
        module = importlib.import_module(info.name)
        for name, signature in modules.functions(module):
            if getattr(module, name).__module__ != info.name:
                continue
            total += 1
            written = modules._written(info.name, name)
            read += written is not None
            assert written in (None, signature), f"{info.name}.{name}"
            assert inspect.isfunction(getattr(module, name))
    assert read > 0.95 * total > 50
