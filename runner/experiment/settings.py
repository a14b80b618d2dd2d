"""Settings: the user's own file for Chaos Toolkit, `~/.chaostoolkit/settings.yaml`: what of it holds here, and what does not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import errors, files
from runner.experiment import calls, document, findings, runtime, source
from runner.experiment.findings import FileFinding
from runner.experiment.notes import Notes, described

HONOURED = ("controls", "auths", "runtime")
_INSTEAD = {"notifications": "chaos-run notifies people by its own file of channels: CHAOS_RUN_NOTIFY"}
"""What to use for a section that is not honoured."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One file of settings; nothing where there is none."""

    path: str = ""
    """Absolute: Chaos Toolkit reads the controls from it again, in processes of their own."""
    tree: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """As written: `auths` holds tokens."""
    found: tuple[FileFinding, ...] = ()

    @property
    def controls(self) -> Mapping[str, Any]:
        return dict(self.tree.get("controls") or {})

    @property
    def auths(self) -> dict[str, str]:
        """The header Authorization by host, or host:port, of the files that are fetched from there."""
        return {str(host): f"{a['type']} {a['value']}" for host, a in (self.tree.get("auths") or {}).items()}


def read(asked: str | None, env: Mapping[str, str] = os.environ) -> Settings:
    """The file that was `asked` for, else the user's own where there is one.

    Raises UsageError for one that is not there, findings.Broken for one that cannot be read: a control in it may be there
    to forbid something.
    """
    path = Path(asked) if asked else Path(env.get("HOME") or Path.home()) / ".chaostoolkit" / "settings.yaml"
    if not files.is_file(path):
        if asked:
            raise errors.UsageError(f"there is no file of settings {asked}")
        return Settings()
    notes = Notes(source.read(str(path)))
    tree = notes.source.tree
    if tree is None:
        return Settings()
    if notes.is_kind(tree, dict, (), "a file of settings"):
        _check(notes, tree)
    if notes.broken:
        raise findings.BrokenExperiment(notes.found)
    return Settings(path=str(path.absolute()), tree=tree, found=tuple(notes.found))


def _check(notes: Notes, tree: Mapping[str, Any]) -> None:
    for section, content in tree.items():
        if section not in HONOURED:
            said = f"the section '{section}' of the settings is not honoured"
            hint = _INSTEAD.get(section) or findings.nearest(str(section), HONOURED, what="honoured")
            notes.warning("settings", (section,), said, hint=hint, key=True)
        elif content is not None:
            notes.is_kind(content, dict, (section,), f"the section '{section}'")
    if not notes.broken:
        runtime.check(notes)
        for name, control in (tree.get("controls") or {}).items():
            _control(notes, str(name), control)
        for host, auth in (tree.get("auths") or {}).items():
            if not isinstance(auth, dict) or not auth.get("type") or not auth.get("value"):
                notes.error("settings", ("auths", host), f"auths of {host} need a type and a value")


def _control(notes: Notes, name: str, control: Any) -> None:
    """Chaos Toolkit passes over one that it cannot import, whatever it was to forbid."""
    steps = ("controls", name)
    provider = control.get("provider") if isinstance(control, dict) else None
    if not isinstance(provider, dict):
        said = f"the control '{name}' has no provider, it is {described(control)}"
        notes.error("control", steps, said, hint="add provider: {type: python, module: …}")
    else:
        document.control_provider(notes, provider, f"the control '{name}'", (*steps, "provider"))
        calls.check_control(notes, {**control, "name": name}, steps)
