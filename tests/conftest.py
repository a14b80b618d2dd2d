"""What every test gets: a state folder and a home of its own, no cluster by accident, and a search for what it left running."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from runner import clock
from tests import ports

MARK = f"CHAOS_RUN_TEST_{os.getpid()}"
"""In the environment of everything that a test of this session starts: that test's id. Other sessions have other marks."""
GRACE_S = 30.0
"""For processes that end by themselves when their test is over: on a busy machine they take their time."""
AMBIENT = (
    *(
        "KUBECONFIG",
        "KUBERNETES_CONTEXT",
        "CHAOS_RUN_STORE",
        "CHAOS_RUN_NOTIFY",
        "CHAOS_RUN_TEXTFILE",
        "CHAOS_RUN_PUSHGATEWAY",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "CHAOS_RUN_GOALS",
        "XDG_CONFIG_HOME",
        "SHOP_URL",
        "SHOP_NAMESPACE",
    ),
    *("CI", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "KUBERNETES_HOST"),
    *("NO_COLOR", "FORCE_COLOR", "COLUMNS"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
)
"""Settings of the machine that must not decide a test; a KUBECONFIG would let a test loose on a real cluster."""


@pytest.fixture(scope="session", autouse=True)
def _nothing_stays_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The whole session in a state of its own; fails when processes that the tests started outlive it."""
    with pytest.MonkeyPatch.context() as session:
        _shelter(session, tmp_path_factory.mktemp("session"))
        session.setenv(MARK, "a session fixture")
        yield
    left = _left_behind()
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert not left, "left running:\n" + "\n".join(left.values())


@pytest.fixture(autouse=True)
def _own_state(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG folders and HOME below the test's `tmp_path`, and the test's name on all its processes."""
    _shelter(monkeypatch, tmp_path)
    monkeypatch.setenv(MARK, request.node.nodeid)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Gives a loopback port that nobody listens on, a new one with each call."""
    return ports.free_port


def _shelter(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("HOME", str(folder / "home"))


def _left_behind() -> dict[psutil.Process, str]:
    """Our marked processes that are still there after a grace, and whose they are."""
    return clock.poll_until(_marked, GRACE_S, 0.1, enough=lambda left: not left)


def _marked() -> dict[psutil.Process, str]:
    others = (p for p in psutil.process_iter(["cmdline"]) if p.pid != os.getpid())
    return {p: f"{p.pid} {' '.join(p.info['cmdline'] or ())} of {owner}" for p in others if (owner := _owner(p))}


def _owner(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK) if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None
