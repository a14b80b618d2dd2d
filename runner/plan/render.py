"""A plan as text: what will be hit, what watches, what puts it back, and whether it can be judged at all."""

from __future__ import annotations

from collections.abc import Iterable

from runner import units
from runner.plan.plan import Plan, Step

_OWNERS = {
    "system": "the target system itself",
    "undoer": "the undoer, a process that outlives the runner",
    "nobody": "NOBODY: no rollback that could put it back is declared",
    "stays": "nothing: it is declared to stay",
}
_DRY = {
    "probes": "probes are not executed, actions are",
    "actions": "no action is executed",
    "activities": "neither actions nor probes are executed",
    "pause": "the pauses are left out, everything else is executed",
}


def text(plan: Plan) -> str:
    """The plan for people; the hash is its last line."""
    lines = [
        f"Plan: {plan.title}",
        f"  where     {plan.context} ({plan.environment})",
        *(_list("differs", [c.sentence for c in plan.differs], f"nothing from {plan.repeats}") if plan.repeats else ()),
        f"  baseline  {units.format_duration(plan.baseline_s)}, the objectives must hold or nothing is injected",
        *([f"  dry       {_DRY[plan.dry]}"] if plan.dry else []),
        *_steps(plan.steps),
        *(_list("dose", plan.doses, "") if plan.doses else ()),
        *_list("traffic", plan.traffic, "none of ours"),
        *(_list("asks", (plan.hypothesis,), "") if plan.hypothesis else ()),
        *_list("judged by", plan.objectives, "the steady-state hypothesis alone"),
        *(_list("stands at", plan.standing, "") if plan.standing else ()),
        *(_list("waits", plan.waits, "") if plan.waits else ()),
        *_list("abort if", plan.guards, ""),
        *(_list("noticed", [f"by {w}" for w in plan.watchers], "") if plan.watchers else ()),
        *(_list("silences", plan.silences, "") if plan.silences else ()),
        *(_list("offered", plan.offered, "") if plan.offered else ()),
        *(_list("expects", plan.expected, "") if plan.expected else ()),
        *_list("rollbacks", plan.rollbacks, "none declared"),
        *(_list("stays", plan.left, "") if plan.left else ()),
        *_list("locks", plan.locks, "on this machine only"),
        f"  recovery  within {units.format_duration(plan.recovery_s)}",
        *(f"  refused   {r}" for r in plan.refusals),
        *(f"  warning   {w}" for w in plan.warnings),
        *(f"  warning   {name!r} would hit nothing: no target matches" for name in plan.vacuous),
        f"Plan hash {plan.hash}. Nothing was changed.",
    ]
    return "\n".join(lines) + "\n"


def _steps(steps: Iterable[Step]) -> list[str]:
    lines = []
    for step in steps:
        lines.append(f"  inject    {step.action}" + (f": {step.note}" if step.note else ""))
        lines += [f"            - {t}{' (pinned)' if step.pinned else ''}" for t in step.targets]
        if not step.known:
            why = "" if step.note else ": not one of the actions we can resolve"
            lines.append(f"            targets not known before the run{why}")
        lines.append(f"            if the runner dies, undone by {_OWNERS[step.owner]}")
        lines += [f"            undo: {u}" for u in step.undo]
    return lines or ["  inject    nothing: the method has no action"]


def _list(title: str, items: Iterable[str], otherwise: str) -> list[str]:
    found = list(items) or [otherwise]
    return [f"  {title if n == 0 else '':<9} {item}" for n, item in enumerate(found)]
