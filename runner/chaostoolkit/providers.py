"""Chaos Toolkit's providers, with what they lack: a timeout of the whole call, and an end that is always told as an answer or a failure.

Upstream's HTTP timeout is one of each read, so an answer that trickles holds a check for as long as it likes; an exception of
its client ends the run, and so does an output that is not UTF-8.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

import chaoslib.activity
import chaoslib.hypothesis
import chaoslib.provider.process
import requests
import urllib3.util.connection
from chaoslib import substitute
from chaoslib.exceptions import ActivityFailed
from chaoslib.provider.http import run_http_activity
from chaoslib.provider.process import run_process_activity
from chaoslib.provider.python import run_python_activity

from runner import error_text

Activity = Mapping[str, Any]
CHECK_S = 40.0
"""How long a probe of the hypothesis may take that has no timeout: some of the extensions wait for 30 s inside."""
_within_tolerance = chaoslib.hypothesis.within_tolerance
_connect = urllib3.util.connection.create_connection
_RAISED = (ActivityFailed, ImportError, AttributeError, TypeError, ValueError, SystemExit)
"""By `run_python_activity`: whatever else the function raises is an ActivityFailed by then."""
_here = threading.local()
"""`connections` of the call that this thread makes, if it may be cut."""


def install(*, alarmed: bool) -> None:
    """From here on Chaos Toolkit calls these. `alarmed`: the main thread ends Python activities at their timeouts itself."""
    chaoslib.activity.run_http_activity = http
    chaoslib.activity.run_process_activity = process
    chaoslib.activity.run_python_activity = python_alarmed if alarmed else python
    chaoslib.provider.process.decode_bytes = decoded
    chaoslib.hypothesis.within_tolerance = within_tolerance
    urllib3.util.connection.create_connection = _noted


def http(activity: Activity, configuration: Any, secrets: Any) -> Any:
    """One request, whole within its timeout. Raises ActivityFailed."""

    def call() -> Any:
        try:
            return run_http_activity(activity, configuration, secrets)
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as problem:
            raise ActivityFailed(_named(problem)) from problem

    asked = substitute(activity["provider"].get("timeout"), configuration, secrets)
    if isinstance(asked, list):  # for the connection and for the answer; None has no end
        asked = None if None in asked else sum(asked)
    seconds = effective_timeout(activity, asked)
    return call() if seconds is None else _within(seconds, call)


_NAMES: dict[type[Exception], str] = {
    requests.exceptions.ChunkedEncodingError: "the answer was cut short",
    requests.exceptions.ContentDecodingError: "the answer cannot be decompressed",
    requests.exceptions.TooManyRedirects: "one redirect leads to another, 30 times",
    requests.exceptions.JSONDecodeError: "the answer says that it is JSON, and is not",
}


def _named(problem: Exception) -> str:
    return next((name for kind, name in _NAMES.items() if isinstance(problem, kind)), error_text.sentence(problem))


def process(activity: Activity, configuration: Any, secrets: Any) -> Any:
    """One program. Raises ActivityFailed, also where it cannot be started."""
    provider = activity["provider"]
    seconds = effective_timeout(activity, provider.get("timeout"))
    try:
        return run_process_activity({**activity, "provider": {**provider, "timeout": seconds}}, configuration, secrets)
    except (OSError, TypeError, ValueError) as problem:
        raise ActivityFailed(f"{provider.get('path')}: {error_text.sentence(problem)}") from problem


def python(activity: Activity, configuration: Any, secrets: Any) -> Any:
    """One function; a probe is given up at its timeout, while an action that goes on in its thread would strike unseen."""
    seconds = effective_timeout(activity, _own_timeout(activity)) if activity["type"] == "probe" else None

    def call() -> Any:
        return run_python_activity(activity, configuration, secrets)

    return call() if seconds is None else _within(seconds, call)


def python_alarmed(activity: Activity, configuration: Any, secrets: Any) -> Any:
    """In the main thread a signal ends it, which is better than to give it up."""
    alarmed = threading.current_thread() is threading.main_thread() and _own_timeout(activity) is not None
    return (run_python_activity if alarmed else python)(activity, configuration, secrets)


def _own_timeout(activity: Activity) -> Any:
    return activity.get("timeout") or activity["provider"].get("timeout")


def effective_timeout(activity: Activity, asked: Any) -> float | None:
    """Seconds: as asked, or what a check of the hypothesis may take at most; None where nothing ends it."""
    if isinstance(asked, int | float):
        return float(asked)
    return CHECK_S if "tolerance" in activity else None


def within_tolerance(tolerance: Any, value: Any, configuration: Any = None, secrets: Any = None) -> bool:
    """As upstream judges; what cannot be compared with the tolerance is not within it."""
    if isinstance(tolerance, Mapping) and tolerance.get("type") == "probe":
        provider = tolerance[
            "provider"
        ]  # upstream writes the value into the experiment, and wants arguments to be there
        arguments = {**(provider.get("arguments") or {})}
        tolerance = {**tolerance, "provider": {**provider, "arguments": arguments}}
    try:
        return bool(_within_tolerance(tolerance, value, configuration, secrets))
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return False


def decoded(data: bytes, default_encoding: str = "utf-8") -> str:
    """What a program printed; bytes that are no text in its encoding are replaced, and cost nobody the answer."""
    return data.decode(default_encoding, errors="replace")


class _Connections:
    """Those of one call: once it is over they are cut, whoever still reads from them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self._over = False

    def note(self, connected: socket.socket) -> None:
        with self._lock:
            self._held.append(connected.dup())  # TLS takes the descriptor away from the socket
            if self._over:
                self._cut()

    def end(self) -> None:
        with self._lock:
            self._over = True
            self._cut()

    def _cut(self) -> None:
        for held in self._held:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
            held.close()
        self._held.clear()


def _noted(*args: Any, **kwargs: Any) -> socket.socket:
    connected: socket.socket = _connect(*args, **kwargs)
    connections = getattr(_here, "connections", None)
    if connections is not None:
        connections.note(connected)
    return connected


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """What the call gives or raises, or ActivityFailed when the time is over: whatever it waits for, nobody waits for it."""
    connections, done = _Connections(), threading.Event()
    outcome: list[tuple[Any, BaseException | None]] = []

    def run() -> None:
        _here.connections = connections
        try:
            outcome.append((call(), None))
        except _RAISED as problem:
            outcome.append((None, problem))
        finally:
            done.set()

    threading.Thread(target=run, daemon=True).start()
    try:
        if not done.wait(seconds):
            raise ActivityFailed(f"timed out: no whole answer within {seconds:g} s")
    finally:
        connections.end()
    value, problem = outcome[0] if outcome else (None, ActivityFailed("it ended without an answer, see worker.log"))
    if problem is not None:
        raise problem
    return value
