"""Finding: one thing that is wrong or doubtful in a file, with its place, and how it looks on a screen."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runner import characters, errors

Severity = Literal["error", "warning"]
Level = Literal["style", "missing", "wrong"]
MOST_SHOWN = 200
"""Characters of a line."""
LEVELS: tuple[Level, ...] = ("style", "missing", "wrong")
"""How bad a finding is, the mildest first: it runs as written, this machine lacks something, it is not what was meant."""
_STYLE = frozenset(
    (
        *("no-rollbacks", "no-block", "no-stop", "no-objectives", "no-timeout", "background", "python-timeout"),
        *("arguments", "blocking-probe", "duplicate-name", "json-pattern"),
    )
)
_VALUES = ("env", "variable")
"""Rules about values: where only they are lacking, the file is right and the surroundings are to be mended."""
_MISSING = frozenset(("env", "module", "program", "jsonpath", "vault", "variable"))
"""Rules whose warnings say that something is not here; where it has to be here they are errors."""


@dataclass(frozen=True, kw_only=True)
class FileFinding:
    """Line and column count from 1; `width` columns are underlined; `rule` is its stable short name."""

    severity: Severity
    rule: str
    message: str
    file: str
    line: int = 1
    column: int = 1
    width: int = 1
    text: str = ""
    """The line of the file itself."""
    hint: str | None = None
    lacking: bool = False
    """Nothing is wrong with the file: this machine does not have what it needs."""

    @property
    def level(self) -> Level:
        """One of LEVELS; an error is always wrong, and so is a doubt that no rule calls milder."""
        if self.severity == "error":
            return "wrong"
        return "style" if self.rule in _STYLE else "missing" if self.rule in _MISSING else "wrong"

    def to_json(self) -> dict[str, Any]:
        """As `chaos-run validate --json` prints it."""
        return {
            "severity": self.severity,
            "level": self.level,
            "rule": self.rule,
            "message": self.message,
            "hint": self.hint,
            "file": self.file,
            "line": self.line,
            "column": self.column,
        }


class BrokenExperiment(errors.InvalidFile):
    """A file with errors, and the findings themselves for whoever can show them better than as text."""

    def __init__(self, found: Sequence[FileFinding]) -> None:
        wrong = [f for f in found if f.severity == "error"]
        first = wrong[0]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        super().__init__(f"{first.file}:{first.line}:{first.column}: {first.message}{more}", rendered=render(wrong))
        self.found = tuple(found)
        if all(f.lacking and f.rule in _VALUES for f in wrong):  # to mend the surroundings is enough
            self.exit_code = errors.ExitCode.ENVIRONMENT


def render(found: Iterable[FileFinding], *, color: bool = False) -> str:
    """Findings as people read them: `file:line:col: error: message`, the line, a caret below the place, a hint."""
    return "\n".join(_render(finding, color) for finding in found)


def nearest(word: str, known: Iterable[str], *, what: str = "known") -> str | None:
    """A hint for a mistyped word: the one that was probably meant, else all there are."""
    names = sorted({str(name) for name in known})
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"{what}: {', '.join(names)}" if names else None


def closest_word(word: str, known: Iterable[str]) -> str | None:
    """A hint for a word that is so near to a known one that it can hardly be another, None for any other."""
    close = difflib.get_close_matches(word, [str(name) for name in known], n=1, cutoff=0.7)
    return f"did you mean '{close[0]}'?" if close else None


def _excerpt(line: str, column: int) -> tuple[str, int]:
    """What is shown of a line, and where the column stands in it: of a very long one what is near to it."""
    if len(line) <= MOST_SHOWN:
        return line, column
    begin = max(0, min(column - 1 - MOST_SHOWN // 2, len(line) - MOST_SHOWN))
    before, after = "…" if begin else "", "…" if begin + MOST_SHOWN < len(line) else ""
    return f"{before}{line[begin : begin + MOST_SHOWN]}{after}", column - begin + len(before)


def _render(finding: FileFinding, color: bool) -> str:
    def paint(text: str, code: str) -> str:
        return characters.paint(text, code if color else "")

    tint = "1;31" if finding.severity == "error" else "1;33"
    place = paint(f"{finding.file}:{finding.line}:{finding.column}:", "1")
    lines = [
        f"{place} {paint(finding.severity + ':', tint)} {characters.harmless(finding.message)} {paint('[' + finding.rule + ']', '2')}"
    ]
    if finding.text.strip():
        number, (text, column) = f"{finding.line:5} | ", _excerpt(finding.text, finding.column)
        lead = "".join("\t" if c == "\t" else " " for c in text[: column - 1])
        under = "^" * max(1, min(finding.width, len(text) - column + 1))
        lines.append(paint(number, "2") + characters.harmless(text))
        lines.append(paint(" " * 5 + " | ", "2") + lead + paint(under, tint))
    if finding.hint:
        lines.append(f"        {paint('hint:', '1;36')} {characters.harmless(finding.hint)}")
    return "\n".join(lines)
