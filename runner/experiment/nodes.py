"""Node: one value of a parsed file with its place; YAML and JSON become the same tree of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runner.experiment import scalars

Where = tuple[int, int]
"""Line and column, from 0."""
LIMIT = 25_000
"""More values than this, with aliases spelt out, is no experiment; so many are read in about a second."""


class Unreadable(Exception):
    """The text is not what its format allows; `other` is a second place that belongs to it."""

    def __init__(self, message: str, at: Where, *, other: Where | None = None, rule: str = "syntax") -> None:
        super().__init__(message)
        self.message, self.at, self.other, self.rule = message, at, other, rule


@dataclass(eq=False, slots=True)
class Node:
    """`value` is plain Python; `items` holds the children of a mapping by key and of a list by index."""

    value: Any
    start: Where
    end: Where
    items: dict[Any, Node] = field(default_factory=dict)
    keys: dict[Any, Node] = field(default_factory=dict)
    """The key nodes of a mapping: where each key stands."""
    size: int = 1
    """How many values there are from here on, with aliases spelt out."""
    closed: bool = True
    aliased: bool = False
    """Whether some of these values are an alias of others."""

    def put(self, key: Node, child: Node) -> None:
        """Add an entry to a mapping. Raises Unreadable for a key that is there already or cannot be one."""
        if isinstance(key.value, list | dict):
            raise Unreadable("a key has to be a plain value, not a list or a mapping", key.start)
        if key.value in self.keys:
            before = self.keys[key.value].start
            raise Unreadable(
                f"the key {key.value!r} is here twice: line {before[0] + 1} has it already; the parser of Chaos Toolkit "
                "would silently take the last one",
                key.start,
                other=before,
                rule="duplicate-key",
            )
        self.keys[key.value] = key
        self._take(key.value, child)

    def append(self, child: Node) -> None:
        """Add an item to a list."""
        self.value.append(child.value)
        self.items[len(self.items)] = child
        self._grow(child)

    def inherit(self, other: Node) -> None:
        """YAML's `<<`: take what is not there yet; the inherited entries come first, as in PyYAML."""
        if not isinstance(other.value, dict):
            raise Unreadable("`<<` merges a mapping or a list of mappings, nothing else", other.start)
        own, keys, items = dict(self.value), dict(self.keys), dict(self.items)
        for mine, theirs, first in (
            (self.value, other.value, own),
            (self.keys, other.keys, keys),
            (self.items, other.items, items),
        ):
            mine.clear()
            mine.update({**theirs, **first})
        self.size += other.size

    def _take(self, key: Any, child: Node) -> None:
        self.value[key] = child.value
        self.items[key] = child
        self._grow(child)

    def _grow(self, child: Node) -> None:
        self.size += child.size
        self.aliased = self.aliased or child.aliased
        if self.size > LIMIT:
            raise too_many(child.start, aliased=self.aliased)


def too_many(at: Where, *, aliased: bool = False) -> Unreadable:
    """What is said of a text that holds more values than anybody would write."""
    spelt = "with its aliases spelt out " if aliased else ""
    return Unreadable(f"{spelt}the file holds more than {LIMIT:,} values: it cannot be an experiment", at)


def from_yaml(text: str) -> Iterator[Node]:
    """The documents of a YAML text. Raises Unreadable."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    try:
        yield from _Builder(reader.parse(text)).documents()
    except MarkedYAMLError as problem:
        raise _explained(problem) from None
    except YAMLError as problem:
        raise Unreadable(str(problem).splitlines()[0], (0, 0)) from None


def _explained(problem: Any) -> Unreadable:
    """ruamel.yaml's complaint; what ends too early is placed where it began, for its end is everywhere."""
    said = problem.problem or ""
    ended = problem.context_mark and re.search(r"'<(stream|document) end>'|end of stream", said)
    mark = problem.context_mark if ended else problem.problem_mark or problem.context_mark
    parts = [part for part in (problem.context, problem.problem) if part]
    if said.endswith("got '?'"):
        parts.append("which has to stand in quotes here")
    return Unreadable(", ".join(parts) or "not YAML", _at(mark) if mark else (0, 0))


class _Builder:
    """Turns the events of ruamel.yaml into nodes; scalars are read as PyYAML would."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.anchors: dict[str, Node] = {}

    def documents(self) -> Iterator[Node]:
        size = 0
        for event in self.events:
            if type(event).__name__ == "DocumentStartEvent":
                self.anchors = {}
                node = self._node(next(self.events))
                if (size := size + node.size) > LIMIT:
                    raise too_many(node.start)
                yield node

    def _node(self, event: Any) -> Node:
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event)
        if kind == "ScalarEvent":
            return self._name(event, Node(_scalar(event), _at(event.start_mark), _at(event.end_mark)))
        if kind == "SequenceStartEvent":
            return self._sequence(event)
        return self._mapping(event)

    def _name(self, event: Any, node: Node) -> Node:
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            raise Unreadable(f"there is no anchor &{event.anchor} above", _at(event.start_mark))
        if not node.closed:
            raise Unreadable(f"*{event.anchor} stands inside of what it names: that never ends", _at(event.start_mark))
        node.aliased = True
        return node

    def _sequence(self, event: Any) -> Node:
        _only(event, "seq")
        node = self._name(event, Node([], _at(event.start_mark), _at(event.end_mark), closed=False))
        while type(item := next(self.events)).__name__ != "SequenceEndEvent":
            node.append(self._node(item))
        node.closed = True
        return node

    def _mapping(self, event: Any) -> Node:
        _only(event, "map")
        node = self._name(event, Node({}, _at(event.start_mark), _at(event.end_mark), closed=False))
        inherited: list[Node] = []
        while type(item := next(self.events)).__name__ != "MappingEndEvent":
            merges = _is_merge(item)
            key, child = self._node(item), self._node(next(self.events))
            if not merges:
                node.put(key, child)
            elif isinstance(child.value, list):
                inherited.extend(child.items.values())
            else:
                inherited.append(child)
        for other in inherited:
            node.inherit(other)
        node.closed = True
        return node


def _is_merge(event: Any) -> bool:
    return type(event).__name__ == "ScalarEvent" and event.value == "<<" and event.style is None and event.implicit[0]


def _at(mark: Any) -> Where:
    return mark.line, mark.column


def _tag(event: Any) -> str | None:
    return None if event.ctag is None else str(event.ctag)


def _only(event: Any, kind: str) -> None:
    tag = _tag(event)
    if tag not in (None, "!", scalars.TAG + kind):
        raise Unreadable(f"the tag {tag} is not known here", _at(event.start_mark))


def _scalar(event: Any) -> Any:
    tag = _tag(event)
    try:
        if tag in (None, "!"):
            return scalars.plain(event.value) if tag or event.implicit[0] else event.value
        return scalars.tagged(str(tag), event.value)
    except KeyError:
        raise Unreadable(f"the tag {tag} is not known here", _at(event.start_mark)) from None
    except ValueError as problem:
        raise Unreadable(f"{event.value!r} cannot be read: {problem}", _at(event.start_mark)) from None


_TOKEN = re.compile(r'[ \t\r\n]*("(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+)', re.DOTALL)


def from_json(text: str) -> Node:
    """The value of a JSON text. Raises Unreadable."""
    try:
        json.loads(text)
    except json.JSONDecodeError as problem:
        raise Unreadable(f"not JSON: {problem.msg}", (problem.lineno - 1, problem.colno - 1)) from None
    except RecursionError:
        raise Unreadable("nested too deeply", (0, 0)) from None
    return _Tokens(text).node()


class _Tokens:
    """Reads JSON that is known to be valid once more, for the places."""

    def __init__(self, text: str) -> None:
        self.tokens = [(match[1], match.start(1)) for match in _TOKEN.finditer(text)]
        self.breaks = [i for i, c in enumerate(text) if c == "\n"]
        self.next = 0

    def node(self) -> Node:
        token, offset = self._take()
        at = self._where(offset)
        if token not in "[{":
            return Node(json.loads(token), at, (at[0], at[1] + len(token)))
        node = Node([] if token == "[" else {}, at, (at[0], at[1] + 1))
        while self.tokens[self.next][0] not in ("]", "}"):
            if self.tokens[self.next][0] == ",":
                self._take()
            elif token == "[":
                node.append(self.node())
            else:
                key = self.node()
                self._take()
                node.put(key, self.node())
        self._take()
        return node

    def _take(self) -> tuple[str, int]:
        self.next += 1
        return self.tokens[self.next - 1]

    def _where(self, offset: int) -> Where:
        from bisect import bisect_left

        line = bisect_left(self.breaks, offset)
        return line, offset - (self.breaks[line - 1] + 1 if line else 0)
