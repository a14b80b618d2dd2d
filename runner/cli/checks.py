"""`chaos-run checks`: the ready checks, what each reads, when it is bad, and how to use it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from runner import errors

if TYPE_CHECKING:
    from runner.checks.check import Check


@click.command(name="checks")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
def command(name: str | None, as_json: bool) -> int:
    """List the ready checks: what each reads and when it is bad. With NAME, one of them and how to use it."""
    from runner.checks.table import CHECKS, nearest

    if name is not None and name not in CHECKS:
        raise errors.UsageError(f"there is no check {name!r}", hint=nearest(name))
    chosen = [check for check in CHECKS.values() if name in (None, check.name)]
    if as_json:
        click.echo(json.dumps([_plain(check) for check in chosen], indent=1))
    elif name is not None:
        click.echo("\n".join(_whole(chosen[0])))
    else:
        click.echo("\n".join(_list(chosen)))
    return errors.ExitCode.PASS


def _list(checks: list[Check]) -> Iterator[str]:
    width = max(len(check.name) for check in checks)
    for about, group in groupby(checks, key=lambda check: check.about):
        yield about
        for check in group:
            yield f"  {check.name:{width}}  {check.level:8}  {check.condition}"
            for line in (check.what, f"reads {check.asks.reads}"):
                yield textwrap.fill(line, 80, initial_indent="      ", subsequent_indent="        ")
    yield f"\n{len(checks)} checks; how to use one: chaos-run checks {checks[0].name}"


def _whole(check: Check) -> Iterator[str]:
    takes = [*check.asks.takes]
    width = max((len(p.name) for p in takes), default=0)
    yield f"{check.name}: {check.what}"
    yield f"  {check.level} {check.condition}; what cannot be read is no data, and never good"
    yield f"  reads {check.asks.reads}"
    for p in takes:
        default = "required" if p.required else f"default {p.default}" if p.default is not None else "optional"
        yield f"    {p.name:{width}}  {p.about} ({default})"
    yield f"    {'limit':{width}}  another limit than {check.unit.written(check.limit)} (optional)"
    yield "\nAs a probe of the hypothesis, for plain `chaos run` too:\n"
    yield from _as_probe(check)


def _as_probe(check: Check) -> Iterator[str]:
    from runner.checks import probes

    shown = ", ".join(f"{p.name}: …" for p in check.asks.takes if p.required)
    yield "  - type: probe"
    yield f"    name: {check.what}"
    yield f'    tolerance: {{type: regex, pattern: "{probes.TOLERANCE["pattern"]}"}}'
    yield "    provider:"
    yield "      type: python"
    yield f"      module: {probes.MODULE}"
    yield f"      func: {check.name}"
    if shown:
        yield f"      arguments: {{{shown}}}"


def _plain(check: Check) -> dict[str, Any]:
    takes = [{"name": p.name, "about": p.about, "required": p.required, "default": p.default} for p in check.asks.takes]
    return {
        "name": check.name,
        "level": check.level,
        "what": check.what,
        "source": check.asks.source,
        "reads": check.asks.reads,
        "bad": check.bad,
        "limit": check.limit,
        "unit": check.unit,
        "takes": takes,
        "module": "runner.probe.checks",
        "func": check.name,
    }
