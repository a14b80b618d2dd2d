"""Typed: a small file of a team read into a model, every error at the place of the very value."""

from __future__ import annotations

from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from runner.experiment import findings
from runner.experiment.source import ExperimentText

M = TypeVar("M", bound=BaseModel)


def read(document: ExperimentText, model: type[M], rule: str, values: Any = None) -> M:
    """The document, or `values` made from it, as a model. Raises findings.Broken with every finding, each under `rule`."""
    try:
        return model.model_validate(document.tree if values is None else values)
    except ValidationError as problem:
        raise findings.BrokenExperiment(
            [_finding(document, model, rule, error) for error in problem.errors()]
        ) from None


def _finding(document: ExperimentText, model: type[BaseModel], rule: str, error: Any) -> findings.FileFinding:
    place = tuple(error["loc"])
    if error["type"] == "extra_forbidden":
        hint = findings.nearest(str(place[-1]), list(_part(model, place[:-1]).model_fields), what="keys")
        return document.finding("error", rule, place, f"unknown key {place[-1]!r}", key=True, hint=hint)
    missing = error["type"] == "missing"
    message = f"{place[-1]!r} is missing" if missing else error["msg"].removeprefix("Value error, ")
    return document.finding("error", rule, place, message)


def _part(model: type[BaseModel], place: tuple[Any, ...]) -> type[BaseModel]:
    """The model of the part at the end of a way."""
    for step in place:
        if step in model.model_fields:
            model = inner(model.model_fields[step].annotation) or model
    return model


def inner(annotation: Any) -> type[BaseModel] | None:
    """The model inside of an annotation such as `dict[str, Role]` or `Goals | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := inner(part))), None)
