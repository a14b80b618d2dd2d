"""Commands: what a program, or code that starts one, would execute, as a shell reads it: without quotes, and scripts in scripts too."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from runner.faults.driver import Provider

DEEPEST = 6
"""How many scripts inside of each other are read: `sh -c "sh -c '…'"` are two."""
_APART = ";()<>|&\n"
_SCRIPT = re.compile(r"[\s;()|&'\"`]")
"""What a word has that is more than a word."""


class Command(NamedTuple):
    """One command, after the words of those that start it: `sudo sh -c kubectl get pods`."""

    words: tuple[str, ...]
    own: int
    """Where its own words begin."""


def of(provider: Provider) -> list[Command]:
    """All commands that the arguments of a provider hold, as deep as they stand in scripts of others."""
    given = provider.get("arguments")
    if provider.get("type") != "process":
        return _of_values(given, replaces=provider.get("module") == "subprocess")
    path = str(provider.get("path"))
    if isinstance(given, str):  # Chaos Toolkit gives such a line to a shell
        return _of_text(f"{path} {given}", 0)
    return _of_words([path, *_flat(given)], 0)


def _of_values(given: Any, *, replaces: bool) -> list[Command]:
    """Of a function's arguments. An `env` is around the rest of them, for `subprocess` in the place of all that was."""
    if isinstance(given, str):
        return _of_text(given, 0)
    if not isinstance(given, Mapping):
        return _of_words([*_flat(given)], 0)
    env = given.get("env")
    found = [
        c
        for v in given.values()
        if v is not env or not isinstance(v, Mapping)
        for c in _of_values(v, replaces=replaces)
    ]
    if not isinstance(env, Mapping):
        return found
    around = (*(("env", "-i") if replaces else ()), *(f"{k}={v}" for k, v in env.items()))
    return [_behind(around, command) for command in found]


def _of_text(text: str, depth: int) -> list[Command]:
    found: list[Command] = []
    command: list[str] = []
    for token in (*_tokens(text), ";"):
        if not token or set(token) - set(_APART):
            command.append(token)
        elif "(" in token or not set(token) & set("<>"):
            found += _of_words(command, depth)
            command = []
    return found


def _of_words(words: Sequence[str], depth: int) -> list[Command]:
    """The command, and those of each of its words that is a script."""
    if not words:
        return []
    found = [Command(tuple(words), 0)]
    for index, word in enumerate(words) if depth < DEEPEST else ():
        if _SCRIPT.search(word):
            found += [_behind(tuple(words[:index]), inner) for inner in _of_text(word, depth + 1)]
    return found


def _behind(before: tuple[str, ...], command: Command) -> Command:
    return Command((*before, *command.words), len(before) + command.own)


_COMMENT = re.compile(r"(?m)^[ \t]*#.*$")


def _tokens(text: str) -> list[str]:
    text = _COMMENT.sub("", text).replace("\\\n", " ").replace("`", " ; ")
    lexer = shlex.shlex(text, posix=True, punctuation_chars=_APART)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        return list(lexer)
    except ValueError:  # quotes that never end: better too many words than none
        return re.findall(r"[;()<>|&\n]+|[^\s;()<>|&]+", re.sub(r"['\"\\]", "", text))


def _flat(given: Any) -> Iterator[str]:
    """Every value as a word, in the order in which a program gets them."""
    if isinstance(given, Mapping):
        given = [part for pair in given.items() for part in pair]
    if isinstance(given, list | tuple):
        for part in given:
            yield from _flat(part)
    elif given not in (None, ""):
        yield str(given)
