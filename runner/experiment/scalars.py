"""Plain scalars as YAML 1.1 and so Chaos Toolkit's PyYAML reads them: `yes` is true, `012` is ten, `1:30` is ninety, `1e3` is text."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

TAG = "tag:yaml.org,2002:"

_TRUE = {spelt for word in ("yes", "true", "on") for spelt in (word, word.capitalize(), word.upper())}
_FALSE = {spelt for word in ("no", "false", "off") for spelt in (word, word.capitalize(), word.upper())}
_NULL = {"", "~", "null", "Null", "NULL"}
_FLOAT = re.compile(
    r"""[-+]?\d[\d_]*\.[\d_]*(?:[eE][-+]\d+)?
      | \.\d[\d_]*(?:[eE][-+]\d+)?
      | [-+]?\d[\d_]*(?::[0-5]?\d)+\.[\d_]*
      | [-+]?\.(?:inf|Inf|INF)
      | \.(?:nan|NaN|NAN)""",
    re.VERBOSE | re.ASCII,
)
_INT = re.compile(
    r"[-+]?(?:0b[01_]+|0[0-7_]+|0x[0-9a-fA-F_]+|[1-9][\d_]*(?::[0-5]?\d)+|0|[1-9][\d_]*)",
    re.ASCII,
)
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_MOMENT = re.compile(
    r"""(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?
        (?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?""",
    re.VERBOSE | re.ASCII,
)


def plain(text: str) -> Any:
    """The value of a scalar that stands without quotes and without a tag. Raises ValueError for an impossible date."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    for pattern, convert in ((_FLOAT, _float), (_INT, _int), (_DAY, _day), (_MOMENT, _moment)):
        if pattern.fullmatch(text):
            return convert(text)
    return text


def tagged(tag: str, text: str) -> Any:
    """The value of a scalar with an explicit tag. Raises ValueError for what cannot be read so, KeyError for other tags."""
    return _TAGGED[tag.removeprefix(TAG) if tag.startswith(TAG) else tag](text)


def _signed(text: str) -> tuple[int, str]:
    bare = text.replace("_", "")
    return (-1 if bare.startswith("-") else 1), bare.lstrip("+-")


def _int(text: str) -> int:
    sign, digits = _signed(text)
    if ":" in digits:
        return sign * int(_sexagesimal(digits, int))
    if digits.startswith(("0b", "0x")):
        return sign * int(digits, 0)
    return sign * int(digits, 8 if digits.startswith("0") and digits != "0" else 10)


def _float(text: str) -> float:
    sign, digits = _signed(text.lower())
    if digits == ".inf":
        return sign * math.inf
    if digits == ".nan":
        return math.nan
    return sign * (_sexagesimal(digits, float) if ":" in digits else float(digits))


def _sexagesimal(digits: str, number: Callable[[str], float]) -> float:
    total: float = 0
    for part in digits.split(":"):
        total = total * 60 + number(part)
    return total


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _moment(text: str) -> datetime:
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a moment")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, zone, sign, hours, minutes = match.groups()[6:]
    moment = datetime(year, month, day, hour, minute, second, int((fraction or "")[:6].ljust(6, "0")))  # noqa: DTZ001
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return moment.replace(tzinfo=timezone(-offset if sign == "-" else offset))
    return moment.replace(tzinfo=UTC) if zone else moment


def _bool(text: str) -> bool:
    if text.lower() not in {word.lower() for word in _TRUE | _FALSE}:
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in _TRUE


def _timestamp(text: str) -> date:
    return _day(text) if _DAY.fullmatch(text) else _moment(text)


_TAGGED: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "null": lambda text: None,
    "timestamp": _timestamp,
    "binary": lambda text: base64.b64decode(text.encode("ascii")),
}
