"""Runtime: how often the hypothesis is asked, when the rollbacks are played, and what is only gone through dry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.experiment import findings
from runner.experiment.notes import Notes

STRATEGIES = {
    "hypothesis": ("default", "before-method-only", "after-method-only", "during-method-only", "continuously", "skip"),
    "rollbacks": ("default", "always", "never", "deviated"),
}
DRY = ("probes", "actions", "activities", "pause")
_MISSPELT = {"continously": "continuously"}
"""Chaos Toolkit's own old spelling, which it still takes."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What holds for one run."""

    hypothesis: str = "default"
    """One of STRATEGIES."""
    rollbacks: str = "default"
    """One of STRATEGIES; by default, and with `always`, they are played however the run ends."""
    dry: str = ""
    """One of DRY: what is not executed; empty where everything is."""

    @property
    def acts(self) -> bool:
        """Whether actions are executed."""
        return self.dry not in ("actions", "activities")

    @property
    def asks(self) -> bool:
        """Whether the hypothesis is asked at all."""
        return self.hypothesis != "skip" and self.dry not in ("probes", "activities")


def check(notes: Notes) -> None:
    """Unknown strategies are errors: Chaos Toolkit would take the one of the rollbacks for `never`."""
    tree = notes.source.tree
    if tree.get("dry") and tree["dry"] not in DRY:
        hint = findings.nearest(str(tree["dry"]), DRY, what="dry")
        notes.error("dry", ("dry",), f"'dry' cannot be {tree['dry']!r}", hint=hint)
    runtime = tree.get("runtime")
    if not runtime or not notes.is_kind(runtime, dict, ("runtime",), "runtime"):
        return
    for part, section in runtime.items():
        if part not in STRATEGIES:
            said = f"runtime.{part} is not honoured: only the strategies of hypothesis and rollbacks are"
            notes.warning("runtime", ("runtime", part), said, hint=findings.nearest(str(part), STRATEGIES), key=True)
        elif notes.is_kind(section, dict, ("runtime", part), f"runtime.{part}"):
            _section(notes, part, section)


def _section(notes: Notes, part: str, section: Mapping[str, Any]) -> None:
    for key, value in section.items():
        if key != "strategy":
            hint = "in the chaos-run block: hypothesis: {frequency: 1s}" if key == "frequency" else None
            said = f"runtime.{part}.{key} is not honoured: Chaos Toolkit has no such setting in a file"
            notes.warning("runtime", ("runtime", part, key), said, hint=hint, key=True)
        elif part == "hypothesis" and isinstance(value, str) and value in _MISSPELT:
            notes.warning("strategy", ("runtime", part, key), f"write {_MISSPELT[value]!r}, not {value!r}")
        elif value not in STRATEGIES[part]:
            hint = findings.nearest(str(value), STRATEGIES[part], what="strategies")
            notes.error("strategy", ("runtime", part, key), f"there is no {part} strategy {value!r}", hint=hint)


def of(tree: Mapping[str, Any], settings: Mapping[str, Any], *, during: bool) -> Runtime:
    """A `runtime:` of the file replaces that of the settings as a whole, as in Chaos Toolkit.

    Where neither asks for a strategy, the hypothesis is asked before and after the method, and `during` it where our block
    says so.
    """
    found = tree.get("runtime") or settings.get("runtime") or {}
    asked = _strategy(found, "hypothesis") or ("continuously" if during else "default")
    return Runtime(
        hypothesis=_MISSPELT.get(asked, asked),
        rollbacks=_strategy(found, "rollbacks") or "default",
        dry=str(tree.get("dry") or ""),
    )


def _strategy(runtime: Any, part: str) -> str:
    section = runtime.get(part) if isinstance(runtime, Mapping) else None
    return str((section or {}).get("strategy") or "") if isinstance(section, Mapping | None) else ""
