"""`chaos-run gameday`, and the same as `gameday` alone: plan, run, list, next, due, schedule and report."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner import errors, files
from runner.cli.context import where_options
from runner.cli.options import LABELS, read_labels

if TYPE_CHECKING:  # each command imports what it needs: `--help` stays quick
    from gameday import session
    from gameday.schedule import Schedule
    from runner.timeline.record import RunRecord

NOT_DUE = 1


def main() -> None:
    """The console script."""
    from runner.cli.main import start

    sys.exit(start(command, "gameday"))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def command() -> None:
    """The quarterly GameDay: several experiments in one sitting, with people in roles, targets and a summary.

    \b
    gameday plan compound                   what would happen, step by step
    gameday run compound --fast             a rehearsal, now
    gameday schedule --quarterly --scenario compound --at "Tue 10:00" --tz Europe/Berlin
    """


@command.command()
@click.argument("scenario", required=False)
@where_options
@click.option("--fast", is_flag=True, help="As `run --fast` would do it.")
@click.option("--schedule", "of_schedule", metavar="ID", help="The scenario of this schedule.")
@click.option("--script-only", is_flag=True, help="Only the script: reach no cluster.")
@click.option("--role", "roles", multiple=True, metavar="ROLE=NAME", help="Who sits where; may be repeated.")
def plan(
    scenario: str | None, fast: bool, of_schedule: str | None, script_only: bool, roles: tuple[str, ...], **where: Any
) -> int:
    """Say what a GameDay would do, step by step. Nothing is changed."""
    from gameday import briefing
    from gameday import scenario as scenarios

    script, path = scenarios.load(_scenario_of(scenario, of_schedule))
    click.echo(briefing.text(script, scenarios.seat(script, _roles(roles)), fast=fast))
    if script_only:
        return errors.ExitCode.PASS
    return _plan_steps(script, path, where, fast=fast)


@command.command()
@click.argument("scenario", required=False)
@where_options
@LABELS
@click.option("--fast", is_flag=True, help="A rehearsal: shorter offsets and windows, as the scenario says.")
@click.option("--schedule", "of_schedule", metavar="ID", help="What is due of this schedule; it cannot be begun twice.")
@click.option("--role", "roles", multiple=True, metavar="ROLE=NAME", help="Who sits where; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the summary; the state folder by default.")
@click.option("--plain", is_flag=True, help="Plain lines, also on a terminal.")
@click.option("--notice-before", metavar="DURATION", help="Tell others so long before the first step. 0s: do not wait.")
def run(
    scenario: str | None,
    fast: bool,
    of_schedule: str | None,
    roles: tuple[str, ...],
    out: Path | None,
    plain: bool,
    notice_before: str | None,
    **where: Any,
) -> int:
    """Play a scenario, keep its record, write its summary. The exit code is that of the worst step or missed target."""
    import asyncio

    from gameday import notice as notices
    from gameday import record, session
    from gameday import scenario as scenarios
    from runner.rundir import paths

    if out:
        files.check_folder(out, "the summary")
    where["labels"] = read_labels(where["labels"])
    script, path = scenarios.load(_scenario_of(scenario, of_schedule))
    seats = scenarios.seat(script, _roles(roles))
    if of_schedule:
        _mark_begun(of_schedule)
    engine = _engine(where, plain=plain)
    struck = "the playground" if where["playground"] else where["context"] or "this machine's usual context"
    with notices.open_notice(record.folder(), notice_before, fast=fast, where=struck) as notice:
        playing = session.Session(
            scenario=script,
            path=path,
            run=engine,
            say=_say,
            roles=seats,
            fast=fast,
            notice=notice,
            shared=paths.shared(where["store"]),
        )
        day = asyncio.run(playing.play())
    _write(day.id, out, where["store"])
    return day.exit_code


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(as_json: bool) -> None:
    """List the GameDays that were run, the latest first, and the scenarios there are."""
    from gameday import record, scenario

    days = list(record.every())
    if as_json:
        click.echo(json.dumps([day.to_json() for day in days], indent=1))
        return
    for day in days:
        state = "UNFINISHED" if day.unfinished else day.verdict or day.state
        click.echo(f"{day.id}  {state:<12}  {len(day.steps)}/{len(day.planned)} steps  {day.title}")
    if not days:
        click.echo("no GameDay has been run yet")
    shipped = sorted(p.stem for p in scenario.SHIPPED.glob("*.yaml"))
    click.echo(f"scenarios: {', '.join(shipped)}, or any file")


@command.command(name="next")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 40), help="How many of each schedule.")
def next_(as_json: bool, count: int) -> None:
    """Say when the next GameDays are, and which starts a freeze takes out."""
    from gameday import schedule

    rows = [row for found in schedule.read() for row in _upcoming(found, count)]
    rows.sort(key=lambda row: datetime.fromisoformat(row["start"]))
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        skipped = f"  SKIPPED: {row['blocked']}" if row["blocked"] else f"  in {row['in']}"
        shifted = {"gap": "  (moved: the clocks go forward)", "fold": "  (the first of two: the clocks go back)"}
        click.echo(f"{row['local']}  {row['schedule']}  {row['scenario']}{skipped}{shifted.get(row['shift'], '')}")
    if not rows:
        click.echo("nothing is scheduled: gameday schedule --quarterly --scenario NAME --at 'Tue 10:00' --tz ZONE")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def due(as_json: bool) -> int:
    """Print the schedules that are due now, one id a line; exit code 0 when there is one, 1 when there is none."""
    from gameday import schedule
    from runner import clock

    now = _now()
    found = [(s, start) for s in schedule.read() if (start := s.due(now))]
    if as_json:
        rows = [{"schedule": s.id, "scenario": s.scenario, "start": clock.rfc3339(o.start)} for s, o in found]
        click.echo(json.dumps(rows, indent=1))
    else:
        for s, _ in found:
            click.echo(s.id)
    return errors.ExitCode.PASS if found else NOT_DUE


@command.command()
@click.option("--quarterly", is_flag=True, help="Once a quarter, at --at in the --month of it.")
@click.option("--rrule", help="Any RFC 5545 rule instead, from --start on.")
@click.option("--start", help="First local start for --rrule: 2027-02-09T10:00.")
@click.option("--scenario", help="A scenario's file or name.")
@click.option("--at", default="2nd Tue 10:00", show_default=True, help="Which day of the month and when, local time.")
@click.option("--month", default=2, show_default=True, type=click.IntRange(1, 3), help="Which month of the quarter.")
@click.option("--tz", "zone", default="UTC", show_default=True, help="IANA time zone of all local times.")
@click.option("--freeze", "freezes", multiple=True, help="2026-12-15..2027-01-06, or 'FREQ=…;BYMONTH=… for 6d'.")
@click.option("--hours", default="10:00-16:00", show_default=True, help="When a day may begin, local time.")
@click.option("--weekends", is_flag=True, help="May begin at weekends too.")
@click.option("--title", help="By default that of the scenario.")
@click.option("--cancel", metavar="ID", help="No more GameDays of this schedule.")
@click.option("--ics", type=click.Path(path_type=Path), help="Write all schedules as an iCalendar file.")
def schedule(ics: Path | None, cancel: str | None, scenario: str | None, **given: Any) -> None:
    """Set up, change or cancel a series of GameDays; write it for people's calendars."""
    from gameday import schedule as schedules

    if ics:
        files.check_output(ics, "the calendar", suffixes=(".ics",))
    if cancel:
        click.echo(
            f"cancelled: {schedules.cancel(cancel, _now()).id}; send the new --ics to those who have the old one"
        )
    if scenario:
        found = schedules.put(_new_schedule(scenario, **given))
        start = found.next(_now())
        click.echo(f"{found.id}: next on {start.start:%a %d %b %Y %H:%M %Z}" if start else found.id)
    if ics:
        from gameday import ics as calendars

        entries = [s.entry() for s in schedules.read()]
        ics.write_text(calendars.render(entries, stamp=_now()), encoding="utf-8", newline="")
        click.echo(f"{len(entries)} schedules in {ics}")
    if not (cancel or scenario or ics):
        raise errors.UsageError("nothing to do", hint="--quarterly --scenario NAME, --cancel ID, or --ics FILE")


@command.command()
@click.argument("gameday_id", metavar="ID")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the summary; the state folder by default.")
@click.option("--json", "as_json", is_flag=True, help="The record itself, to stdout.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The Markdown to stdout; no file is written.")
@click.option("--store", help="The record of all runs, where --store was given to the run.")
def report(gameday_id: str, out: Path | None, as_json: bool, as_markdown: bool, store: str | None) -> None:
    """Write the summary of a GameDay (or `last`) as Markdown and HTML."""
    from gameday import record, summary

    day = record.read(gameday_id)
    if as_json:
        click.echo(json.dumps(day.to_json(), indent=1))
    elif as_markdown:
        click.echo(summary.markdown(day), nl=False)
    else:
        if out:
            files.check_folder(out, "the summary")
        _write(day.id, out, store)


def _engine(where: dict[str, Any], *, plain: bool) -> session.RunExperiment:
    """The engine that `chaos-run FILE` uses, with the same guards, record and view."""
    from runner.app.run_one import run_one
    from runner.engine.options import Options

    async def play(request: session.Request) -> RunRecord:
        asked = Options(path=request.path, variables=request.variables, gameday=request.gameday, **where)
        return await run_one(asked, plain=plain, wrap=request.wrap)

    return play


def _plan_steps(script: Any, path: Path, where: dict[str, Any], *, fast: bool) -> int:
    import asyncio

    from gameday import briefing
    from gameday.scenario import locate_experiment
    from runner.engine import options
    from runner.engine import run as engine
    from runner.plan import render

    refused, least, most = False, [], []
    for step in script.steps:
        variables = (script.fast.variables if fast else {}) | step.variables
        asked = options.Options(path=str(locate_experiment(step.experiment, path)), variables=variables, **where)
        drawn = asyncio.run(engine.plan(asked))
        click.echo(f"\n== {step.name}\n{render.text(drawn)}", nl=False)
        refused = refused or bool(drawn.refusals)
        least.append(drawn.baseline_s + drawn.method_s)
        most.append(drawn.baseline_s + drawn.method_s + drawn.recovery_s)
    for sentence in briefing.overlaps(script, least, most, fast=fast):
        click.echo(f"\nwarning: {sentence}", nl=True)
    return errors.ExitCode.REFUSED if refused else errors.ExitCode.PASS


def _write(gameday_id: str, out: Path | None, store: str | None) -> None:
    from gameday import record, summary

    day = record.read(gameday_id)
    for page in summary.write(day, out or record.folder() / "summaries", summary.plots(day, store)):
        click.echo(f"summary: {page.sentence}")


def _mark_begun(schedule_id: str) -> None:
    from gameday import schedule

    schedule.take(schedule_id, _now())


def _scenario_of(scenario: str | None, of_schedule: str | None) -> str:
    """The scenario that is meant: named, or of a schedule. Raises UsageError."""
    from gameday import schedule

    if bool(scenario) == bool(of_schedule):
        raise errors.UsageError("which scenario?", hint="a file or name (gameday list), or --schedule ID")
    return scenario or schedule.get(of_schedule or "").scenario


def _upcoming(found: Schedule, count: int) -> list[dict[str, Any]]:
    from runner import units

    now, rows, free = _now(), [], 0
    for occurrence in found.occurrences(now):
        left = (occurrence.start.astimezone(UTC) - now).total_seconds()
        rows.append(
            {
                "schedule": found.id,
                "scenario": found.scenario,
                "start": occurrence.start.isoformat(),
                "local": f"{occurrence.start:%a %Y-%m-%d %H:%M %Z}",
                "in": f"{left / 86400:.0f} days" if left >= 2 * 86400 else units.format_duration(left),
                "blocked": occurrence.blocked,
                "shift": occurrence.shift,
            }
        )
        free += occurrence.blocked is None
        if free == count:
            break
    return rows


def _new_schedule(
    scenario: str, *, quarterly: bool, rrule: str | None, start: str | None, at: str, month: int, zone: str,
    freezes: tuple[str, ...], hours: str, weekends: bool, title: str | None,
) -> Schedule:  # fmt: skip
    from gameday import calendar, freeze, schedule
    from gameday import scenario as scenarios

    if quarterly == bool(rrule):
        raise errors.UsageError("how often?", hint="either --quarterly or --rrule RULE --start LOCAL-TIME")
    script, path = scenarios.load(scenario)
    tz, now = calendar.zone_of(zone), _now()
    local = now.astimezone(tz).replace(tzinfo=None)
    recurrence = calendar.Recurrence(rule=rrule, start=_local(start)) if rrule else calendar.quarterly(at, month, local)
    every = (f"hours {hours}", *(() if weekends else ("weekends",)), *freezes)
    for text in every:
        freeze.parse(text)
    calendar.parse_rule(recurrence, tz)
    return schedule.new(title or script.title, str(path), zone, recurrence, now, freezes=every)


def _local(text: str | None) -> datetime:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise errors.UsageError("--rrule needs --start, a local time without offset", hint="--start 2027-02-09T10:00")
    return found


def _roles(given: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    seats: dict[str, tuple[str, ...]] = {}
    for text in given:
        role, equals, name = text.partition("=")
        if not (role and equals and name):
            raise errors.UsageError(f"--role {text!r} is not ROLE=NAME", hint="--role operator=Ann")
        seats[role] = (*seats.get(role, ()), name)
    return seats


def _say(line: str) -> None:
    click.echo(f"{_now():%H:%M:%S} {line}")


def _now() -> datetime:
    from runner import clock  # brings asyncio, which `--help` need not wait for

    return clock.SystemClock().now()
