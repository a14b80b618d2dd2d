"""Controls of a file and of the user's settings: the hooks are those of plain Chaos Toolkit, in its order, and what they say is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.test_plain_files import HYPOTHESIS, PROBE, ROOT, Json, Play, both, document, writes
from tests.waiting import HANG_S, until

CONTROL = """
import os
from chaoslib.exceptions import InterruptExecution

def _w(what):
    with open(os.environ["TRACE"], "a") as f:
        f.write(f"{__name__} {what}\\n")
    if what == os.environ.get("FORBIDS"):
        raise InterruptExecution("not today")
    if what == os.environ.get("FAILS"):
        raise ValueError("my own mistake")

def configure_control(**kw): _w("configure")
def cleanup_control(**kw): _w("cleanup")
def before_loading_experiment_control(context, **kw): _w("before_loading")
def after_loading_experiment_control(context, state, **kw): _w("after_loading " + state["title"])
def before_experiment_control(context, **kw): _w("before_experiment")
def after_experiment_control(context, state, **kw):
    _w(f"after_experiment {state['status']} {len(state['run'])} {[r['status'] for r in state['rollbacks']]}")
def before_hypothesis_control(context, **kw): _w("before_hypothesis")
def after_hypothesis_control(context, state, **kw): _w("after_hypothesis")
def before_method_control(context, **kw): _w("before_method")
def after_method_control(context, state, **kw): _w("after_method")
def before_rollback_control(context, **kw): _w("before_rollback")
def after_rollback_control(context, state, **kw): _w(f"after_rollback {[r['status'] for r in state or ()]}")
def before_activity_control(context, **kw): _w("before_activity " + context["name"])
def after_activity_control(context, state, **kw): _w(f"after_activity {context['name']} {(state or {}).get('status')}")
"""


def control(name: str) -> Json:
    return {"name": name, "provider": {"type": "python", "module": name}}


def whole() -> Json:
    found = document([writes("a"), writes("b")], [writes("x"), writes("y")], [PROBE])
    return found | {"controls": [control("mine")], "runtime": {"rollbacks": {"strategy": "always"}}}


def settled(ours: Play) -> list[str]:
    """The trace of our run without the last `p`: that is the look after everything was put back, which calls no hook."""
    trace = ours.trace
    last = len(trace) - 1 - trace[::-1].index("p")
    return trace[:last] + trace[last + 1 :]


def where(place: str) -> Json:
    found = whole()
    if place != "file":
        del found["controls"]
    if place == "hypothesis":
        found[HYPOTHESIS]["controls"] = [control("mine")]
    if place == "activity":
        found["method"][1]["controls"] = [control("mine")]
    if place == "rollback":
        found["rollbacks"][0]["controls"] = [control("mine")]
    if place == "none":
        found["method"][0]["controls"] = []
    return found


@pytest.mark.parametrize("place", ["file", "hypothesis", "activity", "rollback"])
def test_hooks_come_in_the_order_of_plain_chaos_toolkit(tmp_path: Path, place: str) -> None:
    plain, ours, said = both(tmp_path, where(place), mine=CONTROL)
    assert any("mine" in line for line in plain.trace), plain.trace
    assert settled(ours) == plain.trace, said


def test_controls_of_the_settings_are_called_and_named_when_they_stop(tmp_path: Path) -> None:
    found = whole()
    found["controls"] = [control("mine")]
    home = {".chaostoolkit/settings.yaml": "controls: {team: {provider: {type: python, module: theirs}}}\n"}
    plain, ours, said = both(tmp_path, found, mine=CONTROL, theirs=CONTROL, texts=home)
    assert [line for line in plain.trace if line.startswith("theirs before_loading")]
    assert settled(ours) == plain.trace, said


@pytest.mark.parametrize(
    "at",
    [
        *("before_experiment", "before_hypothesis", "before_method", "before_activity a", "before_activity b"),
        *("after_activity a succeeded", "after_method", "before_rollback"),
    ],
)
def test_a_control_that_stops_is_told_by_its_name_wherever_it_stops(
    tmp_path: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORBIDS", at)
    plain, ours, said = both(tmp_path, whole(), mine=CONTROL)
    begun = "a" in plain.trace
    assert "ABORTED: stopped by the control 'mine': not today" in said
    assert ("nothing was injected" in said) is not begun
    assert "failed, and the run went on" not in said
    assert "b" not in ours.trace or at in ("after_method", "before_rollback")
    # What it forbids is not begun; what was begun is put back, also where the control would not have it.
    assert "x" in ours.trace
    assert "y" in ours.trace
    if at == "before_rollback":  # there plain Chaos Toolkit leaves everything as it is
        assert "x" not in plain.trace
    else:
        assert [line for line in ours.trace if line != "p"] == [line for line in plain.trace if line != "p"], said


def test_a_control_that_fails_is_named_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILS", "before_activity a")
    plain, ours, said = both(tmp_path, whole(), mine=CONTROL)
    assert settled(ours) == plain.trace
    assert "the control 'mine' failed, and the run went on without it: ValueError: my own mistake" in said
    assert "PASS" in said


def test_the_last_hooks_are_called_after_a_stop_too(tmp_path: Path) -> None:
    found = whole()
    found["method"][0]["pauses"] = {"after": HANG_S}
    play = Play(tmp_path / "x", found, mine=CONTROL)
    env = {**os.environ, "TRACE": str(play.folder / "trace"), "PYTHONPATH": f"{play.folder}:{ROOT}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "run", "x.json"], cwd=play.folder, env=env, stdout=subprocess.DEVNULL
    )
    until(lambda: "a" in play.trace, "the first action is done")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 5
    after = [line for line in play.trace[play.trace.index("a") + 1 :] if line != "p"]  # our own look at the end
    assert after[:3] == ["mine after_activity a None", "mine after_method", "mine before_rollback"]
    assert after[-2:] == ["mine after_experiment interrupted 1 ['succeeded', 'succeeded']", "mine cleanup"]
    assert after.index("x") < after.index("mine after_rollback ['succeeded', 'succeeded']") < len(after) - 2


def test_a_control_that_hangs_after_the_undo_does_not_hold_the_run(tmp_path: Path) -> None:
    hangs = CONTROL + "\ndef after_rollback_control(context, **kw):\n    import time\n    time.sleep(600)\n"
    play = Play(tmp_path / "x", whole(), mine=hangs)
    code, said = play.run(sys.executable, "-m", "runner", "run", "x.json")
    assert code == 0, said
    assert "the controls' last hooks did not finish within 10 s after the undo" in said


GRACEFUL = """
from chaoslib.exit import exit_gracefully
def ask():
    exit_gracefully()
    import time
    time.sleep(30)
"""


@pytest.mark.parametrize("hooked", [True, False])
def test_code_of_the_experiment_that_asks_for_the_exit_is_told_as_that(tmp_path: Path, hooked: bool) -> None:
    asks = {"type": "action", "name": "asks", "provider": {"type": "python", "module": "asking", "func": "ask"}}
    found = whole()
    found["method"][1] = asks
    if not hooked:
        del found["controls"]
    play = Play(tmp_path / "x", found, mine=CONTROL, asking=GRACEFUL)
    code, said = play.run(sys.executable, "-m", "runner", "run", "x.json")
    assert code == 5, said
    assert "stopped by the experiment's own code, which asked Chaos Toolkit to exit" in said
    assert "x" in play.trace
    assert "y" in play.trace


def test_another_file_of_settings_may_be_named_and_must_be_there(tmp_path: Path) -> None:
    play = Play(tmp_path / "x", where("none"), theirs=CONTROL)
    (play.folder / "s.yaml").write_text("controls: {team: {provider: {type: python, module: theirs}}}\n")
    code, said = play.run(sys.executable, "-m", "runner", "run", "x.json", "--settings", "s.yaml")
    assert code == 0, said
    assert "theirs after_rollback ['succeeded', 'succeeded']" in play.trace
    for command in ("plan", "run", "validate"):
        code, said = play.run(sys.executable, "-m", "runner", command, "x.json", "--settings", "nope.yaml")
        assert (code, "there is no file of settings nope.yaml" in said) == (2, True)


def test_looks_of_our_own_call_no_hook(tmp_path: Path) -> None:
    found = whole()
    found["extensions"] = [{"name": "chaos-run", "proof": [{"action": "a", "probe": "p"}]}]
    play = Play(tmp_path / "x", found, mine=CONTROL)
    play.run(sys.executable, "-m", "runner", "plan", "x.json")
    assert [line for line in play.trace if "mine" in line] == []
    assert json.loads((play.folder / "x.json").read_text())["controls"]


CHANGES = """
def after_loading_experiment_control(context, state, **kw): state["method"].clear()
def before_method_control(context, **kw): context["rollbacks"].append(context["rollbacks"][0])
"""


def test_what_a_control_changes_of_the_plan_is_not_done_and_told(tmp_path: Path) -> None:
    play = Play(tmp_path / "x", where("none"), theirs=CHANGES)
    (play.folder / "s.yaml").write_text("controls: {team: {provider: {type: python, module: theirs}}}\n")
    code, said = play.run(sys.executable, "-m", "runner", "run", "x.json", "--settings", "s.yaml")
    assert code == 0, said
    assert [name for name in play.trace if name in "abxy"] == ["a", "b", "x", "y"]
    assert (
        "a control changed the experiment while it was loaded: ignored, the run keeps to the experiment's file" in said
    )
    assert "a control changed the rollbacks: ignored, the run keeps to the experiment's file" in said


def test_who_checks_the_hypothesis_during_the_method_is_stopped_by_a_control_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORBIDS", "before_hypothesis")
    found = whole()
    found["runtime"]["hypothesis"] = {"strategy": "during-method-only"}
    found["method"][0]["pauses"] = {"after": 1}
    _, ours, said = both(tmp_path, found, mine=CONTROL)
    assert "ABORTED: stopped by the control 'mine': not today" in said
    assert "b" not in ours.trace
    assert "x" in ours.trace


def test_a_worker_that_cannot_unwind_in_time_is_killed_and_its_controls_are_said_to_know_nothing(
    tmp_path: Path,
) -> None:
    slow = CONTROL + "\ndef after_method_control(context, **kw):\n    import time\n    time.sleep(60)\n"
    found = whole()
    found["method"][0]["pauses"] = {"after": 30}
    found["extensions"] = [{"name": "chaos-run", "abort": [{"duration": "1s"}], "windows": {"recovery": "2s"}}]
    play = Play(tmp_path / "x", found, mine=slow)
    code, said = play.run(sys.executable, "-m", "runner", "run", "x.json")
    assert code == 5, said
    assert "the controls' last hooks were not called: the worker had to be killed" in said
    assert [name for name in play.trace if name in "abxy"] == ["a", "x", "y"]
