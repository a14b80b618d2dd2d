"""Conditions: under what a run took place, apart from what it measured, and in which of it two runs differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.timeline.record import RunRecord

CONTENTS = "contents"
"""Of the file, where only their hashes are known."""
SHOWN = 12
"""Characters of a hash that people are shown."""
_VERSIONS = ("chaos-run", "chaostoolkit-lib", "python")
_ABSENT = "-"
LONGEST = 40
"""Characters of a value of the file that are told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """Of one run that took place or is about to; empty where nobody knows."""

    file: str
    digest: str
    """Of the file as it was read."""
    service: str
    context: str
    environment: str = ""
    host: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    guards: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    variables: Mapping[str, Any] | None = None
    """Values given by name; None where nobody knows."""
    labels: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    """Where it matters that it is the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that is not as it was."""

    what: str
    before: str
    after: str

    @property
    def sentence(self) -> str:
        """For a list of them: `targets: pod/shop/a -> pod/shop/b`."""
        return f"{self.what}: {self.before} -> {self.after}" if self.before else f"{self.what} {self.after}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """A run that another one repeats."""

    run: str
    conditions: Conditions
    document: Mapping[str, Any] | None = None
    """The experiment as it was then; None where only its hash is known."""
    asked_elsewhere: bool = False
    """A person has named another place for the new one."""


def of(record: RunRecord) -> Conditions:
    """Those of a run on record."""
    around = record.environment
    return Conditions(
        file=record.experiment,
        digest=record.experiment_hash,
        service=record.service,
        context=record.context,
        environment=str(around.get("environment") or ""),
        host=str(around.get("host") or ""),
        versions=versions(around),
        guards=tuple(map(str, around.get("guards") or ())),
        targets=record.targets,
        variables=record.asked.variables if record.asked else None,
        labels=record.labels,
    )


def versions(around: Mapping[str, Any]) -> dict[str, str]:
    """Those of what runs, out of all that a record says of its surroundings."""
    return {name: str(around[name]) for name in _VERSIONS if around.get(name)}


def changes(before: Conditions, after: Conditions) -> Iterator[Change]:
    """What is not the same, in the order in which it explains most; what one of the two does not know is no change."""
    yield from _text("file", before.file, after.file)
    yield from _text(CONTENTS, before.digest[:SHOWN], after.digest[:SHOWN])
    yield from _text("context", before.context, after.context)
    yield from _text("environment", before.environment, after.environment)
    yield from _text("service", before.service, after.service)
    if before.variables is not None and after.variables is not None:
        yield from _mapping("value of", before.variables, after.variables)
    if before.seed is not None and after.seed is not None:
        yield from _text("seed", str(before.seed), str(after.seed))
    yield from _list("targets", before.targets, after.targets)
    yield from _list("guards", before.guards, after.guards)
    for name in _VERSIONS:
        yield from _text(name, before.versions.get(name, ""), after.versions.get(name, ""))
    yield from _text("machine", before.host, after.host)
    yield from _mapping("label", before.labels, after.labels)


def document_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """What stands differently in an experiment, by its place; secrets are not looked at."""
    then, now = dict(_leaves(before)), dict(_leaves(after))
    for place in dict.fromkeys([*then, *now]):
        if then.get(place) != now.get(place):
            yield Change(what=place, before=_short(then.get(place)), after=_short(now.get(place)))


def _leaves(tree: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, Mapping) and tree:
        for name, value in tree.items():
            if place or name != "secrets":
                yield from _leaves(value, f"{place}.{name}" if place else str(name))
    elif isinstance(tree, list | tuple) and tree:
        for n, value in enumerate(tree):
            yield from _leaves(value, f"{place}[{n}]")
    else:
        yield place, str(tree)


def _short(value: str | None) -> str:
    return _ABSENT if value is None else value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"


def _text(what: str, before: str, after: str) -> Iterator[Change]:
    if before and after and before != after:
        yield Change(what=what, before=before, after=after)


def _mapping(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            values = (str(side[name]) if name in side else _ABSENT for side in (before, after))
            yield Change(what=f"{what} {name}", before=next(values), after=next(values))


def _list(what: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Change]:
    """Only what is on one side alone."""
    if set(before) != set(after):
        gone, new = [x for x in before if x not in after], [x for x in after if x not in before]
        yield Change(what=what, before=", ".join(gone) or _ABSENT, after=", ".join(new) or _ABSENT)
