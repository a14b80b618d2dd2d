"""Guards: every condition that `abort:` knows, one file a guard. A file that is put here is a guard: nothing else lists them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType

from runner.slo.guard import Guard


def _classes(module: ModuleType) -> Iterator[type[Guard]]:
    """The guards that a file defines, and not those that it imports."""
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, Guard) and found.__module__ == module.__name__:
            yield found


def _registered() -> dict[str, type[Guard]]:
    found: dict[str, type[Guard]] = {}
    for file in sorted(pkgutil.iter_modules(__path__), key=lambda f: f.name):
        for guard in _classes(importlib.import_module(f"{__name__}.{file.name}")):
            if found.setdefault(guard.key, guard) is not guard:
                raise TypeError(
                    f"two guards are called {guard.key!r}: {found[guard.key].__module__}, {guard.__module__}"
                )
    return found


GUARDS: Mapping[str, type[Guard]] = _registered()
"""By their key in the file."""
