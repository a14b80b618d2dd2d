"""`chaos-run gameday`: the commands of the GameDay, which live with it."""

from gameday.cli import command

__all__ = ["command"]
