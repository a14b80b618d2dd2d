"""Convert: files of other tools into experiments, one for each document that strikes something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from runner import errors
from runner.conversion import formats, litmus_workflow, written
from runner.conversion.draft import Draft
from runner.conversion.fields import Account, Loss
from runner.experiment import source
from runner.experiment.findings import BrokenExperiment

KEYS = {"lost": "lost", "changed": "changed", "stays": "left in place", "assumed": "assumed"}


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """One experiment with the account of the document that it comes from."""

    tool: str
    file: str
    draft: Draft
    losses: tuple[Loss, ...]
    kept: int
    """How many values of the document are in the experiment as they were."""

    @property
    def name(self) -> str:
        """What its file is called after."""
        return self.draft.name

    @property
    def document(self) -> dict[str, Any]:
        """The experiment itself."""
        return self.draft.document()

    @property
    def text(self) -> str:
        """The experiment as a file, with comments for whoever goes on from it."""
        name = PurePath(self.file).name
        head = (
            f"Converted by chaos-run from {name} ({self.tool}): {told(self.losses, self.kept)}.",
            f"What each field became: chaos-run convert {name}",
        )
        return written.experiment(self.document, head, self.draft.comments())


@dataclass(frozen=True, kw_only=True)
class Converted:
    """All that came out of one file."""

    experiments: tuple[Conversion, ...]
    beside: tuple[Loss, ...]
    """Documents that came along and are no experiments, and what was around those that are."""
    problems: tuple[BrokenExperiment, ...] = ()
    """Documents that cannot be converted."""


def convert(path: str) -> Converted:
    """Every document of a file or URL. Raises UsageError, EnvironmentFailure, BrokenExperiment where nothing in it is one."""
    experiments: list[Conversion] = []
    beside: list[Loss] = []
    problems: list[BrokenExperiment] = []
    documents = _read(path)
    for text in _unfolded(documents, beside):
        try:
            experiments += _one(text, beside)
        except BrokenExperiment as problem:
            problems.append(problem)
    if not experiments and not problems:
        nothing = Account(documents[0]).finding((), "there is nothing in this file that strikes", formats.KNOWN)
        raise BrokenExperiment([nothing])
    return Converted(experiments=tuple(experiments), beside=tuple(beside), problems=tuple(problems))


def _read(path: str) -> list[source.ExperimentText]:
    """The documents of a file; with a word on what looks like none of ours from afar."""
    if path.endswith((".tf", ".tf.json")):
        raise errors.UsageError(f"{path} is of Terraform, which is not converted", hint=formats.TEMPLATE)
    try:
        return source.written(source.read_all(path))
    except BrokenExperiment as problem:
        if not problem.found[0].message.startswith("the tag !"):  # CloudFormation's !Ref and !Sub
            raise
        raise BrokenExperiment([replace(problem.found[0], hint=formats.TEMPLATE)]) from None


def _unfolded(documents: Iterable[source.ExperimentText], beside: list[Loss]) -> Iterator[source.ExperimentText]:
    """Each document; of a workflow that holds others as texts, those."""
    for text in documents:
        if not litmus_workflow.claims(text.tree):
            yield text
            continue
        account = Account(text)
        yield from litmus_workflow.embedded(account.root, text)
        beside += account.losses()


def _one(text: source.ExperimentText, beside: list[Loss]) -> Iterator[Conversion]:
    """Its experiment; nothing of a document that only comes along."""
    if why := formats.beside(text.tree):
        account = Account(text)
        account.root.lose(why)
        beside += account.losses()
    else:
        yield document(text)


def document(text: source.ExperimentText) -> Conversion:
    """The experiment of one document. Raises BrokenExperiment with the place of what is wrong."""
    account = Account(text)
    found = formats.of(text.tree)
    if found is None:
        raise BrokenExperiment([account.finding((), *formats.guess(text.tree))])
    draft = found.convert(account.root)
    return Conversion(
        tool=found.tool,
        file=text.path,
        draft=draft,
        losses=tuple(account.losses()),
        kept=account.kept(),
    )


def told(losses: tuple[Loss, ...], kept: int) -> str:
    """How much came through, in a sentence."""
    counts = {said: sum(loss.kind == kind for loss in losses) for kind, said in KEYS.items()}
    return ", ".join([f"{kept} kept", *(f"{count} {said}" for said, count in counts.items() if count)])
