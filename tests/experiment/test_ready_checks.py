"""The ready checks of a block: each error at its place, with what was probably meant; and who has to be there to read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.experiment import tree
from runner.faults.driver import Claim
from runner.faults.kubernetes.driver import Driver
from runner.slo.guards.check import CheckBad
from tests.experiment.test_block import HEAD, examine

BLOCK = """\
    traffic: [{name: shop, url: "http://x/"}]
    checks:
      - {check: pods_pending, name: pending, every: 10s, arguments: {namespace: shop, limit: 1m}}
      - {check: node_count, arguments: {max: 5}}
    objectives: [{name: up, indicator: node_count, target: 90%}]
    abort:
      - {check: {indicator: pending, for: 30s}}
      - {check: {indicator: node_count}}
"""


def test_a_check_is_an_indicator_for_objectives_and_guards(tmp_path: Path) -> None:
    seen = examine(tmp_path, HEAD + BLOCK)
    assert seen.findings == ()
    assert seen.experiment is not None
    assert [c.indicator for c in seen.experiment.block.checks] == ["pending", "node_count"]
    assert [rule.guard for rule in seen.experiment.block.abort] == [CheckBad("pending", 30), CheckBad("node_count")]


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("check: pods_pending", "check: pods-pendig", "there is no check 'pods-pendig'", "did you mean 'pods_pending'?"),
        ("namespace: shop", "namespce: shop", "the check pods_pending takes no 'namespce'", "it takes namespace, labels, limit"),
        ("{max: 5}", "{}", "needs 'max': how many nodes the cluster may have", None),
        ("limit: 1m", "limit: soon", "'soon' is not a limit in seconds", "write for example 5m"),
        ("max: 5", "max: many", "is a number, not 'many'", None),
        ("every: 10s", "every: 100ms", "'every'", None),
        ("name: pending", "name: node_count", "there is already an indicator 'node_count'", "give it a name: of its own"),
        ("name: pending", "name: shop", "there is already an indicator 'shop'", "give it a name: of its own"),
        ("target: 90%", "target: 90%, threshold: 1s", "the check 'node_count' has no latency", "leave threshold out"),
        ("indicator: pending", "indicator: pendig", "there is no check 'pendig'", "did you mean 'pending'?"),
        ("indicator: pending", "indicator: shop", "there is no check 'shop'", "there are"),
    ],
)  # fmt: skip
def test_an_error_says_where_and_what(tmp_path: Path, old: str, new: str, message: str, hint: str | None) -> None:
    errors = examine(tmp_path, HEAD + BLOCK.replace(old, new, 1)).errors
    found = next(e for e in errors if message in e.message)
    assert hint is None or hint in (found.hint or "")
    assert found.line > len(HEAD.splitlines())


def test_a_value_that_is_known_later_is_no_error_now(tmp_path: Path) -> None:
    text = HEAD.replace("method:", "configuration: {most: {type: env, key: MOST_NODES}}\nmethod:") + BLOCK
    assert examine(tmp_path, text.replace("max: 5", 'max: "${most}"')).errors == ()


def test_checks_of_a_cluster_need_one_and_others_do_not() -> None:
    def claims(check: str) -> Claim:
        document = {"extensions": [{"name": "other", "checks": 3}, {"name": "chaos-run", "checks": [{"check": check}]}]}
        return max(map(Driver().claims, tree.providers(document)))

    assert claims("pods_pending") is Claim.YES
    assert claims("rds_cpu") is Claim.NO
    assert claims("web_errors") is Claim.NO


PROBE = """\
title: t
description: d
steady-state-hypothesis:
  title: h
  probes:
    - type: probe
      name: counted
      tolerance: {type: regex, pattern: "^good"}
      provider: {type: python, module: runner.probe.checks, func: node_count, arguments: {max: 3, limit: 80%}}
method: []
rollbacks: []
"""


@pytest.mark.parametrize(
    ("old", "new", "severity", "message", "hint"),
    [
        ("max: 3", "max: many", "error", "'max' of the check node_count is a number, not 'many'", None),
        ("80%", "soon", "error", "'soon' is not a limit in ratio", "write for example 80%"),
        ("max: 3, ", "", "error", "needs the argument 'max'", "add max: …"),
        ("max: 3", "most: 3", "error", "has no argument 'most'", None),
        ("node_count", "node_cuont", "error", "has no function 'node_cuont'", "did you mean 'node_count'?"),
        ('{type: regex, pattern: "^good"}', "true", "warning", "no such tolerance is ever met", 'pattern: "^good"'),
    ],
)
def test_a_probe_that_is_a_check_is_looked_at_too(
    tmp_path: Path, old: str, new: str, severity: str, message: str, hint: str | None
) -> None:
    assert examine(tmp_path, PROBE).findings == ()
    found = next(f for f in examine(tmp_path, PROBE.replace(old, new, 1)).findings if message in f.message)
    assert found.severity == severity
    assert hint is None or hint in (found.hint or "")
