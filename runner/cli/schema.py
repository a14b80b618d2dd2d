"""`chaos-run schema`: JSON Schema for editors and for readers of the event stream."""

from __future__ import annotations

import json

import click


@click.command(name="schema")
@click.argument("what", type=click.Choice(["experiment", "block", "events"]), default="experiment")
def command(what: str) -> int:
    """Print the JSON Schema of an experiment (the default), of our block in it, or of the events of `--json`.

    For an editor: `chaos-run schema > experiment.schema.json`, and in the file
    `# yaml-language-server: $schema=experiment.schema.json`.
    """
    if what == "events":
        from runner.timeline.schema import events_schema

        found = events_schema()
    else:
        from runner.experiment import schema

        found = schema.block() if what == "block" else schema.experiment()
    click.echo(json.dumps(found, indent=2))
    return 0
