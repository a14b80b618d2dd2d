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
    from runner.checks.check import Check, Parameter


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
                yield from _wrapped(line, 6, 8)
    yield f"\n{len(checks)} checks; how to use one: chaos-run checks {checks[0].name}"


def _whole(check: Check) -> Iterator[str]:
    yield check.name
    yield from _wrapped(check.what, 2)
    yield f"  {check.level} {check.condition}; what cannot be read is no data, and never good"
    yield from _wrapped(f"reads {check.asks.reads}", 2)
    takes = [(p.name, f"{p.about} ({_default(p)})") for p in check.asks.takes]
    takes.append(("limit", f"another limit than {check.unit.written(check.limit)} (optional)"))
    width = max(len(name) for name, _ in takes)
    for name, about in takes:
        yield from _wrapped(f"{name:{width}}  {about}", 4, width + 6)
    yield from _use(check)


def _wrapped(text: str, indent: int, rest: int = 4) -> list[str]:
    return textwrap.wrap(
        text, 80, initial_indent=" " * indent, subsequent_indent=" " * rest, break_long_words=False, break_on_hyphens=False
    )  # fmt: skip


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    return "optional" if parameter.default in (None, "") else f"default {parameter.default}"


def _use(check: Check) -> Iterator[str]:
    """What to write in an experiment."""
    from runner.checks import probes

    shown = ", ".join(f"{p.name}: …" for p in check.asks.takes if p.required)
    yield "\nAs a probe of the hypothesis, for plain `chaos run` too:\n"
    yield "  - type: probe"
    yield f"    name: {check.name}"
    yield f'    tolerance: {{type: {probes.TOLERANCE["type"]}, pattern: "{probes.TOLERANCE["pattern"]}"}}'
    yield "    provider:"
    yield "      type: python"
    yield f"      module: {probes.MODULE}"
    yield f"      func: {check.name}"
    yield from [f"      arguments: {{{shown}}}"] * bool(shown)
    yield "\nIn a run, read again and again, for a guard or an objective:\n"
    yield "  checks:"
    yield f"    - check: {check.name}"
    yield f"      every: {check.asks.every_s:g}s"
    yield from [f"      arguments: {{{shown}}}"] * bool(shown)
    yield "  abort:"
    yield f"    - {{check: {{indicator: {check.name}, for: 10s}}}}"


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
