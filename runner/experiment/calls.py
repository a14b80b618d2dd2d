"""Calls: the module, the function and the arguments of every Python activity, checked against the code that is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runner.experiment import activities, document, findings, modules
from runner.experiment.modules import ANY, POSITIONAL, REST, Parameter
from runner.experiment.notes import Notes
from runner.experiment.source import Steps

HOOKS = (
    "configure_control",
    *(f"{when}_{what}_control" for what in ("experiment", "hypothesis", "method", "rollback", "activity") for when in ("before", "after")),
)  # fmt: skip
"""Functions of a control that Chaos Toolkit calls, with the control's arguments beside its own."""
_OWN = ("context", "state", "experiment", "configuration", "secrets", "settings", "extensions", "event_registry")


@dataclass(frozen=True)
class _Call:
    """`steps` lead to its provider."""

    who: str
    provider: Mapping[str, Any]
    steps: Steps
    beside: tuple[str, ...] = ()
    """Arguments that Chaos Toolkit adds."""
    late: bool = False
    """Plain Chaos Toolkit looks at it when the run starts, not before."""


def check(notes: Notes) -> None:
    """Every call of hypothesis, method, rollbacks, tolerances and configuration; a file with other errors is not imported for."""
    for call in _calls(notes.source.tree):
        module, function = call.provider.get("module"), call.provider.get("func")
        if all(isinstance(name, str) and name and "$" not in name for name in (module, function)):
            _check(notes, call, str(module), str(function))
    for steps, control in document.controls(notes.source.tree):
        if isinstance(control, dict):
            check_control(notes, control, steps)


def _calls(tree: Mapping[str, Any]) -> Iterator[_Call]:
    for steps, activity in document.walk(tree):
        yield from _call(activity, steps)
        tolerance = activity.get("tolerance")
        if isinstance(tolerance, dict) and tolerance.get("type") == "probe":
            yield from _call(tolerance, (*steps, "tolerance"), beside=("value",))
    entries = tree.get("configuration")
    for name, entry in (entries if isinstance(entries, dict) else {}).items():
        if isinstance(entry, dict) and entry.get("type") == "probe":
            yield from _call(entry, ("configuration", name), late=True)


def _call(
    activity: Mapping[str, Any], steps: Steps, *, beside: tuple[str, ...] = (), late: bool = False
) -> Iterator[_Call]:
    provider = activity.get("provider")
    if isinstance(provider, dict) and provider.get("type") == "python" and not activity.get("ref"):
        yield _Call(activities.describe_activity(activity), provider, (*steps, "provider"), beside, late)


def _check(notes: Notes, call: _Call, module: str, function: str) -> None:
    if not activities.is_installed(module.partition(".")[0]):
        return  # told with the activity
    error = notes.warning if call.late else notes.error
    offer = modules.offer(module, function)
    if offer.problem:
        _not_imported(notes, call, module, offer)
    elif function not in offer.functions:
        hint = findings.nearest(function, offer.functions, what="it has")
        said = f"the module {module} has no function '{function}', which {call.who} calls"
        error("function", (*call.steps, "func"), said, hint=hint)
    elif (signature := offer.functions[function]) is None:
        said = f"{call.who} cannot call {function}: it does not say what arguments it takes, and Chaos Toolkit asks"
        error("function", (*call.steps, "func"), said, hint="call it from a function of your own")
    else:
        for rule, steps, said, hint in _misfits(call, function, signature):
            note = error if rule == "argument" else notes.warning  # Chaos Toolkit accepts it, and it never holds
            note(rule, steps, said, hint=hint, key=True)


def _not_imported(notes: Notes, call: _Call, module: str, offer: modules.ModuleFunctions) -> None:
    place = (*call.steps, "module")
    package = module.partition(".")[0]
    if offer.absent and (module == offer.absent or module.startswith(f"{offer.absent}.")):
        said = f"there is no module '{offer.absent}' in the package '{package}', which {call.who} needs"
        (notes.warning if call.late else notes.error)("module", place, said, hint=_closest_module(offer.absent))
    else:
        said = f"the module {module}, which {call.who} needs, cannot be imported here: {offer.problem}"
        notes.lacking("module", place, said)


def _closest_module(absent: str) -> str | None:
    """A module of the same package that was probably meant."""
    above, _, last = absent.rpartition(".")
    close = findings.nearest(last, modules.inside(above))
    return f"did you mean '{above}.{close.split(chr(39))[1]}'?" if close and close.startswith("did") else None


def _misfits(
    call: _Call, function: str, signature: tuple[Parameter, ...]
) -> Iterator[tuple[str, Steps, str, str | None]]:
    """What keeps the function from being called with these arguments: rule, place, sentence, hint."""
    given = call.provider.get("arguments") or {}
    if not isinstance(given, dict):
        return
    names = {p.name for p in signature if p.kind not in (POSITIONAL, REST, ANY)}
    at = (*call.steps, "arguments" if given else "func")
    taken = {*given, *call.beside, "configuration", *(["secrets"] if "secrets" in call.provider else [])}
    for parameter in signature:
        if parameter.required and parameter.kind == POSITIONAL:
            said = (
                f"{call.who} cannot call {function}: it takes '{parameter.name}' by its position alone, not by its name"
            )
            yield "argument", at, said, None
        elif parameter.required and parameter.name not in taken:
            what = f"add {parameter.name}: … to its arguments"
            hint = "add secrets: [GROUP] to its provider" if parameter.name == "secrets" else what
            said = f"{function} needs the argument '{parameter.name}', which {call.who} does not give"
            yield "argument", at, said, hint
    if not any(p.kind == ANY for p in signature):
        for name in set(call.beside) - names:
            said = f"{function} has no argument '{name}', by which Chaos Toolkit hands {call.who} what was measured"
            yield "value-argument", (*call.steps, "func"), said, f"add the argument {name} to the function"
        for name in given:
            if name not in names:
                said = f"{function} has no argument '{name}', which {call.who} gives"
                yield "argument", (*call.steps, "arguments", name), said, findings.nearest(name, names, what="it takes")


def check_control(notes: Notes, control: Mapping[str, Any], steps: Steps) -> None:
    """Chaos Toolkit goes on without a control that it cannot import, and without a hook that does not take the arguments."""
    provider = control.get("provider")
    module = provider.get("module") if isinstance(provider, dict) and provider.get("type") == "python" else None
    if not isinstance(module, str) or not activities.is_installed(module.partition(".")[0]):
        return
    who, offer = f"the control '{control.get('name')}'", modules.offer(module, "")
    place = (*steps, "provider", "module")
    if offer.problem:
        said = f"{who} cannot be imported, and Chaos Toolkit goes on without it: {offer.problem}"
        notes.warning("module", place, said)
        return
    hooks = {name: offer.functions[name] for name in HOOKS if name in offer.functions}
    if not hooks:
        said = f"{who} does nothing: the module {module} has none of the functions that Chaos Toolkit calls"
        notes.warning("control", place, said, hint=findings.nearest("", HOOKS, what="they are"))
    given = provider.get("arguments") if isinstance(provider, dict) else None
    for name in given if isinstance(given, dict) else ():
        for hook, signature in hooks.items():
            if signature is not None and not any(p.kind == ANY or p.name == name for p in signature):
                said = f"{hook} of {who} has no argument '{name}': Chaos Toolkit leaves it out without a word"
                notes.warning("argument", (*steps, "provider", "arguments", name), said)
