"""Written: an experiment as YAML text, as a person would lay it out; what is short stands on one line."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.experiment import scalars

WIDTH = 110
_PLAIN = re.compile(r"-{0,2}[A-Za-z/][A-Za-z0-9_./@%+=-]*( [A-Za-z0-9_./@%+=()-]+)*|[0-9]+[a-z]{1,4}|[0-9]+%", re.ASCII)
"""Texts that mean themselves wherever they stand, in a flow collection too."""


def experiment(document: Mapping[str, Any], head: Sequence[str], comments: Sequence[str]) -> str:
    """The whole file: comments at its head, a blank line between its sections, comments at the end of the last one."""
    sections = ["\n".join(_entry(key, value, 0, top=True)) for key, value in document.items()]
    apart = [("\n" if number >= 3 else "") + section for number, section in enumerate(sections)]
    top, end = ([_one_line(line) for line in lines] for lines in (head, comments))
    return "\n".join([*(f"# {line}" for line in top), *apart, *(f"    {line}" for line in end)]) + "\n"


def _one_line(text: str) -> str:
    """A comment that ends where its line does, whatever was put into it."""
    return "".join(c if c.isprintable() else " " for c in text)


def yaml(value: Any) -> str:
    """Any value of plain Python as YAML."""
    return "\n".join(_block(value, 0)) + "\n"


def _entry(key: Any, value: Any, indent: int, *, top: bool = False) -> Iterator[str]:
    lead = " " * indent + f"{_scalar(key)}:"
    if isinstance(value, str) and (folded := _folded(value, indent + 2)):
        yield f"{lead} >-"
        yield from folded
    elif _is_short(value, indent) and not (top and _is_list_of_mappings(value)):
        yield f"{lead} {_flow(value)}"
    else:
        yield lead
        yield from _block(value, indent + 2)


def _block(value: Any, indent: int) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _entry(key, inner, indent)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _item(inner, indent)
    else:
        yield " " * indent + _flow(value)


def _item(value: Any, indent: int) -> Iterator[str]:
    if not isinstance(value, dict | list) or (_is_short(value, indent) and not _is_named(value)):
        yield " " * indent + f"- {_flow(value)}"
        return
    first, *others = _block(value, indent + 2)
    yield " " * indent + "- " + first[indent + 2 :]
    yield from others


def _is_short(value: Any, indent: int) -> bool:
    """Whether it stands on one line: whatever is single, and small collections of such."""
    if not isinstance(value, dict | list):
        return True
    simple = _depth(value) <= 3 and "provider" not in list(value)
    return simple and indent + len(_flow(value)) < WIDTH


def _is_named(value: Any) -> bool:
    """An activity or our block: always laid out."""
    return isinstance(value, dict) and "name" in value and ("provider" in value or value["name"] == "chaos-run")


def _is_list_of_mappings(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, dict) for one in value)


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max((_depth(one) for one in inner), default=0)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    return _scalar(value)


def _folded(text: str, indent: int) -> list[str]:
    """A long sentence over several lines, where folding gives it back as it was; else nothing."""
    if len(text) < WIDTH or not text.isprintable() or text != " ".join(text.split()):
        return []
    lines = textwrap.wrap(text, 118 - indent, break_long_words=False, break_on_hyphens=False)
    return [" " * indent + line for line in lines]


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else str(value)
    return text if _PLAIN.fullmatch(text) and _means_itself(text) else quoted(text)


def _float(value: float) -> str:
    if value != value:
        return ".nan"
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)  # 1e+16 has no point and would be text
    mantissa, e, exponent = text.partition("e")
    return text if not e else f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}"


def _means_itself(text: str) -> bool:
    try:
        return bool(scalars.plain(text) == text)
    except ValueError:
        return False


def quoted(text: str) -> str:
    """In double quotes, with what does not print escaped as YAML escapes it."""
    return "".join(c if c.isprintable() else _escaped(c) for c in json.dumps(text, ensure_ascii=False))


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
