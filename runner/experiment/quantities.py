"""The quantities of units.py as pydantic fields: strings in the file, floats in the model."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from runner import units

_BEYOND = 1e15


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not a duration; write for example 30s or 2m")
    return _finite(value) if isinstance(value, int | float) else units.parse_duration(value)


def _ratio(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not a ratio; write for example 99.9% or 0.999")
    if isinstance(value, int | float) and 1 < value <= 100:
        raise ValueError(f"{value} is outside 0 to 1; did you mean {value}%?")
    return units.parse_ratio(str(value))


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not a rate; write for example 50/s")
    return _finite(value) if isinstance(value, int | float) else units.parse_rate(value)


def _finite(number: float) -> float:
    """Raises ValueError for what is beyond any quantity; a whole number in YAML has no largest."""
    if not abs(number) < _BEYOND:
        raise ValueError("the number is too large: less than 1e15 it has to be")
    return float(number)


_DURATION_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d|w) ?)+$"}]
}
_RATIO_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "pattern": r"^\d+(\.\d+)?%?$"}]
}
_RATE_SCHEMA = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)? ?/ ?(s|m|h)$"}]
}

Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0), WithJsonSchema(_DURATION_SCHEMA)]
"""A duration: `30s`, `1m30s`, or a number of seconds."""
Ratio = Annotated[float, BeforeValidator(_ratio), Field(ge=0, le=1), WithJsonSchema(_RATIO_SCHEMA)]
"""A ratio: `99.9%` or `0.999`."""
Rate = Annotated[float, BeforeValidator(_rate), Field(gt=0), WithJsonSchema(_RATE_SCHEMA)]
"""Events a second: `50/s`, `600/m`."""
