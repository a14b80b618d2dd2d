"""Where figures go: the environment before the file, and what cannot be is refused before anything is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import errors
from runner.experiment import channels
from runner.experiment.channels import Telemetry
from runner.telemetry import exports


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "notify.yaml"
    file.write_text("telemetry: {textfile: /var/a.prom, otlp: http://from-file:4318}\n")
    asked = channels.load(str(file), {}).telemetry
    assert asked == Telemetry(textfile="/var/a.prom", otlp="http://from-file:4318")
    assert asked.over({channels.OTLP: "http://env:4318"}) == Telemetry(textfile="/var/a.prom", otlp="http://env:4318")
    assert asked.over({"OTEL_SDK_DISABLED": "true"}) == Telemetry(textfile="/var/a.prom")


def test_a_file_that_names_nobody_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notify.yaml"
    file.write_text("escalate_after: 5m\n")
    with pytest.raises(errors.InvalidFile) as problem:
        channels.load(str(file), {})
    assert "neither channels nor telemetry" in problem.value.rendered


@pytest.mark.parametrize(
    ("asked", "env", "said"),
    [
        ({"textfile": "{}/chaos.txt"}, {}, "end in .prom"),
        ({"textfile": "{}/nowhere/chaos.prom"}, {}, "cannot be written"),
        ({"pushgateway": "gateway:9091"}, {}, "http://"),
        ({"otlp": "http://c:4317"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "'grpc' is not spoken"),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path: Path, asked: dict[str, str], env: dict[str, str], said: str) -> None:
    with pytest.raises(errors.UsageError, match=said):
        exports.check(Telemetry(**{name: value.format(tmp_path) for name, value in asked.items()}), env)
