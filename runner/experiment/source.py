"""Source: the text of a file or URL, parsed once, that can say where each of its values stands."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runner import errors
from runner.experiment import findings, nodes, urls

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 20.0
MOST_BYTES = 2 << 20
"""Of one text: nobody writes more by hand, and more takes longer than a second to read."""
TOKEN = "CHAOSTOOLKIT_LOADER_AUTH_BEARER_TOKEN"
NONE: Mapping[str, str] = MappingProxyType({})
Steps = tuple[Any, ...]
"""The way to a value: keys and indexes from the root."""


@dataclass(frozen=True)
class ExperimentText:
    """One document: its values as plain dicts and lists, and their places."""

    path: str
    text: str
    root: nodes.Node

    @property
    def tree(self) -> Any:
        """The whole document as plain Python."""
        return self.root.value

    def finding(
        self,
        severity: findings.Severity,
        rule: str,
        steps: Steps,
        message: str,
        *,
        hint: str | None = None,
        key: bool = False,
    ) -> findings.FileFinding:
        """A finding at the value at the end of `steps`, or at its key; what is not there is placed at its parent."""
        node = self._find(steps, key)
        width = node.end[1] - node.start[1] if node.end[0] == node.start[0] else 999
        return _finding(self.path, self.text, severity, rule, message, node.start, width, hint)

    def _find(self, steps: Steps, key: bool) -> nodes.Node:
        node = self.root
        for number, step in enumerate(steps):
            if step not in node.items:
                return self._head(steps[:number], node)
            if key and number == len(steps) - 1:
                return node.keys.get(step, node.items[step])
            node = node.items[step]
        return node

    def _head(self, steps: Steps, node: nodes.Node) -> nodes.Node:
        """Where to point for something missing inside of a value: at its key if it has one, else at its beginning."""
        return node if not steps or isinstance(steps[-1], int) else self._find(steps, True)


def read(path_or_url: str, *, env: Mapping[str, str] = os.environ, auths: Mapping[str, str] = NONE) -> ExperimentText:
    """The only document of a YAML or JSON file or http(s) URL. Raises UsageError, EnvironmentFailure, findings.Broken.

    `auths` has the header Authorization by host, or host:port.
    """
    documents = written(read_all(path_or_url, env=env, auths=auths))
    if len(documents) > 1:
        raise findings.BrokenExperiment(
            [documents[1].finding("error", "syntax", (), "a second document begins: one a file")]
        )
    return documents[0]


def written(documents: Iterable[ExperimentText]) -> list[ExperimentText]:
    """Those with something in them, for `---` at the end begins an empty one; the first where none has anything."""
    found = list(documents)
    return [one for one in found if one.tree is not None] or found[:1]


def read_all(
    path_or_url: str, *, env: Mapping[str, str] = os.environ, auths: Mapping[str, str] = NONE
) -> Iterator[ExperimentText]:
    """Every document of a file or URL; an empty one counts as one empty document. Raises as `read` does."""
    if path_or_url.startswith(("http://", "https://")):
        text, as_json = _fetch(path_or_url, env, auths)
    else:
        text, as_json = _open(Path(path_or_url)), path_or_url.endswith(".json")
    return parse(path_or_url, text, as_json=as_json)


def parse(path: str, text: str, *, as_json: bool = False) -> Iterator[ExperimentText]:
    """The documents of a text. Raises findings.Broken with the place of the first syntax error."""
    try:
        roots = [nodes.from_json(text)] if as_json else list(nodes.from_yaml(text))
    except RecursionError:
        raise findings.BrokenExperiment(
            [_finding(path, text, "error", "syntax", "nested too deeply", (0, 0), 1, None)]
        ) from None
    except nodes.Unreadable as problem:
        found = [_finding(path, text, "error", problem.rule, problem.message, problem.at, 1, None)]
        if problem.other:
            found.append(_finding(path, text, "error", problem.rule, "the first one is here", problem.other, 1, None))
        raise findings.BrokenExperiment(found) from None
    return (ExperimentText(path, text, root) for root in roots or [nodes.Node(None, (0, 0), (0, 0))])


def text_of(path: Path) -> str:
    """The text of a file. Raises OSError, errors.UsageError for what is no file or too big, UnicodeDecodeError."""
    mode = path.stat().st_mode  # asked first: to open a pipe waits for whoever writes, to read a device need not end
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), None)
    if kind is not None:
        hint = f"write what comes out of it into a file first: cat {path} > FILE" if kind == "a pipe" else None
        raise errors.UsageError(f"{path} is {kind}, not a file", hint=hint)
    with path.open("rb") as file:
        found = file.read(MOST_BYTES + 1)
        if len(found) > MOST_BYTES:
            raise _too_big(str(path), os.fstat(file.fileno()).st_size)
    return found.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def _too_big(what: str, size: int) -> errors.UsageError:
    most, found = MOST_BYTES / 1e6, max(size, MOST_BYTES) / 1e6
    return errors.UsageError(f"{what} is too big to be read: {found:,.1f} MB, at most {most:.1f} MB are")


_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def _open(path: Path) -> str:
    try:
        return text_of(path)
    except UnicodeDecodeError as problem:
        raise errors.InvalidFile(f"{path} is not UTF-8 text (byte {problem.start})") from None
    except FileNotFoundError:
        near = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        hint = findings.nearest(path.name, near)
        raise errors.UsageError(
            f"there is no file {path}", hint=hint if hint and hint.startswith("did") else None
        ) from None
    except OSError as problem:
        hint = f"all experiments of a folder: chaos-run gate {path}" if isinstance(problem, IsADirectoryError) else None
        raise errors.UsageError(f"{path} cannot be read: {problem.strerror}", hint=hint) from None


def _fetch(url: str, env: Mapping[str, str], auths: Mapping[str, str]) -> tuple[str, bool]:
    """The text at a URL and whether it is JSON; let in as Chaos Toolkit's loader is, by a token of the environment first."""
    if why := urls.trouble(url):
        raise errors.UsageError(f"{url} is no URL: {why}")
    import httpx

    headers = {"Accept": "application/json, application/x-yaml, application/yaml, text/yaml, text/plain"}
    if token := env.get(TOKEN, "").strip():
        headers["Authorization"] = f"bearer {token}"
    elif known := auths.get(urlsplit(url).netloc):
        headers["Authorization"] = known
    try:
        with httpx.stream("GET", url, headers=headers, timeout=TIMEOUT_S, follow_redirects=True) as answer:
            text = _received(answer, url)
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise errors.EnvironmentFailure(f"{url} cannot be fetched: {str(problem) or type(problem).__name__}") from None
    kind = answer.headers.get("content-type", "")
    if answer.status_code != 200:
        raise errors.EnvironmentFailure(f"{url} answered {answer.status_code} instead of an experiment")
    if "html" in kind:
        raise errors.UsageError(f"{url} is a web page, not an experiment", hint="use the address of the raw file")
    return text, "json" in kind or ("yaml" not in kind and text.lstrip().startswith("{"))


def _received(answer: httpx.Response, url: str) -> str:
    """The text of an answer, as far as it is not too big. Raises UsageError."""
    parts: list[bytes] = []
    for part in answer.iter_bytes():
        parts.append(part)
        if (size := sum(map(len, parts))) > MOST_BYTES:
            raise _too_big(url, max(size, int(answer.headers.get("content-length", 0))))
    return b"".join(parts).decode(answer.encoding or "utf-8", "replace")


def _finding(
    path: str,
    text: str,
    severity: findings.Severity,
    rule: str,
    message: str,
    at: nodes.Where,
    width: int,
    hint: str | None,
) -> findings.FileFinding:
    lines = text.splitlines()
    line = min(at[0], max(len(lines) - 1, 0))
    return findings.FileFinding(
        severity=severity,
        rule=rule,
        message=message,
        hint=hint,
        file=path,
        line=line + 1,
        column=at[1] + 1,
        width=width,
        text=lines[line] if lines else "",
    )
