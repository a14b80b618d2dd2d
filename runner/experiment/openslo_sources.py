"""Data sources of OpenSLO: which of our sources, or which DataSource of a document, an indicator is to be read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from runner.experiment import findings, model
from runner.experiment.openslo_form import Library, OpenSloForm, OpenSloObject, mapping
from runner.experiment.source import Steps

_URLS = ("url", "address", "endpoint", "server")
"""How a DataSource may call where it is: v1 leaves connectionDetails free."""


def references(sli: OpenSloObject) -> Iterator[tuple[str, Steps]]:
    """Every `metricSourceRef` of an indicator, with its place."""
    at = (*sli.steps, "spec")
    spec = mapping(sli.body, "spec")
    ratio = mapping(spec, "ratioMetric")
    parts: list[tuple[Mapping[str, Any], Steps]] = [(mapping(spec, "thresholdMetric"), (*at, "thresholdMetric"))]
    parts += [(mapping(ratio, key), (*at, "ratioMetric", key)) for key in ("good", "bad", "total", "raw")]
    for part, where in parts:
        if (name := mapping(part, "metricSource").get("metricSourceRef")) is not None:
            yield str(name), (*where, "metricSource", "metricSourceRef")


def chosen(sli: OpenSloObject, ours: Mapping[str, Any], library: Library, *, traffic: bool) -> Any:
    """The name of the source that an indicator refers to; None without any, `Form.BROKEN` for one that is not there.

    One of ours wins over a DataSource. With `traffic` an unknown one is only a warning: that can stand in for it.
    """
    found = list(references(sli))
    if not found:
        return None
    (name, where), *others = found
    if other := next((n for n, _ in others if n != name), None):
        sli.form.notes.error(
            "openslo", where, f"its parts come from two sources, {name} and {other}: one has to have all"
        )
        return OpenSloForm.BROKEN
    if name in ours or ("DataSource", name) in library:
        return name
    known = [*ours, *(n for kind, n in library if kind == "DataSource")]
    hint = findings.nearest(name, known, what="there are") or "add it to sources:, or name one of them beside openslo:"
    said = f"there is no DataSource '{name}' in this file and no source of that name in the experiment"
    if traffic:
        sli.form.notes.warning("openslo", where, f"{said}: it is measured by our traffic", hint=hint)
        return None
    sli.form.notes.error("openslo", where, said, hint=hint)
    return OpenSloForm.BROKEN


def to_source(item: OpenSloObject) -> model.Source | None:
    """A DataSource as a source; None, and told, where it is none that can be asked. No line is shown: it may hold a secret."""
    before = len(item.form.notes.found)
    found = _build_source(item)
    item.form.notes.found[before:] = [replace(f, text="") for f in item.form.notes.found[before:]]
    return found


def _build_source(item: OpenSloObject) -> model.Source | None:
    form, at = item.form, (*item.steps, "spec")
    spec = mapping(item.body, "spec")
    details, kind = mapping(spec, "connectionDetails"), str(spec.get("type", "prometheus"))
    if kind.lower() != "prometheus":
        form.notes.error("openslo", (*at, "type"), f"'{item.name}' is a {kind}: only Prometheus can be asked here")
        return None
    key = next((k for k in _URLS if k in details), None)
    where = (*at, "connectionDetails", *([key] if key else []))
    if key is None:
        form.notes.error(
            "openslo", where, f"'{item.name}' does not say where it is", hint="connectionDetails: {url: …}"
        )
        return None
    url = details[key]
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or "{{" in url or "${" in url:
        form.notes.error("openslo", where, f"'{item.name}' needs an http or https URL")
        return None
    for other in (k for k in details if k != key):
        said = f"'{other}' of the DataSource '{item.name}' is ignored: credentials belong into secrets: of a source"
        form.notes.warning("openslo", (*at, "connectionDetails", other), said, key=True)
    try:
        return model.Source(name=item.name, prometheus=url)
    except ValidationError as problem:
        message = problem.errors()[0]["msg"].removeprefix("Value error, ")
        form.notes.error("openslo", where, f"'{item.name}' cannot be used: {message}")
        return None
