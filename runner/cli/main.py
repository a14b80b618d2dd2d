"""The command line: one command a file, each imported when it is called; the only place where errors become exit codes."""

from __future__ import annotations

import errno
import importlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from runner import errors, files

COMMANDS: dict[str, str] = {
    "run": "Run an experiment: the default, `chaos-run FILE` is enough.",
    "init": "Write a first experiment for your own service.",
    "convert": "Turn files of other tools into experiments, and say what was lost.",
    "plan": "Say what a run would do, without any change.",
    "validate": "Find every error in experiment files; needs no network.",
    "rerun": "Run a run on record again, and say first what differs.",
    "gate": "Run several experiments as a CI resilience gate.",
    "stop": "Emergency stop of a run, from any terminal.",
    "recover": "Run the undo steps that a dead runner has left open.",
    "ack": "Record that you have detected the fault.",
    "mitigated": "Record that users are well again by what you did.",
    "note": "Add a note to the record of a live run.",
    "history": "List the runs on record.",
    "show": "Show one run of the record.",
    "compare": "Two runs side by side, and what chance explains.",
    "report": "Write the report of one run: HTML, Markdown, JSON, JUnit.",
    "judge": "Judge the samples of a run again, by its own objectives or others.",
    "export": "Write the evidence of a run into one file that can be verified offline.",
    "import": "Verify such a file, and add its run to the record.",
    "metrics": "MTTD and MTTR over the runs on record.",
    "catalog": "List the experiments of the catalogue.",
    "checks": "List the ready checks of clusters, clouds and services, and how to use each.",
    "schema": "Print the JSON Schema of an experiment, our block, or the events.",
    "gameday": "Plan, schedule, run and sum up GameDays.",
    "playground": "Start, stop and inspect the playground, a small Kubernetes API on this machine.",
    "completion": "Print the completion script for your shell.",
}


SECTIONS: dict[str, tuple[str, ...]] = {
    "Experiments": ("init", "convert", "validate", "plan", "run", "rerun", "gate", "gameday", "catalog", "checks"),
    "A live run": ("stop", "ack", "mitigated", "note", "recover"),
    "Runs on record": ("history", "show", "compare", "report", "metrics", "judge", "export", "import"),
    "Tools": ("playground", "schema", "completion"),
}
"""As the help shows them: by what one wants to do."""
KEPT = ("run", "rerun", "gate", "gameday", "stop", "recover", "ack", "mitigated", "note")
"""Commands that do something, told elsewhere too: their exit code says how it went, whatever becomes of their output."""


class Lazy(click.Group):
    """Imports a command's module only when that command is called, and takes a path for `run PATH`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"runner.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and looks_like_file(args[0]):
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help from the table, so that `--help` imports no command."""
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name]) for name in names])


def looks_like_file(argument: str) -> bool:
    """Whether a first argument means `run FILE`: an existing path, a URL, or an experiment's file name."""
    return (
        argument.startswith(("http://", "https://"))
        or argument.endswith((".yaml", ".yml", ".json"))
        or Path(argument).exists()
    )


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"chaos-run {version('chaos-run')}")
        ctx.exit()


@click.group(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=errors.legend(),
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def app() -> None:
    """Chaos engineering with proof: that the fault took effect, that users were (not) hurt, and that everything was put back.

    \b
    chaos-run experiments/pod-kill.yaml --playground    a first run; needs no cluster
    chaos-run init                                      write an experiment for your own service
    chaos-run plan FILE                                 what a run would do; changes nothing
    chaos-run FILE                                      run it
    chaos-run stop                                      stop it from any terminal, and undo
    """


def start(group: click.Command, name: str) -> int:
    """What a console script does: `entry` with streams that end nothing, whatever becomes of whoever reads them.

    Output that was lost to a full disk is said; it makes a failure of a command that does nothing else than show.
    """
    from runner.cli import streams

    out, _ = streams.harden()
    code = entry(sys.argv[1:], group, name)
    sys.stdout.flush()
    if not out.complaint:
        return code
    click.echo(f"error: not everything could be written to the standard output: {out.complaint}", err=True)
    shows = name == "chaos-run" and sys.argv[1] in COMMANDS and sys.argv[1] not in KEPT
    return errors.ExitCode.ENVIRONMENT if shows and code == errors.ExitCode.PASS else code


UNUSABLE_PATH = (errno.ENAMETOOLONG, errno.EACCES, errno.ELOOP, errno.ENOTDIR)
"""Error numbers of a path that cannot be used as it is."""


def entry(arguments: Sequence[str], group: click.Command, name: str, **extra: Any) -> int:
    """Run the command line and return the exit code; a `ChaosRunError` is explained in one line, a bug keeps its traceback."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a script's background job is deaf; a run must hear the stop
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        outcome = group.main(args=list(arguments), prog_name=name, standalone_mode=False, **extra)
    except errors.InvalidFile as problem:
        click.echo(problem.rendered or f"error: {problem.message}", err=True)
        return problem.exit_code
    except errors.ChaosRunError as problem:
        return _explain(problem)
    except click.exceptions.Abort:
        return errors.ExitCode.INTERRUPTED
    except click.ClickException as problem:
        problem.show()
        return errors.ExitCode.USAGE
    except OSError as problem:
        if problem.errno in UNUSABLE_PATH and problem.filename:
            hint = "give a path that exists and that this user may use"
            return _explain(errors.UsageError(f"{problem.filename}: {problem.strerror}", hint=hint))
        if problem.errno not in (*files.FULL, errno.EROFS):
            raise
        where = f"{problem.filename}: " if problem.filename else ""
        return _explain(errors.EnvironmentFailure(f"{where}{problem.strerror}", hint="free some space there"))
    return int(outcome or 0)


def _explain(problem: errors.ChaosRunError) -> int:
    click.echo(f"error: {problem.message}", err=True)
    for reason in getattr(problem, "reasons", ()):
        click.echo(f"  - {reason}", err=True)
    if problem.hint:
        click.echo(f"hint: {problem.hint}", err=True)
    return problem.exit_code
