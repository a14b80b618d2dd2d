"""Workflows of Litmus' ChaosCenter: an Argo workflow that holds ChaosEngines as texts; each of them is a document of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from runner.conversion.fields import Field
from runner.experiment import source
from runner.experiment.source import ExperimentText

ARGO = "it steers Argo, which does not run this any more"
ORDER = "each engine is an experiment of its own: `gate` or a GameDay runs several in their order"
SCHEDULE = "an experiment runs when it is called: by CI, by cron, or `chaos-run gameday schedule`"
_PARAMETER = re.compile(r"\{\{\s*workflow\.parameters\.([\w-]+)\s*\}\}")


def claims(tree: Any) -> bool:
    """Whether a document is a workflow of Argo."""
    kind, version = (tree.get("kind"), str(tree.get("apiVersion"))) if isinstance(tree, dict) else ("", "")
    return kind in ("Workflow", "CronWorkflow", "WorkflowTemplate") and version.startswith("argoproj.io/")


def embedded(root: Field, text: ExperimentText) -> Iterator[ExperimentText]:
    """The documents that a workflow holds, with the values of its parameters filled in and at the lines where they stand."""
    root["apiVersion"].take()
    root["kind"].take()
    root["metadata"].lose(ARGO)
    root["status"].lose("what became of an earlier workflow is not a part of an experiment")
    spec = root["spec"]
    if root["kind"].value == "CronWorkflow":
        for field in spec.fields():
            if field.key != "workflowSpec":
                field.lose(SCHEDULE)
        spec = spec["workflowSpec"]
    texts = [raw for template in spec["templates"].items() for raw in _texts(template)]
    values = _parameters(spec["arguments"], "\n".join(str(raw.value) for raw in texts))
    for field in spec.fields():
        if field.key not in ("templates", "arguments"):
            field.lose(ARGO)
    for raw in texts:
        yield from _documents(raw, values, text)


def _texts(template: Field) -> Iterator[Field]:
    """What a template hands to its container as files."""
    for artifact in template["inputs"]["artifacts"].items():
        for field in artifact.fields():
            if field.key != "raw":
                field.lose("where Argo puts the text is of no matter here")
        if artifact["raw"]["data"]:
            yield artifact["raw"]["data"]
    for field in template["inputs"].fields():
        if field.key != "artifacts":
            field.lose(ARGO)
    for field in template.fields():
        if field.key != "inputs":
            field.lose(ORDER if field.key in ("steps", "dag") else ARGO)


def _parameters(arguments: Field, used: str) -> dict[str, str]:
    """The values of parameters; those that no engine names are lost."""
    found: dict[str, str] = {}
    names = set(_PARAMETER.findall(used))
    for one in arguments["parameters"].items():
        if one["name"].value in names:
            found[one["name"].text()] = one["value"].text()
        else:
            one.lose("no engine names it")
    for field in arguments.fields():
        if field.key != "parameters":
            field.lose(ARGO)
    return found


def _documents(raw: Field, values: Mapping[str, str], text: ExperimentText) -> Iterator[ExperimentText]:
    """Those of one text, read as if they began at its line of the file."""
    written = _PARAMETER.sub(lambda found: values.get(found[1], found[0]), raw.text())
    line = text.finding("warning", "convert", raw.steps, "", key=True).line
    lines = text.text.splitlines()
    stands_here = line < len(lines) and lines[line].strip() == raw.text().splitlines()[0].strip()
    yield from source.written(source.parse(text.path, ("\n" * line if stands_here else "") + written))
