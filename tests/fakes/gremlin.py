"""A stand-in for Gremlin's REST API: paths, bodies and stages of its published OpenAPI description and of the reference on drivers, 4.

An attack takes a step of its stages with every look, and ends by its length; a halt goes through Halting to UserHalted. What its
answers look like around these fields is not documented, so nothing here proves more than that we keep to the contract.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.listening import Quiet, listening

KEY, TEAM = "gremlin-hunter2", "team-1"
BEGINS = ("Pending", "Distributed", "Initializing", "Running")


@dataclass
class Team:
    """What the team sees."""

    url: str = ""
    objects: list[dict[str, Any]] = field(default_factory=list)
    attacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    halts_badly: bool = False
    """Its agents fail to take an attack back."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def start(self, body: dict[str, Any]) -> str:
        guid = f"attack-{next(self.numbers)}"
        command = body["impactDefinition"]["cliArgs"]
        length = float(command[command.index("-l") + 1]) if "-l" in command else 60.0
        self.attacks[guid] = {
            **body,
            "guid": guid,
            "step": 0,
            "length": length,
            "ends": float("inf"),
            "states": [],
            "halted": "",
        }
        return guid

    def look(self, guid: str) -> dict[str, Any]:
        one = self.attacks[guid]
        if one["halted"] == "Halting":
            one["halted"] = "TeardownFailed" if self.halts_badly else "UserHalted"
        elif not one["halted"] and time.monotonic() >= one["ends"]:
            one["halted"] = "Successful"
        elif not one["halted"] and one["step"] < len(BEGINS) - 1:
            one["step"] += 1
        stage = (
            one["halted"] if one["halted"] not in ("", "Halting") else "Halt" if one["halted"] else BEGINS[one["step"]]
        )
        lifecycle = {"": "Active", "Halting": "Halting", "TeardownFailed": "Error"}.get(one["halted"], "Complete")
        if stage == "Running" and not one["states"]:
            one["ends"] = time.monotonic() + one["length"]
            one["states"].append({"stage": "Running", "timestamp": "2026-11-27T12:00:00.000Z"})
        shown = {k: v for k, v in one.items() if k not in ("step", "length", "ends", "states", "halted")}
        return {**shown, "stage": stage, "stageLifecycle": lifecycle}

    def halt(self, guid: str) -> None:
        if not self.attacks[guid]["halted"]:
            self.attacks[guid]["halted"] = "Halting"


@contextlib.contextmanager
def gremlin() -> Iterator[Team]:
    """A team with one deployment in one cluster."""
    team = Team()
    team.objects = [
        {"uid": f"uid-{name}", "namespace": "shop", "name": name, "kind": "DEPLOYMENT"} for name in ("shop", "search")
    ]

    class Handler(Quiet):
        def _any(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
            url = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(url.query).items()}
            if self.headers.get("Authorization") != f"Key {KEY}":
                return self.answer(b'"Authorization header missing or malformed"', 401)
            if query.get("teamId") != TEAM:
                return self.answer(b'"User requires privilege for target team"', 403)
            status, found = self._found(url.path, query, body)
            return self.answer(json.dumps(found).encode(), status)

        def _found(self, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            parts = path.strip("/").split("/")
            if path == "/kubernetes/targets":
                return 200, [{"clusterId": "cluster-1", "objects": team.objects}]
            if path == "/kubernetes/attacks/new" and self.command == "POST":
                return 201, team.start(body)
            if path == "/kubernetes/attacks":
                return 200, [team.look(guid) for guid in team.attacks]
            if path == "/executions":
                states = team.attacks[query["taskId"]]["states"]
                return 200, [{"guid": "e-1", "client_id": "node-1", "service_states": states}]
            if parts[-1] == "halt" and parts[-2] in team.attacks:
                team.halt(parts[-2])
                return 202, None
            return (200, team.look(parts[-1])) if parts[-1] in team.attacks else (404, "no such attack")

        do_GET = do_POST = do_DELETE = _any

    with listening(Handler) as team.url:
        yield team
