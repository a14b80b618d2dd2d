"""Fields: a document of another tool, read so that what becomes of each value is known; what nobody takes is lost, and said to be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any, Literal, NoReturn

from runner.experiment.findings import BrokenExperiment, FileFinding
from runner.experiment.notes import described
from runner.experiment.source import ExperimentText, Steps

Kind = Literal["lost", "changed", "stays", "assumed"]
"""It is not in the experiment; it means something a little different there; it stays in the other tool, which obeys it; or it is not in
the file, and the experiment needs it."""
UNKNOWN = "nothing here reads this field"
EMPTY = "it is empty"
_PLAIN_KEY = re.compile(r"[\w-]+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What became of one field that is not in the experiment as it was."""

    kind: Kind
    path: str
    value: Any
    why: str
    file: str
    line: int
    column: int

    def to_json(self) -> dict[str, Any]:
        """As the report has it; what JSON has no form for is text."""
        return asdict(self)


@dataclass(frozen=True)
class _Fate:
    kind: Literal["kept"] | Kind
    why: str = ""


class Account:
    """What became of the values of one document. Mutable: a converter writes into it by its fields."""

    def __init__(self, text: ExperimentText) -> None:
        self.text = text
        self.root = Field(self, (), text.tree)
        self._fates: dict[Steps, _Fate] = {}
        self._assumed: list[tuple[Steps, Loss]] = []

    def note(self, steps: Steps, fate: _Fate) -> None:
        """The last word on a value counts."""
        self._fates[steps] = fate

    def assume(self, steps: Steps, value: Any, why: str) -> None:
        """A value that the file does not give; it is placed where it would have stood."""
        self._assumed.append((steps, self._loss("assumed", steps, value, why)))

    def losses(self) -> list[Loss]:
        """Everything that is not in the experiment as it was, in the order of the file."""
        assumed = [loss for steps, loss in self._assumed if not self._is_lost(steps)]
        found = [*self._walk((), self.text.tree), *assumed]
        return sorted(found, key=lambda loss: (loss.line, loss.column))

    def kept(self) -> int:
        """How many values are in the experiment as they were."""
        return sum(_count(_at(self.text.tree, steps)) for steps, fate in self._fates.items() if fate.kind == "kept")

    def finding(self, steps: Steps, message: str, hint: str | None = None) -> FileFinding:
        """An error at a value."""
        return self.text.finding("error", "convert", steps, message, hint=hint, key=True)

    def _is_lost(self, steps: Steps) -> bool:
        above = (self._fates.get(steps[:length]) for length in range(len(steps) + 1))
        return any(fate is not None and fate.kind == "lost" for fate in above)

    def _walk(self, steps: Steps, value: Any) -> Iterator[Loss]:
        fate = self._fates.get(steps)
        if fate is not None:
            if fate.kind != "kept":
                yield self._loss(fate.kind, steps, value, fate.why)
        elif not any(known[: len(steps)] == steps for known in self._fates):
            yield self._loss("lost", steps, value, EMPTY if value in (None, "", [], {}) else UNKNOWN)
        else:
            for step, inner in _children(value):
                yield from self._walk((*steps, step), inner)

    def _loss(self, kind: Kind, steps: Steps, value: Any, why: str) -> Loss:
        place = self.text.finding("warning", kind, steps, why, key=True)
        return Loss(
            kind=kind,
            path=shown(steps),
            value=deepcopy(value),
            why=why,
            file=self.text.path,
            line=place.line,
            column=place.column,
        )


class Field:
    """One value of the document, or a place where it has none; whoever uses it says what becomes of it."""

    __slots__ = ("_account", "steps", "value")

    def __init__(self, account: Account, steps: Steps, value: Any) -> None:
        self._account, self.steps, self.value = account, steps, value

    def __getitem__(self, key: str) -> Field:
        """What a mapping holds under a key; of what is not there, nothing. Raises BrokenExperiment for another kind of value."""
        if self.value is not None and not isinstance(self.value, dict):
            self.refuse(f"{self.path or 'the document'} has to be a mapping, not {described(self.value)}")
        return Field(self._account, (*self.steps, key), (self.value or {}).get(key))

    def __bool__(self) -> bool:
        """Whether there is something in it; zero and false are something."""
        return self.value not in (None, "", [], {})

    @property
    def path(self) -> str:
        return shown(self.steps)

    @property
    def key(self) -> Any:
        return self.steps[-1] if self.steps else ""

    def items(self) -> list[Field]:
        """What a list holds. Raises BrokenExperiment for another kind of value."""
        if self.value is not None and not isinstance(self.value, list):
            self.refuse(f"{self.path} has to be a list, not {described(self.value)}")
        return [Field(self._account, (*self.steps, n), item) for n, item in enumerate(self.value or [])]

    def fields(self) -> list[Field]:
        """What a mapping holds. Raises BrokenExperiment for another kind of value."""
        if not isinstance(self.value, dict):
            return [self["*"]][:0]
        return [self[key] for key in self.value]

    def take(self, *, but: Iterable[str] = ()) -> Any:
        """It is in the experiment as it stands here, but for some keys of a mapping."""
        if not but:
            self._mark("kept")
            return deepcopy(self.value)
        return {field.key: field.take() for field in self.fields() if field.key not in but}

    def text(self) -> str:
        """It is in the experiment as text; "" where there is nothing. Raises BrokenExperiment for a list or a mapping."""
        return _text(self, self.take()) if self.value is not None else ""

    def number(self) -> float | None:
        """It is in the experiment as a number; None where there is nothing. Raises BrokenExperiment for what is none."""
        if not self:
            return None
        try:
            found = float(_text(self, self.take()))
        except ValueError:
            self.refuse(f"{self.path} has to be a number, not {described(self.value)}")
        return int(found) if found.is_integer() else found

    def number_or(self, value: float, why: str) -> float:
        """The same; where there is nothing, a value that is assumed, and why."""
        found = self.number()
        return float(self.assume(value, why)) if found is None else found

    def lose(self, why: str) -> None:
        """It is not in the experiment, and this is why."""
        self._mark("lost", why)

    def change(self, why: str) -> Any:
        """It is in the experiment, and means something a little different there."""
        self._mark("changed", why)
        return deepcopy(self.value)

    def leave(self, why: str) -> None:
        """It stays where it is, in the other tool, which obeys it."""
        self._mark("stays", why)

    def assume(self, value: Any, why: str) -> Any:
        """There is nothing here, and the experiment needs this."""
        self._account.assume(self.steps, value, why)
        return value

    def refuse(self, message: str, hint: str | None = None) -> NoReturn:
        """Raises BrokenExperiment: the document cannot be converted because of this value."""
        raise BrokenExperiment([self._account.finding(self.steps, message, hint)])

    def _mark(self, kind: Literal["kept"] | Kind, why: str = "") -> None:
        if _is_there(self._account.text.tree, self.steps):
            self._account.note(self.steps, _Fate(kind, why))


def shown(steps: Steps) -> str:
    """A path as people write it: `spec.experiments[0].spec.probe[1]."httpProbe/inputs".url`."""
    parts = (
        f"[{s}]" if isinstance(s, int) else f".{s if _PLAIN_KEY.fullmatch(str(s)) else json.dumps(str(s))}"
        for s in steps
    )
    return "".join(parts).removeprefix(".")


def _text(field: Field, value: Any) -> str:
    if isinstance(value, dict | list):
        field.refuse(f"{field.path} has to be text, not {described(value)}")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _children(value: Any) -> Iterator[tuple[Any, Any]]:
    return iter(value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()))


def _at(tree: Any, steps: Steps) -> Any:
    for step in steps:
        tree = tree[step]
    return tree


def _count(value: Any) -> int:
    """How many single values there are in one."""
    return sum(_count(inner) for _, inner in _children(value)) or 1


def _is_there(tree: Any, steps: Steps) -> bool:
    for step in steps:
        if not (isinstance(tree, dict) and step in tree) and not (isinstance(tree, list) and step < len(tree)):
            return False
        tree = tree[step]
    return True
