"""OpenSLO documents that a source measures: what it is to be asked, and what is told where a document does not say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner import errors
from runner.experiment import load, promql
from runner.experiment.metric import Metric
from runner.plan import translate
from runner.slo.guards.burn_rate import BurnRate
from runner.slo.guards.error_ratio import ErrorRatio


def slo(indicator: dict[str, Any], **objective: Any) -> dict[str, Any]:
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": "checkout"},
        "spec": {
            "service": "shop",
            "indicator": {"metadata": {"name": "i"}, "spec": indicator},
            "budgetingMethod": "Occurrences",
            "timeWindow": [{"duration": "28d", "isRolling": True}],
            "objectives": [{"target": 0.99} | objective],
        },
    }


def query(text: str, kind: str = "Prometheus", key: str = "query") -> dict[str, Any]:
    return {"metricSource": {"type": kind, "spec": {key: text}}}


RATIO = {"ratioMetric": {"counter": True, "bad": query("e"), "total": query("t")}}


def examine(folder: Path, document: dict[str, Any], **block: Any) -> load.Examination:
    (folder / "slo.yaml").write_text(yaml.safe_dump(document))
    ours = {
        "name": "chaos-run",
        "sources": [{"name": "team", "prometheus": "https://prometheus.internal/", "interval": "1s"}],
        "objectives": [{"openslo": "slo.yaml", "source": "team"}],
        "abort": [{"duration": "1m"}],
    } | block.pop("ours", {})
    experiment = {"title": "t", "description": "d", "method": [], "rollbacks": [], "extensions": [ours]} | block
    (folder / "e.yaml").write_text(yaml.safe_dump(experiment))
    return load.examine(str(folder / "e.yaml"), env={"TOKEN": "s3cret"}, here=True)


def read(folder: Path, document: dict[str, Any], **block: Any) -> Metric:
    seen = examine(folder, document, **block)
    assert [f.message for f in seen.findings if f.severity == "error"] == []
    assert seen.experiment is not None
    return seen.experiment.metrics[0]


@pytest.mark.parametrize(
    ("indicator", "objective", "form", "how"),
    [
        (RATIO, {}, "bad", "counters, differenced here"),
        (
            {"ratioMetric": {"good": query("g", key="promql"), "total": query("sum(t)", "prometheus")}},
            {},
            "good",
            "counters",
        ),
        (
            {"ratioMetric": {"bad": query("sum(rate(e[5m]))"), "total": query("sum(rate(t[5m]))")}},
            {},
            "bad",
            "estimates",
        ),
        ({"ratioMetric": {"bad": query("a + b"), "total": query("t")}}, {}, "bad", "a reset of one series"),
        ({"ratioMetric": {"rawType": "failure", "raw": query("r")}}, {}, "failure", "each reading is one event"),
        ({"thresholdMetric": query("lag")}, {"op": "lt", "value": 3}, "threshold", "good when lt 3"),
    ],
)
def test_every_kind_of_indicator_says_what_to_ask_and_how_it_counts(
    indicator: dict[str, Any], objective: dict[str, Any], form: str, how: str, tmp_path: Path
) -> None:
    metric = read(tmp_path, slo(indicator, **objective))
    assert (metric.name, metric.source, metric.form) == ("checkout", "team", form)
    assert how in metric.how


@pytest.mark.parametrize(
    ("indicator", "objective", "said"),
    [
        ({"ratioMetric": {"good": query("g")}}, {}, "needs good or bad, and total"),
        ({"ratioMetric": {"bad": query(""), "total": query("t")}}, {}, "has no query in its metricSource (bad)"),
        ({"ratioMetric": {"bad": query("e", "Datadog"), "total": query("t")}}, {}, "comes from Datadog"),
        ({"ratioMetric": {"bad": query("rate(e[{{.window}}])"), "total": query("t")}}, {}, "placeholder"),
        ({"ratioMetric": {"rawType": "odd", "raw": query("r")}}, {}, "success or failure"),
        ({"thresholdMetric": query("lag")}, {"value": 3}, "op is one of"),
        ({"thresholdMetric": query("lag")}, {"op": "lte"}, "needs a number"),
    ],
)
def test_a_document_that_does_not_say_it_is_an_error_in_its_place(
    indicator: dict[str, Any], objective: dict[str, Any], said: str, tmp_path: Path
) -> None:
    found = [f for f in examine(tmp_path, slo(indicator, **objective)).findings if f.severity == "error"]
    assert [said in f.message for f in found] == [True]
    assert found[0].file.endswith("slo.yaml")


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ({"objectives": [{"openslo": "slo.yaml", "source": "tean"}]}, "there is no source 'tean'"),
        ({"sources": [{"name": "team", "prometheus": "ftp://x"}]}, "not an http or https URL"),
        ({"sources": [{"name": "team", "prometheus": "http://u:p@x"}]}, "put them into secrets:"),
        ({"abort": [{"latency": {"indicator": "checkout", "above": "1s"}}]}, "there is no traffic 'checkout'"),
        ({"abort": [{"burn_rate": {"objective": "checkuot"}}]}, "there is no objective 'checkuot'"),
        (
            {"sources": [{"name": "team", "prometheus": "http://x", "secrets": "nowhere"}]},
            "there is no group 'nowhere'",
        ),
    ],
)
def test_what_leads_nowhere_is_told(ours: dict[str, Any], said: str, tmp_path: Path) -> None:
    told = [f"{f.message} {f.hint}" for f in examine(tmp_path, slo(RATIO), ours=ours).findings if f.severity == "error"]
    assert any(said in message for message in told), told


def test_guards_speak_of_a_source_s_indicator_by_the_name_of_its_slo(tmp_path: Path) -> None:
    abort = [
        {"error_ratio": {"indicator": "checkout", "above": "5%"}},
        {"burn_rate": {"objective": "checkout", "above": 6}},
    ]
    seen = examine(tmp_path, slo(RATIO), ours={"abort": abort})
    assert seen.experiment is not None
    ratio, burn, *_ = translate.guards(seen.experiment)
    assert ratio == ErrorRatio("checkout", 0.05, 10.0)
    assert burn == BurnRate("checkout", 6, 60.0)
    assert burn.spans_s == (60.0, 5.0)


def test_secrets_of_a_group_reach_their_source_and_no_other_place(tmp_path: Path) -> None:
    groups = {"prom": {"token": {"type": "env", "key": "TOKEN"}}, "other": {"token": "else"}}
    source = {"name": "team", "prometheus": "https://x", "secrets": "prom"}
    seen = examine(tmp_path, slo(RATIO), secrets=groups, ours={"sources": [source]})
    assert seen.experiment is not None
    assert seen.experiment.access == {"team": {"token": "s3cret"}}
    assert "s3cret" not in repr(seen.experiment)


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ({"token": {"type": "env", "key": "NOT_SET"}}, "the secret 'token' has no value here"),
        ({"token": {"type": "vault", "path": "x", "key": "y"}}, "the configuration has no vault_addr"),
        ({"token": {"type": "vault", "path": "x"}}, "add key: "),
        ({"token": {"type": "vault", "key": "y"}}, "needs the path"),
    ],
)
def test_a_secret_that_cannot_be_had_is_an_error_before_anything_starts(
    group: dict[str, Any], told: str, tmp_path: Path
) -> None:
    source = {"name": "team", "prometheus": "https://x", "secrets": "prom"}
    seen = examine(tmp_path, slo(RATIO), secrets={"prom": group}, ours={"sources": [source]})
    assert any(told in f"{f.message} {f.hint}" for f in seen.errors)


def test_without_the_extra_a_vault_is_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)  # as where it is not installed
    source = {"name": "team", "prometheus": "https://x", "secrets": "prom"}
    group = {"prom": {"token": {"type": "vault", "path": "x", "key": "y"}}}
    configuration = {"vault_addr": "http://127.0.0.1:8200", "vault_token": "t"}
    seen = examine(tmp_path, slo(RATIO), secrets=group, configuration=configuration, ours={"sources": [source]})
    assert [f.hint for f in seen.errors] == ["pip install 'chaos-run[vault]'"]


def test_an_slo_on_our_own_traffic_stays_one(tmp_path: Path) -> None:
    ours = {"traffic": [{"name": "shop", "url": "http://x"}], "objectives": [{"openslo": "slo.yaml"}]}
    seen = examine(tmp_path, slo(RATIO), ours=ours)
    assert seen.experiment is not None
    assert (seen.experiment.metrics, seen.experiment.objectives[0].indicator) == ((), "shop")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("x", "x"),
        ('x{a="b",c=~"}{"}', 'x{a="b",c=~"}{"}'),
        ('{__name__="x"}', '{__name__="x"}'),
        ("sum(x)", "x"),
        ("sum by (pod) (x{})", "x{}"),
        ("sum(x) + sum(y)", None),
        ("sum(rate(x[1m]))", None),
        ("max(x)", None),
        ("x offset 5m", None),
        ("x[5m]", None),
    ],
)
def test_only_plain_series_are_read_scrape_by_scrape(text: str, plain: str | None) -> None:
    assert promql.selector(text) == plain


def test_a_broken_document_refuses_the_run(tmp_path: Path) -> None:
    examine(tmp_path, slo({"ratioMetric": {}}))
    with pytest.raises(errors.InvalidFile):
        load.load(str(tmp_path / "e.yaml"))
