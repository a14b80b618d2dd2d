"""Which route an alert takes, and how long its group waits there: as the Alertmanager's own tool says."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.probe.alerts import routes
from runner.probe.alerts.routes import group_wait_s

CONFIG = """
global: {smtp_from: a@b}
route:
  receiver: all
  group_wait: 20s
  routes:
    - matchers: ['alertname=~"Shop.*"', team!="search"]
      receiver: shop
      group_wait: 0s
      routes:
        - {matchers: ['severity="page"'], receiver: page}
        - {match: {severity: ticket}, receiver: ticket, group_wait: 5m}
    - {match_re: {team: 'search|web'}, receiver: search, group_wait: 1s, continue: true}
    - {matchers: ['{team="web", tier =~ "1|2"}'], receiver: web, group_wait: 3s}
"""


@pytest.mark.parametrize(
    ("labels", "seconds"),
    [
        ({"alertname": "ShopErrors"}, 0),
        ({"alertname": "ShopErrors", "severity": "page"}, 0),
        ({"alertname": "ShopErrors", "severity": "ticket"}, 300),
        ({"alertname": "ShopErrors", "team": "search"}, 1),
        ({"alertname": "MyShopErrors"}, 20),
        ({"alertname": "Disk", "team": "web", "tier": "1"}, 3),
        ({"alertname": "Disk", "team": "web", "tier": "12"}, 1),
        ({}, 20),
    ],
)
def test_an_alert_waits_as_long_as_its_own_route_says(labels: dict[str, str], seconds: float) -> None:
    assert group_wait_s(CONFIG, labels, whole=True) == seconds


def test_where_not_all_labels_are_known_the_longest_of_the_possible_routes_is_taken() -> None:
    assert group_wait_s(CONFIG, {"alertname": "ShopErrors", "team": "storefront"}, whole=False) == 300
    assert group_wait_s(CONFIG, {"alertname": "ShopErrors", "team": "x", "severity": "page"}, whole=False) == 0
    assert group_wait_s(CONFIG, {"alertname": "Disk", "team": "search"}, whole=False) == 1
    assert group_wait_s(CONFIG, {}, whole=False) == 300


def test_what_is_no_configuration_and_what_says_nothing_waits_as_long_as_the_default() -> None:
    for text in ("", "route: {}", "route: {receiver: x, routes: [{receiver: y}]}", "a: [", "- 1"):
        assert group_wait_s(text, {"alertname": "A"}, whole=True) == 30


def tree(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    """A routing tree in which every route is known by its own wait."""
    route: dict[str, Any] = {"receiver": f"r{chance.randrange(10**9)}"}
    if depth:
        route["continue"] = chance.random() < 0.3
        label, value = chance.choice("ab"), chance.choice(["x", "y", "x|y", "", "x.*"])
        op = chance.choice(["=", "!=", "=~", "!~"])
        match op, chance.random() < 0.5:
            case "=", True:
                route["match"] = {label: value}
            case "=~", True:
                route["match_re"] = {label: value}
            case _:
                route["matchers"] = [f'{label}{op}"{value}"']
    route["routes"] = [tree(chance, depth + 1) for _ in range(chance.randrange(3 if depth < 3 else 1))]
    return route


def receivers(route: dict[str, Any]) -> list[str]:
    return [route["receiver"], *(name for child in route["routes"] for name in receivers(child))]


def timed(route: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The same, each route waiting as many seconds as the number of its receiver."""
    wait = f"{names.index(route['receiver']) + 1}s"
    return {**route, "group_wait": wait, "routes": [timed(child, names) for child in route["routes"]]}


@pytest.mark.parametrize("seed", range(12))
def test_random_trees_are_walked_as_amtool_walks_them(seed: int, tmp_path: Path) -> None:
    if not shutil.which("amtool"):
        pytest.skip("no amtool here: apt-get install prometheus-alertmanager")
    chance = random.Random(seed)
    route = tree(chance)
    names = receivers(route)
    config = yaml.safe_dump({"route": timed(route, names), "receivers": [{"name": name} for name in names]})
    (tmp_path / "am.yml").write_text(config)
    for labels in ({"a": "x"}, {"a": "y", "b": "x"}, {"b": "xz"}):
        command = ["amtool", "config", "routes", "test", f"--config.file={tmp_path}/am.yml"]
        told = subprocess.run([*command, *(f"{k}={v}" for k, v in labels.items())], capture_output=True, text=True)
        taken = told.stdout.strip().split(",")
        assert told.returncode == 0, told.stderr
        assert group_wait_s(config, labels, whole=True) == max(names.index(name) + 1 for name in taken), labels


def test_grafana_s_own_matchers_count_too() -> None:
    policies = {
        "group_wait": "45s",
        "routes": [{"object_matchers": [["team", "=", "shop"], ["alertname", "=~", "Shop.*"]], "group_wait": "2s"}],
    }
    assert routes.longest_s(policies, {"team": "shop", "alertname": "ShopErrors"}, whole=True) == 2
    assert routes.longest_s(policies, {"team": "shop", "alertname": "Disk"}, whole=True) == 45
