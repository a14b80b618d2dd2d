"""Asked: what a person asked of a run besides its file, kept so that the same can be asked again; and its labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_LABELS = 20
LONGEST_LABEL = 200
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,62}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The options of one run. Values that are secrets are masked, and of secret variables there are the names only."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    """`--var` and `--var-file`, by name."""
    var_files: tuple[str, ...] = ()
    secret_variables: tuple[str, ...] = ()
    kubeconfig: str | None = None
    context: str | None = None
    """As asked for; the one that was struck stands in the record."""
    namespace: str | None = None
    playground: bool = False
    no_cluster: bool = False
    settings: str | None = None
    seed: int | None = None
    """From which random choices were drawn; one that nobody asked for was made up."""
    pins: tuple[str, ...] = ()
    """Targets that a person has named."""
    rerun_of: str = ""
    """The run that it repeats."""
    cwd: str = ""
    """Where it was started: the paths above are found from there."""


def labels(given: Iterable[str]) -> dict[str, str]:
    """`key=value` of each text. Raises ValueError for what is none, and for a key with two values."""
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not _KEY.fullmatch(key) or not value.strip():
            raise ValueError(f"{text!r} is not a label; write for example team=checkout")
        if len(value) > LONGEST_LABEL or not value.isprintable():
            raise ValueError(f"the value of the label {key} is no single line of at most {LONGEST_LABEL} characters")
        if found.setdefault(key, value.strip()) != value.strip():
            raise ValueError(f"the label {key} has two values: {found[key]} and {value.strip()}")
    if len(found) > MOST_LABELS:
        raise ValueError(f"{len(found)} labels, of which {MOST_LABELS} are kept at most")
    return found
