"""Modules: which functions a Python module offers and what they take, read from its text where that is certain, else imported.

A module is imported in a process of its own: it may print, hang or exit. Nothing but a text that is beyond doubt spares it,
and only of extensions that are published as packages: whether somebody's own module can be imported, only an import tells.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

IMPORT_S = 30.0
"""How long an import may take."""
POSITIONAL, PLAIN, REST, NAMED, ANY = "positional", "plain", "rest", "named", "any"
_KINDS = dict(zip(inspect._ParameterKind, (POSITIONAL, PLAIN, REST, NAMED, ANY), strict=True))


@dataclass(frozen=True)
class Parameter:
    """One of a function, by kind: POSITIONAL only, PLAIN, REST (*args), NAMED only, ANY (**kwargs)."""

    name: str
    kind: str
    required: bool


Signature = tuple[Parameter, ...] | None
"""None where a function does not say what it takes, as some that are written in C."""


@dataclass(frozen=True, kw_only=True)
class ModuleFunctions:
    """What a module offers to Chaos Toolkit: the functions that `inspect` takes for such."""

    functions: Mapping[str, Signature] = field(default_factory=dict)
    problem: str = ""
    """Why it cannot be imported; then there are no functions."""
    absent: str = ""
    """Of that problem: the module that is not there, be it this one or one that it needs."""


@cache
def offer(module: str, function: str) -> ModuleFunctions:
    """What a module offers; of one whose text is beyond doubt the one function alone."""
    if module in sys.modules and module.partition(".")[0] in sys.stdlib_module_names:
        return ModuleFunctions(functions=dict(functions(sys.modules[module], function)))
    signature = _written(module, function)
    return ModuleFunctions(functions={function: signature}) if signature is not None else _imported(module)


def inside(package: str) -> list[str]:
    """The modules that lie in a package, by the names of their files."""
    folders = _where(package) or []
    return sorted(
        {p.stem for f in folders for p in Path(f).iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    )


def functions(module: Any, only: str | None = None) -> Iterator[tuple[str, Signature]]:
    """Every function of an imported module that Chaos Toolkit can call, with its signature; with `only` that one's alone."""
    for name, value in inspect.getmembers(module, lambda v: inspect.isfunction(v) or inspect.isbuiltin(v)):
        yield name, _signature(value) if only in (None, name) else None


def _signature(function: Any) -> Signature:
    try:
        found = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return None
    return tuple(Parameter(p.name, _KINDS[p.kind], p.default is p.empty and p.kind in _NEEDED) for p in found)


_NEEDED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


def _written(module: str, function: str) -> Signature:
    """The signature as it stands in the text of a published extension; None where the text leaves a doubt."""
    from runner.experiment.activities import EXTENSIONS

    text = _text(module) if module.partition(".")[0] in EXTENSIONS else None
    if text is None:
        return None
    bound = [node for node in ast.parse(text).body if _binds(node, function)]
    only = bound[0] if len(bound) == 1 else None
    plain = isinstance(only, ast.FunctionDef | ast.AsyncFunctionDef) and not only.decorator_list
    return tuple(_parameters(only.args)) if plain else None  # type: ignore[union-attr]


def _text(module: str) -> str | None:
    """The source of a module, found as the import finds it, without importing the packages that it lies in."""
    spec = _spec(module)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    try:
        return Path(spec.origin).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _spec(module: str) -> ModuleSpec | None:
    above, _, _ = module.rpartition(".")
    where = _where(above) if above else [*sys.path, str(Path.cwd())]
    return PathFinder.find_spec(module, where) if where else None


def _where(package: str) -> list[str] | None:
    """The folders of a package; None where there is none."""
    spec = _spec(package) if package else None
    return list(spec.submodule_search_locations or ()) if spec else None


def _binds(node: ast.stmt, name: str) -> bool:
    """Whether a statement of a module may give that name a value."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == name
    imported = {a.asname or a.name.partition(".")[0] for a in getattr(node, "names", ()) if isinstance(a, ast.alias)}
    inner = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store | ast.Del)}
    defined = {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    return name in imported | inner | defined or "*" in imported


def _parameters(given: ast.arguments) -> Iterator[Parameter]:
    plain = [*given.posonlyargs, *given.args]
    free = len(plain) - len(given.defaults)
    for number, argument in enumerate(plain):
        kind = POSITIONAL if number < len(given.posonlyargs) else PLAIN
        yield Parameter(argument.arg, kind, number < free)
    if given.vararg:
        yield Parameter(given.vararg.arg, REST, False)
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield Parameter(argument.arg, NAMED, default is None)
    if given.kwarg:
        yield Parameter(given.kwarg.arg, ANY, False)


@cache
def _imported(module: str) -> ModuleFunctions:
    """By a process of its own that imports it as the run would."""
    import subprocess  # for nobody else

    command = [sys.executable, "-P", "-m", "runner.experiment.importing", module]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=IMPORT_S, check=False)
    except subprocess.TimeoutExpired:
        return ModuleFunctions(problem=f"its import did not end within {IMPORT_S:g} s")
    try:
        told = json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return ModuleFunctions(
            problem=lines[-1] if lines else f"its import ended the process with exit code {done.returncode}"
        )
    found = {name: known and tuple(Parameter(*p) for p in known) for name, known in told["functions"].items()}
    return ModuleFunctions(functions=found, problem=told["problem"], absent=told["absent"])
