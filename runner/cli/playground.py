"""`chaos-run playground up|down|status`: an embedded target that stays."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import click

from runner import errors

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")


@click.group(name="playground")
def command() -> None:
    """Start, stop and inspect the embedded target: a small Kubernetes API whose pods are real local processes.

    A place to learn and to test. A run without a kubeconfig starts one of its own and ends it; this one stays until `down`,
    and while it is up, runs that want a playground take it.
    """


@command.command()
@as_json
def up(as_json: bool) -> int:
    """Start it, with the shop inside; safe to call again."""
    from runner.playground import start

    found, began = start.read(_folder()), time.monotonic()
    if found is None or not found.alive():
        found = asyncio.run(start.start(_folder(), lifeline=None))
    _print(found, as_json, f"up in {time.monotonic() - began:.1f} s")
    return errors.ExitCode.PASS


@command.command()
@as_json
def down(as_json: bool) -> int:
    """End it and every pod."""
    from runner.playground import start

    found = start.read(_folder())
    was_up = found is not None and found.alive()
    if found is not None:
        asyncio.run(found.stop())
    click.echo(json.dumps({"running": False, "stopped": was_up}) if as_json else _down_sentence(was_up))
    return errors.ExitCode.PASS


@command.command()
@as_json
def status(as_json: bool) -> int:
    """Say whether it is up, and where; exit code 7 when it is not."""
    from runner.playground import start

    found = start.read(_folder())
    if found is None or not found.alive():
        if as_json:
            click.echo(json.dumps({"running": False}))
            return errors.ExitCode.ENVIRONMENT
        raise errors.EnvironmentFailure("the playground is not up", hint="chaos-run playground up")
    _print(found, as_json, "up")
    return errors.ExitCode.PASS


def _folder() -> Path:
    from runner.rundir import paths

    return paths.playground_dir()


def _down_sentence(was_up: bool) -> str:
    return "playground is down, all pods ended" if was_up else "playground was not up"


def _print(found: Any, as_json: bool, said: str) -> None:
    if as_json:
        known = {
            "pid": found.pid,
            "kubeconfig": str(found.kubeconfig),
            "context": found.context,
            "urls": dict(found.urls),
        }
        click.echo(json.dumps({"running": True} | known))
        return
    click.echo(f"playground is {said} (process {found.pid}), context {found.context}")
    for name, url in found.urls.items():
        click.echo(f"  {name:<10}{url}")
    click.echo(f"\n  export KUBECONFIG={found.kubeconfig}")
    for name, url in found.urls.items():
        click.echo(f"  export {name.upper()}_URL={url}")
    click.echo("\n  kubectl -n shop get pods")
