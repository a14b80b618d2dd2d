"""Annotations: the drill as a region on the dashboards of a Grafana, from a thread that nobody waits for.

It begins with the first action, ends when everything is put back, and is tagged with the verdict. Like a silence it is found again
by the run's id, so that whoever comes after a crash can end it; a file for each open one says which are to be looked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from runner import files
from runner.experiment.annotating import Grafana
from runner.notify import banner
from runner.notify.outbox import RETRIES_S, Errand, Outbox
from runner.notify.senders import TIMEOUT_S, Undelivered
from runner.rundir import events
from runner.rundir.names import RECORD
from runner.timeline.event import Event, Name

BY = "chaos-run"
FORGOTTEN_S = 7 * 86400.0
"""What no dashboard has taken for so long is not tried again."""


class Annotations:
    """Mutable, one a program: hears the events of its run, and ends what an earlier one that died has left open."""

    def __init__(self, dashboards: Sequence[Grafana], runs: Path, opened: Path) -> None:
        """`opened` is the folder of the files that say what is open."""
        self._dashboards = dashboards
        self._runs = runs
        self._opened = opened
        self._outbox = Outbox((), runs)
        self._begun: dict[str, Any] = {}
        self._started: Event | None = None
        self._left: list[Path] = []
        self._missed: set[str] = set()  # runs of which a dashboard has not taken something

    @property
    def failed(self) -> list[str]:
        """What could not be drawn, in sentences."""
        return self._outbox.failed

    def open(self) -> None:
        """Begin to draw."""
        self._outbox.open()
        self._left = sorted(self._opened.glob("*.json"), reverse=True)

    def close(self) -> None:
        """End what was left open before, the latest first; wait a little, the next run tries again what is still open then."""
        for path in self._left:  # behind our own run, which no dashboard that takes nothing may hold up
            self._take_up(path)
        self._outbox.close()

    def hear(self, event: Event) -> None:
        """Returns at once."""
        match event.event:
            case Name.RUN_STARTED:
                self._started = event
            case Name.ACTIVITY if event.fields.get("kind") == "action" and self._started and not self._begun:
                self._begin(event)
            case Name.UNDONE if self._begun:
                self._change(event.run, {"timeEnd": _ms(event.at)})
            case Name.VERDICT if self._begun:
                self._conclude(event.run, self._begun, event.fields)

    def _begin(self, event: Event) -> None:
        assert self._started is not None
        run = event.run
        self._begun = {
            "text": banner.named(self._started),
            "tags": [BY, run, str(self._started.fields.get("service") or "unnamed")],
            "time": _ms(event.at),
        }
        try:
            self._opened.mkdir(parents=True, exist_ok=True)
            files.write_atomically(self._opened / f"{run}.json", self._begun, durable=False)
        except OSError as problem:  # if we died, nobody would know that it has to be ended
            self._outbox.failed.append(f"annotation not drawn, since its end could be missed: {problem.strerror}")
            self._begun, self._started = {}, None
            return
        self._each(run, "begun", lambda there: there.post(run, self._begun))

    def _conclude(self, run: str, begun: dict[str, Any], told: Any) -> None:
        verdict = str(told.get("verdict"))
        text = f"{begun['text']}. {verdict}: {told.get('sentence')}"
        self._change(run, {"text": text, "tags": [*begun["tags"], verdict]}, closing=True)

    def _change(self, run: str, changes: dict[str, Any], *, closing: bool = False) -> None:
        self._each(run, "concluded" if closing else "ended", lambda there: there.patch(run, changes))

    def _each(self, run: str, state: str, act: Callable[[_GrafanaApi], None]) -> None:
        for number, one in enumerate(self._dashboards, 1):
            last = state == "concluded" and number == len(self._dashboards)
            tried = partial(self._tried, run, partial(act, _GrafanaApi(one)), last=last)
            self._outbox.put(Errand(run=run, event=f"annotation {state}", channel=one.name, act=tried))

    def _tried(self, run: str, act: Callable[[], None], *, last: bool) -> str:
        """Why it could not be done. After the `last` of a run it is over, unless a dashboard has missed something."""
        error = _tried(act)
        if error:
            self._missed.add(run)
        if last and run not in self._missed:
            (self._opened / f"{run}.json").unlink(missing_ok=True)
        return error

    def _take_up(self, path: Path) -> None:
        """The region of a run that has a record by now, though nobody lived to draw its end."""
        run, folder = path.stem, self._runs / path.stem
        try:
            if time.time() - path.stat().st_mtime > FORGOTTEN_S:
                path.unlink()
            begun, record = json.loads(path.read_text("utf-8")), json.loads((folder / RECORD).read_text("utf-8"))
            ended = _ms(datetime.fromisoformat(next(iter(_undone(folder)), record["ended"])))
        except (OSError, ValueError, KeyError):  # it lives, or is to be recovered first
            return
        self._change(run, {"timeEnd": ended})
        self._conclude(run, begun, record)


class _Refused(Undelivered):
    """To ask again would be of no use."""


class _GrafanaApi:
    """One Grafana."""

    def __init__(self, grafana: Grafana) -> None:
        self._grafana = grafana

    def post(self, run: str, begun: dict[str, Any]) -> None:
        """Draw the beginning, once: the answer to an earlier try may have been lost. Raises Undelivered."""
        asked = self._grafana
        if self._drawn(run):
            return
        place = {"dashboardUID": asked.dashboard, "panelId": asked.panel}
        given = {k: v for k, v in place.items() if v is not None}
        self._call("POST", "/api/annotations", body={**begun, "tags": [*begun["tags"], *asked.tags], **given})

    def patch(self, run: str, changes: dict[str, Any]) -> None:
        """Change what was drawn of a run, if anything was. Raises Undelivered."""
        given = {**changes, "tags": [*changes["tags"], *self._grafana.tags]} if "tags" in changes else changes
        for number in self._drawn(run):
            self._call("PATCH", f"/api/annotations/{number}", body=given)

    def _drawn(self, run: str) -> list[int]:
        found = self._call("GET", "/api/annotations", query={"tags": [BY, run], "limit": 10})
        return [a["id"] for a in found if isinstance(a, dict) and "id" in a] if isinstance(found, list) else []

    def _call(self, method: str, path: str, *, body: Any = None, query: Any = None) -> Any:
        import httpx

        headers = {"Authorization": f"Bearer {self._grafana.token}"} if self._grafana.token else {}
        url = self._grafana.grafana.rstrip("/") + path
        try:
            answer = httpx.request(method, url, json=body, params=query, headers=headers, timeout=TIMEOUT_S)
            if answer.is_success:
                return answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
            raise Undelivered(type(problem).__name__) from None  # its text may hold the URL, and that a token
        said = f"HTTP {answer.status_code}"
        raise _Refused(said) if answer.is_client_error else Undelivered(said)


def _tried(act: Callable[[], None]) -> str:
    """Why it could not be done, tried three times; empty when it was."""
    error = ""
    for wait_s in (0.0, *RETRIES_S):
        time.sleep(wait_s)
        try:
            act()
        except Undelivered as problem:
            error = str(problem)
            if isinstance(problem, _Refused):
                break
        else:
            return ""
    return error


def _undone(folder: Path) -> Iterator[str]:
    """When everything was put back, the last time first."""
    yield from (str(event["at"]) for event in reversed(events.read(folder)) if event["event"] == "undone")


def _ms(moment: datetime) -> int:
    """Milliseconds since 1970, as Grafana counts."""
    return round(moment.timestamp() * 1000)
