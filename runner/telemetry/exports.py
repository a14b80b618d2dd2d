"""Exports: what is configured, checked before anything is broken and carried out when the run is over. Imports nothing heavy itself."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from runner import errors
from runner.experiment.channels import OTLP, PUSHGATEWAY, TEXTFILE, Telemetry
from runner.telemetry.finished import Finished

NEEDS = {
    "textfile": (TEXTFILE, "prometheus_client"),
    "pushgateway": (PUSHGATEWAY, "prometheus_client"),
    "otlp": (OTLP, "opentelemetry.exporter.otlp.proto.http"),
}
Export = Callable[[Finished], str]
"""Returns why it could not be done, or an empty text."""


def check(asked: Telemetry, env: Mapping[str, str] = os.environ) -> None:
    """Raises UsageError for what is not installed, cannot be written, or is no address."""
    for name, (variable, module) in NEEDS.items():
        if getattr(asked, name) and not _installed(module):
            raise errors.UsageError(
                f"telemetry to {name} is configured ({variable}, or the file of channels), and its library is not installed",
                hint="pip install 'chaos-run[telemetry]', or take the setting away",
            )
    for name, url in (("pushgateway", asked.pushgateway), ("otlp", asked.otlp)):
        if url and not url.startswith(("http://", "https://")):
            raise errors.UsageError(f"telemetry to {name}: its address does not begin with http:// or https://")
    protocol = env.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or env.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if asked.otlp and protocol not in (None, "", "http/protobuf"):
        raise errors.UsageError(
            f"OTLP by {protocol!r} is not spoken here", hint="only http/protobuf, port 4318 as a rule"
        )
    if asked.textfile:
        _check_textfile(Path(asked.textfile))


def configured(asked: Telemetry) -> Iterator[tuple[str, Export]]:
    """Each with its name; libraries are imported when it is called."""
    if path := asked.textfile:
        yield "textfile", lambda run: _textfile(Path(path), run)
    if gateway := asked.pushgateway:
        yield "pushgateway", lambda run: _push(gateway, run)
    if collector := asked.otlp:
        yield "otlp", lambda run: _otlp(collector, run)


def _textfile(path: Path, run: Finished) -> str:
    from runner.telemetry import textfile

    try:
        return textfile.write(path, run)
    except OSError as problem:
        return f"it cannot be written: {problem.strerror}"


def _push(url: str, run: Finished) -> str:
    from runner.telemetry import push

    return push.push(url, run)


def _otlp(url: str, run: Finished) -> str:
    from runner.telemetry import otlp

    return otlp.send(url, run)


def _check_textfile(path: Path) -> None:
    if path.suffix != ".prom":
        raise errors.UsageError(f"telemetry to {path}: node exporter reads only files that end in .prom")
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise errors.UsageError(
            f"the metrics cannot be written to {path}", hint="name a file in a folder that is there"
        )


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
