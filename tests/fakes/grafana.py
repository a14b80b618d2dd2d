"""A server that answers like Grafana's alerting: the paths and states of Grafana, out of what a test or two real servers say."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.listening import Quiet, listening

Json = dict[str, Any]
Says = Callable[[str], tuple[Any, int]]
"""What is at a path (with its query), and with which status."""
RULES, RECEIVED = "/api/prometheus/grafana/api/v1/rules", "/api/alertmanager/grafana"
STATES = {"pending": "Pending", "firing": "Alerting"}


def rule(*alerts: Json, held: float = 60, name: str = "ShopErrors") -> Json:
    """The answer of the rules API with one rule."""
    one = {
        "name": name,
        "type": "alerting",
        "state": "inactive",
        "duration": held,
        "health": "ok",
        "alerts": list(alerts),
    }
    return {"status": "success", "data": {"groups": [{"name": "shop", "file": "Shop", "interval": 10, "rules": [one]}]}}


def alert(state: str, at: str, **labels: str) -> Json:
    named = {"alertname": "ShopErrors", "grafana_folder": "Shop", **labels}
    return {"labels": named, "annotations": {}, "state": state, "activeAt": at, "value": "1e+00"}


def mapped(prometheus: str, alertmanager: str) -> Says:
    """Both real servers under the paths of one Grafana, in its words: `activeAt` is that of the state an alert is in."""

    def said(path: str) -> tuple[Any, int]:
        if path.startswith(f"{RECEIVED}/api/v2/alerts"):
            return _get(alertmanager + path.removeprefix(RECEIVED)), 200
        if path.startswith(RULES):
            found = _get(f"{prometheus}/api/v1/rules?type=alert")
            for group in found["data"]["groups"]:
                for one in group["rules"]:
                    for each in one["alerts"]:
                        _reword(each, one["duration"])
            return found, 200
        return {}, 403

    return said


def _reword(one: Json, held: float) -> None:
    if one["state"] == "firing":
        one["activeAt"] = (datetime.fromisoformat(one["activeAt"]) + timedelta(seconds=held)).isoformat()
    one["state"] = STATES[one["state"]]


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


@contextlib.contextmanager
def grafana(says: Says, token: str = "") -> Iterator[str]:
    """Its URL; 401 for whoever has another token."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            said, status = says(self.path)
            let_in = not token or self.headers["Authorization"] == f"Bearer {token}"
            self.answer(json.dumps(said).encode(), status if let_in else 401)

    with listening(Handler) as url:
        yield url
