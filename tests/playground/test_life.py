"""How a playground begins and ends: quickly, and with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from runner import errors
from runner.playground import start
from tests.playground.client import Failures, ask
from tests.playground.conftest import children
from tests.waiting import PATIENCE_S, until

Begin = Callable[..., start.Playground]


def gone(processes: list[psutil.Process], within_s: float = PATIENCE_S) -> bool:
    return not psutil.wait_procs(processes, timeout=within_s)[1]


def test_the_shop_answers_as_soon_as_start_returns(playground: start.Playground) -> None:
    assert ask(playground.urls["shop"], "/healthz")[0] == 200


def test_kill_9_of_the_playground_leaves_no_process(fresh: Begin) -> None:
    found = fresh()
    started = children(found.pid)
    assert len(started) == 5  # three pods, the balancer and the database
    os.kill(found.pid, signal.SIGKILL)
    assert gone(started)


def test_the_playground_ends_with_its_lifeline(fresh: Begin) -> None:
    read, write = os.pipe()
    found = fresh(lifeline=read)
    os.close(read)
    processes = [psutil.Process(found.pid), *children(found.pid)]
    assert found.alive()
    os.close(write)
    assert gone(processes)


def test_the_lifeline_lasts_while_any_process_holds_it(fresh: Begin) -> None:
    read, write = os.pipe()
    found = fresh(lifeline=read)
    os.close(read)
    holder = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(write,))
    os.close(write)
    time.sleep(0.3)
    assert found.alive()
    processes = [psutil.Process(found.pid), *children(found.pid)]
    holder.kill()
    holder.communicate()
    assert gone(processes)


def test_a_frozen_playground_dies_with_its_pods(fresh: Begin) -> None:
    found = fresh()
    processes = children(found.pid)
    os.kill(found.pid, signal.SIGSTOP)
    os.kill(found.pid, signal.SIGKILL)
    assert gone(processes)


def test_two_playgrounds_do_not_meet(fresh: Begin, playground: start.Playground) -> None:
    other = fresh(name="other")
    names = {ask(url)[1] for url in (playground.urls["shop"], other.urls["shop"]) for _ in range(20)}
    assert other.urls["shop"] != playground.urls["shop"]
    assert len(names) > 3


def test_a_balancer_that_dies_is_replaced(fresh: Begin) -> None:
    found = fresh()
    balancer = next(p for p in children(found.pid) if "balancer.py" in " ".join(p.cmdline()))
    balancer.kill()
    until(lambda: _answers(found.urls["shop"]), "another one balances")


def _answers(url: str) -> bool:
    with contextlib.suppress(*Failures):
        return ask(url, "/healthz")[0] == 200
    return False


@pytest.mark.parametrize(("header", "code"), [({}, 403), ({"Authorization": "Bearer wrong"}, 401)])
def test_the_api_wants_its_token(playground: start.Playground, header: dict[str, str], code: int) -> None:
    server = json.loads(playground.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    assert ask(server, "/api/v1/namespaces/shop/pods", header)[0] == code
    assert playground.kubeconfig.stat().st_mode & 0o077 == 0


def test_a_playground_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("kind: Deployment\napiVersion: apps/v1\nmetadata: {name: a}\nspec: {}\n")
    with pytest.raises(errors.EnvironmentFailure) as problem:
        asyncio.run(start.start(tmp_path / "x", lifeline=None, manifests=(broken,)))
    assert "spec.selector: Required value" in str(problem.value.hint)
