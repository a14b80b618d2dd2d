"""The promise of the report: a field of the document is in the experiment, or it is named with its value and why it is not."""

from __future__ import annotations

import contextlib
import copy
import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from runner import errors
from runner.conversion import convert, formats, litmus_workflow
from runner.conversion.fields import shown
from tests.conversion import sampled

Steps = tuple[Any, ...]
DOCUMENTS = [
    pytest.param(tree, id=f"{path.name}-{number}")
    for path in sampled.SAMPLES
    for number, tree in enumerate(sampled.trees(path))
    if not formats.beside(tree) and not litmus_workflow.claims(tree)
]


@pytest.mark.parametrize("tree", DOCUMENTS)
def test_a_value_that_changes_changes_the_experiment_or_is_named(tree: Any) -> None:
    before = sampled.quickly(tree)
    named = [loss.path for loss in before.losses if loss.kind != "assumed"]
    silent = [
        shown(steps)
        for steps in _leaves(tree, ())
        if not any(_lies_in(shown(steps), path) for path in named) and _is_silent(tree, steps, before)
    ]
    assert silent == []


@pytest.mark.parametrize("tree", DOCUMENTS)
def test_a_field_that_no_converter_knows_is_named_or_handed_on(tree: Any) -> None:
    silent = []
    for steps in _mappings(tree, ()):
        grown = _with(tree, (*steps, "zzUnheardOf"), 4711)
        try:
            found = sampled.quickly(grown)
        except errors.ChaosRunError:
            continue  # told with its place
        named = any(_lies_in(shown((*steps, "zzUnheardOf")), loss.path) for loss in found.losses)
        if not named and "zzUnheardOf" not in str(found.document):
            silent.append(shown(steps))
    assert silent == []


@pytest.mark.parametrize("tree", DOCUMENTS)
def test_a_value_of_another_kind_is_converted_or_one_error(tree: Any) -> None:
    garbage = itertools.cycle((None, "x", 7, [], {}, [1], {"a": {"b": 1}}, [{"a": 1}], True, "", ["x", None]))
    for steps in [s for s in _everything(tree, ()) if s][::2]:
        with contextlib.suppress(errors.ChaosRunError):
            sampled.quickly(_with(tree, steps, next(garbage)))


@pytest.mark.parametrize("name", sampled.NAMES)
def test_each_entry_of_the_report_has_the_value_and_the_line_of_its_field(name: str) -> None:
    path = sampled.FOLDER / name
    lines = path.read_text().splitlines()
    for one in convert.convert(str(path)).experiments:
        for loss in one.losses:
            assert loss.why
            last = re.findall(r"[^.\[\]]+", loss.path)[-1].strip('"') if loss.path else ""
            if loss.kind != "assumed" and not last.isdigit():
                assert last in lines[loss.line - 1], loss


def _is_silent(tree: Any, steps: Steps, before: convert.Conversion) -> bool:
    """Whether no other value there makes a difference that anybody could see."""
    for other in _others(_at(tree, steps)):
        try:
            after = sampled.quickly(_with(tree, steps, other))
        except errors.ChaosRunError:
            return False
        if after.document != before.document or {loss.path for loss in after.losses} != {
            loss.path for loss in before.losses
        }:
            return False
    return True


def _others(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, str) and re.fullmatch(r"\d+\w*", value):
        yield f"{int(re.match(r'[0-9]+', value)[0]) + 1}{value.lstrip('0123456789')}"  # type: ignore[index]
    else:
        yield f"{value or ''}x"


def _leaves(value: Any, steps: Steps) -> Iterator[Steps]:
    inner = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    if not inner:
        yield steps
    for step, one in inner:
        yield from _leaves(one, (*steps, step))


def _everything(value: Any, steps: Steps) -> Iterator[Steps]:
    yield steps
    for step, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _everything(one, (*steps, step))


def _mappings(value: Any, steps: Steps) -> Iterator[Steps]:
    if isinstance(value, dict):
        yield steps
    for step, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _mappings(one, (*steps, step))


def _at(tree: Any, steps: Steps) -> Any:
    for step in steps:
        tree = tree[step]
    return tree


def _with(tree: Any, steps: Steps, value: Any) -> Any:
    changed = copy.deepcopy(tree)
    _at(changed, steps[:-1])[steps[-1]] = value
    return changed


def _lies_in(path: str, above: str) -> bool:
    """Whether a path is another one, or leads into what it names; the document itself has an empty one."""
    return path == above or path.startswith((f"{above}.", f"{above}[")) or not above
