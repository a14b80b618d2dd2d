"""Our block: every error at the place of the very value, with the word that was probably meant; and the warnings of lint."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import errors
from runner.experiment import load
from runner.slo.guards.budget import BudgetSpent
from runner.slo.guards.error_ratio import ErrorRatio

HEAD = """title: t
description: d
steady-state-hypothesis:
  title: h
  probes: [{type: probe, name: p, tolerance: 200, provider: {type: http, url: "http://x", timeout: 1}}]
method:
  - {type: action, name: a, provider: {type: python, module: os, func: getcwd}}
rollbacks: []
extensions:
  - name: chaos-run
"""
BLOCK = """\
    traffic: [{name: shop, url: "http://x/", rate: 600/m}]
    objectives:
      - {name: up, indicator: shop, target: 99%}
    abort:
      - {error_ratio: {indicator: shop, above: 3%, over: 10s}}
      - {budget: {objective: up, spend: 5%}}
"""


def examine(folder: Path, text: str) -> load.Examination:
    (folder / "x.yaml").write_text(text)
    return load.examine(str(folder / "x.yaml"))


def test_a_whole_block_is_read_into_plain_numbers(tmp_path: Path) -> None:
    seen = examine(tmp_path, HEAD + BLOCK)
    assert seen.findings == ()
    assert seen.experiment is not None
    assert seen.experiment.block.traffic[0].rate == 10.0
    assert [rule.guard for rule in seen.experiment.block.abort] == [
        ErrorRatio("shop", 0.03, 10.0),
        BudgetSpent("up", 0.05),
    ]
    assert [(o.name, o.kind, o.target) for o in seen.experiment.objectives] == [("up", "availability", 0.99)]


@pytest.mark.parametrize(
    ("old", "new", "at", "message", "hint"),
    [
        ("rate: 600/m", "rat: 600/m", "rat:", "unknown key 'rat'", "did you mean 'rate'?"),
        ("above: 3%", "abov: 3%", "abov:", "unknown key 'abov'", "did you mean 'above'?"),
        ("600/m", "ten", "ten", "'ten' is not a rate", "write for example 50/s or 600/m"),
        (
            "over: 10s",
            "over: 10 parsecs",
            "10 parsecs",
            "is not a duration",
            "write for example 500ms, 30s, 2m or 1h30m",
        ),
        ("target: 99%", "target: 99", "99}", "99 is outside 0 to 1", "did you mean 99%?"),
        ("target: 99%", "target: 100%", "100%", "less than 1", None),
        (", target: 99%", "", "{name: up", "'target' is missing", "add target: …"),
        (
            "indicator: shop, target",
            "indicator: shpo, target",
            "shpo",
            "there is no traffic 'shpo'",
            "did you mean 'shop'?",
        ),
        (
            "indicator: shop, above",
            "indicator: store, above",
            "store",
            "there is no traffic 'store'",
            "there are: shop",
        ),
        ("objective: up", "objective: upp", "upp", "there is no objective 'upp'", "did you mean 'up'?"),
        ('"http://x/"', "x:80", "x:80", "is not an http or https URL", None),
        ("    abort:", "    risk: lwo\n    abort:", "lwo", "'risk' cannot be the text 'lwo'", "did you mean 'low'?"),
        ("    abort:", "    windows: 3\n    abort:", "3\n", "'windows' has to be a mapping, not the number 3", None),
        (
            "    abort:",
            "    proof: [{action: b, probe: p}]\n    abort:",
            "b,",
            "there is no action 'b'",
            "there are: a",
        ),
        ("over: 10s}}", "over: 10s}, duration: 5m}", "{error_ratio", "one condition a list item", None),
        ("{budget: {objective: up, spend: 5%}}", "budget:", "budget:", "budget is empty", "write what it takes"),
        (
            "    abort:",
            "      - {name: up, indicator: shop, target: 9%}\n    abort:",
            "up, indicator: shop, target: 9%",
            "here twice",
            None,
        ),
    ],
)
def test_an_error_stands_at_its_value_and_says_what_to_do(
    old: str, new: str, at: str, message: str, hint: str | None, tmp_path: Path
) -> None:
    text = HEAD + BLOCK.replace(old, new, 1)
    offset = text.rindex(at)
    found = next(f for f in examine(tmp_path, text).errors if message in f.message)
    assert (found.line, found.column) == (text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
    if hint:
        assert found.hint is not None
        assert hint in found.hint


def test_errors_of_form_and_of_names_come_in_one_pass(tmp_path: Path) -> None:
    text = HEAD + BLOCK.replace("600/m", "ten").replace("objective: up", "objective: nope").replace("spend", "spnd")
    assert {f.rule for f in examine(tmp_path, text).errors} == {"value", "unknown-name", "unknown-key", "missing-key"}


def test_a_second_block_is_refused(tmp_path: Path) -> None:
    seen = examine(tmp_path, HEAD + BLOCK + "  - name: chaos-run\n")
    assert [f.line for f in seen.errors] == [17]


def test_without_a_block_the_defaults_hold_and_a_warning_says_so(tmp_path: Path) -> None:
    seen = examine(tmp_path, HEAD.partition("extensions")[0])
    assert [f.rule for f in seen.findings] == ["no-block"]
    assert seen.experiment is not None
    assert seen.experiment.block.windows.baseline == 10.0


def test_load_raises_with_everything_rendered(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(HEAD.replace("title: t", "titel: t") + BLOCK.replace("600/m", "ten"))
    with pytest.raises(errors.InvalidFile) as caught:
        load.load(str(tmp_path / "x.yaml"))
    assert "an experiment needs a title" in caught.value.rendered
    assert f"{tmp_path}/x.yaml:11:52: error: 'rate': 'ten' is not a rate [value]" in caught.value.rendered
    assert caught.value.exit_code == 2


def test_the_digest_is_of_the_content_not_of_the_format(tmp_path: Path) -> None:
    first, second = examine(tmp_path, HEAD + BLOCK), examine(tmp_path, "# note\n" + HEAD + BLOCK)
    third = examine(tmp_path, HEAD + BLOCK.replace("3%", "4%"))
    assert first.experiment
    assert second.experiment
    assert third.experiment
    assert first.experiment.digest == second.experiment.digest != third.experiment.digest


K8S = "{type: python, module: chaosk8s.pod.actions, func: "


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("rollbacks: []\n", "", "no-rollbacks"),
        (", timeout: 1}", "}", "no-timeout"),
        ("name: a,", "name: a, background: true,", "background"),
        ("name: a,", "name: a, timeout: 3,", "python-timeout"),
        ("{type: python, module: os, func: getcwd}", K8S + "terminate_pods, arguments: {ns: x}}", "no-selector"),
        ("{type: python, module: os, func: getcwd}", K8S + "terminate_pods}", "no-selector"),
        (
            "{type: python, module: os, func: getcwd}",
            K8S + "exec_in_pods, arguments: {label_selector: x, cmd: ls}}",
            "no-container",
        ),
        ("tolerance: 200", "tolerance: {type: range, range: [0, 1]}", "empty-value"),
        ("type: probe", "type: action", "hypothesis-action"),
        (
            "{type: http, url",
            "{type: python, module: chaosk8s.deployment.probes, func: deployment_fully_available, arguments: {name: x}, u",
            "blocking-probe",
        ),
        ('url: "http://x", timeout', 'url: "${nam}", timeout', "unknown-variable"),
        ("name: a,", "name: p,", "duplicate-name"),
        ("title: t\n", "title: t\nrollback: []\n", "unknown-key"),
    ],
)
def test_what_chaos_toolkit_lets_pass_is_warned_of(old: str, new: str, rule: str, tmp_path: Path) -> None:
    text = "configuration: {name: x}\n" + HEAD.replace(old, new, 1) + BLOCK
    seen = examine(tmp_path, text)
    assert [(f.severity, f.rule) for f in seen.findings] == [("warning", rule)]


def test_a_bounded_or_selective_activity_is_not_warned_of(tmp_path: Path) -> None:
    good = K8S + "terminate_pods, arguments: {name_pattern: x}}"
    text = HEAD.replace("{type: python, module: os, func: getcwd}", good) + BLOCK
    text = text.replace("tolerance: 200", "tolerance: {type: range, range: [0, 1], target: status}")
    assert examine(tmp_path, text).findings == ()


@pytest.mark.parametrize(("part", "rule"), [("abort", "no-stop"), ("objectives", "no-objectives")])
def test_a_block_without_stop_or_objectives_is_warned_of(part: str, rule: str, tmp_path: Path) -> None:
    lines = [f"    {part}: []" if line.startswith(f"    {part}") else line for line in BLOCK.splitlines()]
    keep = (
        [line for line in lines if not line.startswith("      -")]
        if part == "abort"
        else [lines[0], lines[1], "    abort: [{duration: 5m}]"]
    )
    if part == "abort":
        keep[1] = "    objectives: [{name: up, indicator: shop, target: 99%}]"
    seen = examine(tmp_path, HEAD + "\n".join(keep) + "\n")
    assert [f.rule for f in seen.findings] == [rule]


WAIT = "    wait_for: [{after: a, probe: p, within: 1m}]\n"


def test_what_is_waited_for_is_read_into_seconds(tmp_path: Path) -> None:
    seen = examine(tmp_path, HEAD + BLOCK + WAIT)
    assert seen.findings == ()
    assert seen.experiment is not None
    (wait,) = seen.experiment.block.wait_for
    assert (wait.after, wait.probe, wait.within, wait.every) == ("a", "p", 60.0, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("after: a", "after: b", "there is no activity of the method 'b'"),
        ("probe: p", "probe: a", "there is no probe 'a'"),
        (", within: 1m", "", "'within' is missing"),
        ("func: getcwd}}", "func: getcwd}, background: true}", "'a' runs in the background"),
        ("name: p, tolerance: 200", "name: p", "the probe 'p' has no tolerance"),
        ("within: 1m", "within: 1m, every: 10ms", "'every'"),
    ],
)
def test_a_wait_that_could_never_be_met_or_is_after_nothing_is_an_error(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    text = (HEAD + BLOCK + WAIT).replace(old, new, 1)
    assert [f for f in examine(tmp_path, text).errors if message in f.message]
