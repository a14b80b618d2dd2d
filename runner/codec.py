"""Codec: frozen dataclasses as JSON and back, so that what another process or an older version wrote is checked where it comes in.

The type hints are the schema: nested dataclasses, `tuple[X, ...]`, `tuple[X, Y]`, mappings, optionals, enums, moments, and `Any` for what
belongs to others. A key that the class does not have is ignored, for a newer version may have written it; a missing one gets its
default. Cheap to import: it is on the path before a run has started.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
Decoder = Callable[[Any], Any]


class DecodeError(ValueError):
    """What was read is not what its class declares. Says where and what was expected, never the value: it may be a secret."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = ""

    def within(self, name: str) -> DecodeError:
        """The same problem, seen from one level further out."""
        self.place = name + ("" if not self.place or self.place.startswith("[") else ".") + self.place
        return self

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" if self.place else self.problem


def encode(value: Any) -> Any:
    """Values that JSON can hold: a dataclass as an object with every field, a moment as RFC 3339 in UTC, to the microsecond.

    A word of a StrEnum stays a member of it: JSON writes it as its word, and whoever masks secrets sees that it is none.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {encode(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


def decode(kind: type[T], document: Any, at: str = "") -> T:
    """The inverse of `encode`; `at` is what the document is called in an error. Raises DecodeError."""
    declared: Any = kind  # mypy does not know that a class can be hashed
    try:
        decoded: T = _decoder(declared)(document)
    except DecodeError as error:
        raise (error.within(at) if at else error) from None
    return decoded


class OneOf(Generic[T]):
    """A closed set of dataclasses, told apart by a word: the messages of one direction, `{"say": "undone", …}`."""

    def __init__(self, key: str, kinds: Mapping[str, type[T]]) -> None:
        self.kinds = kinds
        """By the word."""
        self._key = key
        self._words = {kind: word for word, kind in kinds.items()}

    def word(self, kind: type[Any]) -> str:
        """What one of the classes is called on the wire."""
        return self._words[kind]

    def encode(self, value: T) -> dict[str, Any]:
        """The word, and every field."""
        return self.mapped(value, encode)

    def mapped(self, value: Any, each: Callable[[Any], Any]) -> dict[str, Any]:
        """The word, and what `each` makes of every field: for who has to make plain, or to mask, what others put into it."""
        return {self._key: self._words[type(value)], **{f.name: each(getattr(value, f.name)) for f in fields(value)}}

    def decode(self, document: Any, at: str = "") -> T:
        """The inverse. Raises DecodeError, for an unknown word too."""
        kind = self.kinds.get(str(document.get(self._key))) if isinstance(document, Mapping) else None
        if kind is None:
            raise DecodeError(f"expected an object with {self._key!r}: one of {', '.join(self.kinds)}").within(at)
        return decode(kind, document, at)


def with_texts(value: T, change: Callable[[str], str]) -> T:
    """The same with every text changed, for secrets to be masked: numbers, moments and words of enums are ours, and stay."""
    changed: Any = value
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        changed = change(value)
    elif isinstance(value, list | tuple):
        changed = type(value)(with_texts(item, change) for item in value)
    elif isinstance(value, Mapping):
        changed = {with_texts(key, change): with_texts(item, change) for key, item in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        changed = replace(value, **{f.name: with_texts(getattr(value, f.name), change) for f in fields(value)})
    return cast(T, changed)


@cache
def _decoder(kind: Any) -> Decoder:
    """How values of a type are read; worked out once for each type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: value
    if kind in _PLAIN:
        return _plain(kind)
    if kind is datetime:
        return _moment
    if origin is tuple:
        return _tuple(arguments)
    if origin in (types.UnionType, Union) and len(arguments) == 2 and types.NoneType in arguments:
        return _optional(next(a for a in arguments if a is not types.NoneType))
    if origin is not None and issubclass(origin, Mapping) and arguments:
        return _mapping(*arguments)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind)
    if is_dataclass(kind):
        return _object(kind)
    raise TypeError(f"the codec cannot read {kind}")


_PLAIN = {str: "a string", bool: "true or false", int: "an integer", float: "a number"}


def _plain(kind: type[Any]) -> Decoder:
    accepted = (int, float) if kind is float else (kind,)

    def read(value: Any) -> Any:
        # True is an int to Python, and a whole number of seconds is written without its point elsewhere.
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise _unexpected(_PLAIN[kind], value)
        return float(value) if kind is float else value

    return read


def _moment(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _unexpected("a moment as RFC 3339", value) from None


def _tuple(arguments: tuple[Any, ...]) -> Decoder:
    if arguments[1:] == (...,):
        each = _decoder(arguments[0])
        return lambda value: tuple(_item(each, n, item) for n, item in enumerate(_list(value)))
    decoders = [_decoder(a) for a in arguments]

    def read(value: Any) -> tuple[Any, ...]:
        if len(_list(value)) != len(decoders):
            raise DecodeError(f"expected {len(decoders)} items, found {len(value)}")
        return tuple(_item(one, n, item) for n, (one, item) in enumerate(zip(decoders, value, strict=True)))

    return read


def _list(value: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _unexpected("a list", value)
    return value


def _item(decoder: Decoder, number: int, value: Any) -> Any:
    try:
        return decoder(value)
    except DecodeError as error:
        raise error.within(f"[{number}]") from None


def _optional(kind: Any) -> Decoder:
    inner = _decoder(kind)
    return lambda value: None if value is None else inner(value)


def _mapping(key: Any, item: Any) -> Decoder:
    of_key, of_item = _decoder(key), _decoder(item)

    def read(value: Any) -> dict[Any, Any]:
        found = {}
        for name, one in _object_of(value).items():
            try:
                found[of_key(name)] = of_item(one)
            except DecodeError as error:
                raise error.within(str(name)) from None
        return found

    return read


def _object_of(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise _unexpected("an object", value)
    return value


def _enum(kind: type[Enum]) -> Decoder:
    members = {member.value: member for member in kind}

    def read(value: Any) -> Enum:
        try:
            return members[value]
        except (KeyError, TypeError):
            words = ", ".join(map(str, members))
            raise DecodeError(f"expected one of: {words}; found {value!r}") from None

    return read


def _object(kind: Any) -> Decoder:
    hints = get_type_hints(kind)
    taken = [field for field in fields(kind) if field.init]
    decoders = {field.name: _decoder(hints[field.name]) for field in taken}
    required = {f.name for f in taken if f.default is MISSING and f.default_factory is MISSING}

    def read(value: Any) -> Any:
        document, found = _object_of(value), {}
        for name, decoder in decoders.items():
            try:
                if name in document:
                    found[name] = decoder(document[name])
                elif name in required:
                    raise DecodeError("is missing")
            except DecodeError as error:
                raise error.within(name) from None
        return kind(**found)

    return read


_FOUND = {type(None): "null", bool: "true or false", int: "a number", float: "a number", str: "a string"}


def _unexpected(expected: str, value: Any) -> DecodeError:
    found = "an object" if isinstance(value, Mapping) else _FOUND.get(type(value), "a list")
    return DecodeError(f"expected {expected}, found {found}")
