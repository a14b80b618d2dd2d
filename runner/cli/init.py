"""`chaos-run init`: a first experiment for one's own service, or a copy of one of the catalogue, ready for `validate` and `plan`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click

from runner import errors
from runner.experiment import own_copy, urls

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_QUESTIONS = {
    "name": "What is the service called",
    "url": "Which URL do its users open",
    "namespace": "In which namespace do its pods run",
    "selector": "Which labels select its pods",
}
"""In the order in which they are asked."""
_EXAMPLES = {"name": "shop", "url": "http://shop.example/", "namespace": "shop", "selector": "app=shop"}


@click.command(name="init")
@click.argument("experiment", required=False)
@click.option("--name", help="The service's name: small letters, digits and dashes.")
@click.option("--url", help="The page or endpoint that its users open.")
@click.option("--namespace", help="The namespace in which its pods run.")
@click.option("--selector", help="Labels that select its pods: app=shop.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The file to write; by default NAME-EXPERIMENT.yaml."
)
@click.option("--force", is_flag=True, help="Replace the file where there is one.")
def command(experiment: str | None, output: Path | None, force: bool, **given: str | None) -> int:
    """Write an experiment for your own service: a commented one that kills a pod, or a copy of EXPERIMENT of the catalogue.

    What is not given is asked for on a terminal. Nothing is reached and nothing is changed but the file.
    """
    from runner import files

    shipped = _shipped(experiment) if experiment else None
    answers = _answers(given, own_copy.asked(shipped) if shipped else list(_QUESTIONS))
    _check(answers)
    path = output or Path(f"{answers['name']}-{(experiment or 'pod-kill').removesuffix('.yaml')}.yaml")
    if path.exists() and not force:
        raise errors.UsageError(f"{path} is there already", hint="another file with -o, or --force to replace it")
    try:
        text = own_copy.of(shipped, answers) if shipped else _text(answers, path)
    except ValueError as problem:
        raise errors.UsageError(f"--selector {problem}") from None
    try:
        files.write_atomically(path, text)
    except OSError as problem:
        raise errors.UsageError(f"{path} cannot be written: {problem.strerror}", hint="another file with -o") from None
    click.echo(f"{path} is written\nnext: chaos-run plan {path}    shows what it would hit; changes nothing")
    return errors.ExitCode.PASS


def _shipped(name: str) -> str:
    """The text of an experiment of the catalogue. Raises UsageError where there is none of that name."""
    from runner.experiment import catalogue, findings

    place = catalogue.folder()
    path = place / f"{name.removesuffix('.yaml')}.yaml"
    if not path.is_file() or path.parent != place:
        hint = findings.nearest(name, [known.stem for known in catalogue.files_in(place)], what="there are")
        raise errors.UsageError(
            f"the catalogue has no experiment {name!r}", hint=f"{hint}; chaos-run catalog lists them"
        )
    return path.read_text(encoding="utf-8")


def _answers(given: Mapping[str, str | None], asked: Sequence[str]) -> dict[str, str]:
    """What was given, and the rest as a person at the terminal says it. Raises UsageError without a terminal."""
    missing = [name for name in asked if not given[name]]
    if missing and not sys.stdin.isatty():
        wanted = " ".join(f"--{name} {_EXAMPLES[name]}" for name in missing)
        raise errors.UsageError(f"missing: {', '.join(f'--{name}' for name in missing)}", hint=f"for example {wanted}")
    return {name: given[name] or click.prompt(_QUESTIONS[name]) for name in asked}


def _check(answers: Mapping[str, str]) -> None:
    for name in ("name", "namespace"):
        if not _LABEL.fullmatch(answers.get(name, "x")):
            raise errors.UsageError(
                f"--{name} {answers[name]!r} is no name of Kubernetes",
                hint=f"small letters, digits and dashes, as in {_EXAMPLES[name]}",
            )
    url = answers.get("url", _EXAMPLES["url"])
    if urls.trouble(url) or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise errors.UsageError(f"--url {answers['url']!r} is no URL", hint=f"for example {_EXAMPLES['url']}")
    selector = answers.get("selector", _EXAMPLES["selector"])
    if not re.search(r"[A-Za-z0-9]", selector) or re.search(r"[\s\"'\\]", selector):
        raise errors.UsageError(
            f"--selector {selector!r} selects no pods by their labels", hint="for example app=shop,tier=web"
        )


def _text(answers: Mapping[str, str], path: Path) -> str:
    import jinja2

    prefix = answers["name"].upper().replace("-", "_")
    prefix = prefix if prefix[0].isalpha() else f"SERVICE_{prefix}"
    variables = {name: f"{prefix}_{name.upper()}" for name in ("url", "namespace", "selector")}
    template = Path(__file__).with_suffix(".yaml.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters["quoted"] = lambda text: json.dumps(text, ensure_ascii=False)  # YAML reads JSON's strings
    return environment.from_string(template).render(**answers, file=path, variables=variables)
