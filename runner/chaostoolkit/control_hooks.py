"""Hooks: the controls of the file and of the user's settings, called by Chaos Toolkit itself, and heard where they stop or fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import chaoslib.control
from chaoslib.exceptions import InterruptExecution
from chaoslib.settings import load_settings

from runner.process.messages import ControlHeard

Tell = Callable[[ControlHeard], None]


def load(path: str) -> dict[str, Any]:
    """The settings of that file, none for an empty path; their controls are called from now on in this process."""
    found: dict[str, Any] = (load_settings(path) if path else None) or {}
    chaoslib.control.load_global_controls({"controls": found.get("controls") or {}})
    return found


def hear(tell: Tell) -> None:
    """Have each control that ends the run, or that Chaos Toolkit lets fail in silence, told by its name.

    Called before Chaos Toolkit goes on with what was raised.
    """
    apply = chaoslib.control.apply_python_control

    def heard(*args: Any, **fields: Any) -> Any:
        with _HookListener(tell, str(fields["control"].get("name"))):
            return apply(*args, **fields)

    chaoslib.control.apply_python_control = heard
    initialize = chaoslib.control.initialize_control

    def begun(control: Mapping[str, Any], *args: Any, **fields: Any) -> Any:
        with _HookListener(tell, str(control.get("name")), within="configure_control: "):
            return initialize(control, *args, **fields)

    chaoslib.control.initialize_control = begun


class _HookListener:
    """Around one call of a control; what it raises goes on. `within` one in which nothing that is raised ends the run."""

    def __init__(self, tell: Tell, name: str, *, within: str = "") -> None:
        self._tell, self._name, self._within = tell, name, within

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(raised, InterruptExecution) and not self._within:
            self._tell(ControlHeard(name=self._name, stops=True, why=str(raised) or "without a reason"))
        elif isinstance(raised, Exception):
            self._tell(
                ControlHeard(name=self._name, stops=False, why=f"{self._within}{type(raised).__name__}: {raised}")
            )


def without(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without its controls: for looks of ours, which are no part of what Chaos Toolkit would do."""
    bare = {k: v for k, v in document.items() if k != "controls"}
    if isinstance(hypothesis := bare.get("steady-state-hypothesis"), Mapping):
        kept = {k: v for k, v in hypothesis.items() if k != "controls"}
        bare["steady-state-hypothesis"] = kept | {"probes": [_bare(p) for p in kept.get("probes") or ()]}
    for part in ("method", "rollbacks"):
        if bare.get(part):
            bare[part] = [_bare(activity) for activity in bare[part]]
    return bare


def _bare(activity: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in activity.items() if k != "controls"}
