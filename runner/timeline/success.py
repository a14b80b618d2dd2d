"""Success: the five figures by which a team sees whether its experiments are worth it, each beside its goal."""

from __future__ import annotations

from dataclasses import dataclass

from runner import units
from runner.timeline import mttd_mttr
from runner.timeline.improvement import RecoveryChange

MONTH_DAYS = 365.25 / 12
FEW_REQUESTS = 100
"""Below this a share of good requests says nothing: one of them is a whole percent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SuccessFigure:
    """One figure; `met` is None where there is no goal, or too little was seen to say."""

    name: str
    value: float | None
    said: str
    """The value for people, with its n."""
    goal: float | None
    met: bool | None


def experiments(runs: int, days: float, goal: float | None) -> SuccessFigure:
    """Experiments a month over that many days."""
    value = runs / days * MONTH_DAYS
    said = f"{value:.1f} a month ({runs} in {days:.0f} days)"
    return SuccessFigure(
        name="experiments a month", value=value, said=said, goal=goal, met=None if goal is None else value >= goal
    )


def share(name: str, k: int, n: int, goal: float | None, *, of: str, fewest: int = 1) -> SuccessFigure:
    """k of n with its 95 % interval, for example requests answered well or objectives that passed."""
    if n < fewest:
        return SuccessFigure(name=name, value=None, said=f"nothing to tell: {n:,} {of}", goal=goal, met=None)
    found = mttd_mttr.rate(k, n)
    said = f"{units.format_ratio(k / n)} ({k:,} of {n:,} {of}; 95 %: {units.format_ratio(found.low)} to {units.format_ratio(found.high)})"
    return SuccessFigure(name=name, value=k / n, said=said, goal=goal, met=None if goal is None else k / n >= goal)


def weaknesses(names: tuple[str, ...], goal: int | None) -> SuccessFigure:
    """Faults nobody had predicted, found in the quarter."""
    said = f"{len(names)}: {', '.join(names)}" if names else "none"
    met = None if goal is None else len(names) >= goal
    return SuccessFigure(name="unknown faults found", value=len(names), said=said, goal=goal, met=met)


def improvement(changes: dict[str, RecoveryChange], goal: float | None) -> SuccessFigure:
    """How much faster the experiments recover than the quarter before, each compared with itself; the median of those told.

    A goal is met only where every one of them is certain to be faster: a gain that chance may explain is none yet.
    """
    told = {name: c for name, c in changes.items() if c.ratio is not None and c.low is not None}
    if not told:
        return SuccessFigure(name="MTTR improvement", value=None, said="too few to tell", goal=goal, met=None)
    gains = sorted(1 - c.ratio for c in told.values() if c.ratio is not None)
    middle = (gains[(len(gains) - 1) // 2] + gains[len(gains) // 2]) / 2
    said = "; ".join(f"{name}: {_change(c)}" for name, c in sorted(told.items()))
    reached = goal is not None and middle >= goal
    doubtful = reached and any(c.told != "faster" for c in told.values())
    return SuccessFigure(
        name="MTTR improvement",
        value=middle,
        said=f"{middle:+.0%} ({said})",
        goal=goal,
        met=None if goal is None or doubtful else reached,
    )


def _change(change: RecoveryChange) -> str:
    if change.low is None or change.high is None or change.ratio is None:
        return change.told
    ends = f"{change.low:.2f} to {change.high:.2f}"
    return f"× {change.ratio:.2f}, 95 %: {ends}, n = {change.before} and {change.after}: {change.told}"
