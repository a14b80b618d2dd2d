"""Abort: the `abort:` list of our block. Its keys are the guards there are (`runner/slo/guards/`), each read as its class says."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from runner.experiment import quantities
from runner.slo.guard import Bound, Guard, Quantity
from runner.slo.guards import GUARDS

_QUANTITIES: Mapping[Quantity, Any] = {Quantity.DURATION: quantities.Seconds, Quantity.RATIO: quantities.Ratio}


class Condition(BaseModel):
    """Exactly one condition a list item."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    alert_policies: str | None = None
    """An objective of an OpenSLO document: each burn-rate condition of its alert policies becomes a guard."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Condition:
        if len(self.model_fields_set) != 1:
            raise ValueError("one condition a list item: start a new `- ` for each")
        (key,) = self.model_fields_set
        if getattr(self, key) is None:
            raise ValueError(f"{key} is empty; write what it takes, or leave it out")
        return self

    @property
    def guard(self) -> Guard | None:
        """The guard that it asks for; None where it is `alert_policies`, which may be several."""
        (key,) = self.model_fields_set
        if key not in GUARDS:
            return None
        written, make = getattr(self, key), GUARDS[key]
        return _made(make, {make.bare: written} if make.bare else dict(_values(make, written)))


def _made(make: Callable[..., Guard], values: Mapping[str, Any]) -> Guard:
    return make(**values)


def _values(guard: type[Guard], written: BaseModel) -> Iterator[tuple[str, Any]]:
    for name in _names(guard):
        yield name, getattr(written, key_of(name))


def _names(guard: type[Guard]) -> list[str]:
    described: Any = guard  # that every guard is a dataclass, its type does not say
    return [field.name for field in fields(described)]


def key_of(field: str) -> str:
    """How a guard's field is called in the file."""
    return field.removesuffix("_s")


def _model(guard: type[Guard]) -> Any:
    """What a guard takes, for pydantic: a mapping of its keys, or its only value."""
    described: Any = guard
    hints = get_type_hints(guard, include_extras=True)
    if guard.bare:
        return _checked(hints[guard.bare])
    keys: dict[str, Any] = {
        key_of(f.name): (_checked(hints[f.name]), ... if f.default is MISSING else f.default) for f in fields(described)
    }
    return create_model(guard.__name__, __config__=Condition.model_config, __doc__=guard.__doc__, **keys)


def _checked(hint: Any) -> Any:
    """The type of a field with what our marks mean to pydantic."""
    if get_origin(hint) in (Union, UnionType):
        return functools.reduce(operator.or_, map(_checked, get_args(hint)))
    if get_origin(hint) is not Annotated:
        return hint
    found, *marks = get_args(hint)
    for mark in marks:
        if isinstance(mark, Quantity):
            found = _QUANTITIES[mark]
        elif isinstance(mark, Bound):
            found = Annotated[found, Field(gt=mark.above, ge=mark.least, lt=mark.below)]
    return found


if TYPE_CHECKING:
    AbortRule = Condition  # the keys that are guards are known at run time alone
else:
    AbortRule = create_model(
        "AbortRule",
        __base__=Condition,
        __doc__=Condition.__doc__,
        **{key: (_model(guard) | None, None) for key, guard in GUARDS.items()},
    )
