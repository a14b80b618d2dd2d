"""`chaos-run completion SHELL`: the script that a shell reads once to complete our commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

NAME = "chaos-run"
VARIABLE = "_CHAOS_RUN_COMPLETE"


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print the completion script.

    \b
    bash:  eval "$(chaos-run completion bash)"
    zsh:   eval "$(chaos-run completion zsh)"
    fish:  chaos-run completion fish | source
    """
    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(completion(context.find_root().command, {}, NAME, VARIABLE).source())
    return 0
