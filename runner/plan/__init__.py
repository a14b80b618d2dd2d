"""Plan: what exactly will happen, printable and hashable, before anything does."""

from runner.plan.plan import Plan, draw

__all__ = ["Plan", "draw"]
