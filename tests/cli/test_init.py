"""`chaos-run init`: a first experiment that is valid as it stands, or one clear error; never a file overwritten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.cli import main
from runner.experiment import load

GIVEN = {
    "name": "web-shop",
    "url": "http://127.0.0.1:8080/?a=1&b=2",
    "namespace": "prod-like",
    "selector": "app=web,t=1",
}
Capture = pytest.CaptureFixture[str]


def init(*more: str, **given: str) -> int:
    flags = [word for name, value in {**GIVEN, **given}.items() for word in (f"--{name}", value)]
    return main.entry(["init", *flags, *more], main.app, "chaos-run")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_it_writes_is_valid_without_a_warning_and_holds_what_was_given(capsys: Capture) -> None:
    assert init() == 0
    assert "web-shop-pod-kill.yaml" in capsys.readouterr().out
    assert main.entry(["validate", "--strict", "web-shop-pod-kill.yaml"], main.app, "chaos-run") == 0
    found = load.load("web-shop-pod-kill.yaml", variables={}, secret_variables={}, env={})
    assert found.block.service == "web-shop"
    assert found.block.traffic[0].url == GIVEN["url"]
    (action,) = found.method
    assert action["provider"]["arguments"]["label_selector"] == "${selector}"
    told = {"WEB_SHOP_URL": "http://127.0.0.1:9/"}
    assert (
        load.load("web-shop-pod-kill.yaml", variables={}, secret_variables={}, env=told)
        .block.traffic[0]
        .url.endswith(":9/")
    )


def test_a_file_that_is_there_is_replaced_only_by_force(capsys: Capture) -> None:
    path = Path("mine.yaml")
    path.write_text("mine")
    assert init("-o", "mine.yaml") == 2
    assert path.read_text() == "mine"
    assert "is there already" in capsys.readouterr().err
    assert init("-o", "mine.yaml", "--force") == 0
    assert "web-shop" in path.read_text()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Web Shop"}, "--name 'Web Shop'"),
        ({"namespace": "a_b"}, "--namespace 'a_b'"),
        ({"url": "web-shop"}, "--url 'web-shop' is no URL"),
        ({"url": "http://[::1/"}, "--url 'http://[::1/' is no URL"),
        ({"url": "ftp://x/"}, "is no URL"),
        ({"selector": "="}, "selects no pods"),
        ({"selector": 'a="b"'}, "selects no pods"),
    ],
)
def test_nonsense_is_one_error_and_writes_nothing(wrong: dict[str, str], said: str, capsys: Capture) -> None:
    assert init(**wrong) == 2
    assert said in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_without_a_terminal_every_missing_flag_is_named(capsys: Capture) -> None:
    assert main.entry(["init", "--name", "shop"], main.app, "chaos-run") == 2
    assert "missing: --url, --namespace, --selector" in capsys.readouterr().err


CATALOGUE = sorted((Path(__file__).resolve().parents[2] / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("path", CATALOGUE, ids=lambda path: path.stem)
def test_a_copy_of_the_catalogue_is_valid_and_knows_no_shop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"name": "orders", "url": "http://127.0.0.1:8080/", "namespace": "prod-like", "selector": "app=orders,t=1"}
    assert init(path.stem, **own) == 0
    copy = Path(f"orders-{path.stem}.yaml")
    assert main.entry(["validate", str(copy)], main.app, "chaos-run") == 0
    found = load.load(str(copy), variables={}, secret_variables={}, env={})
    assert found.block.service == "orders"
    assert found.configuration["orders_url"] == "http://127.0.0.1:8080"
    assert found.configuration.get("namespace", "prod-like") == "prod-like"
    assert not re.findall(r"(?i)\bshop.*", copy.read_text())
    original = load.load(str(path), variables={}, secret_variables={}, env={})
    assert [a["name"] for a in found.method] == [a["name"] for a in original.method]
    assert found.block.dose == original.block.dose
    assert found.block.catalogue is not None
    assert found.block.catalogue.proven == "not yet run on orders"


def test_an_experiment_that_the_catalogue_has_not_is_an_error_with_the_nearest(capsys: Capture) -> None:
    assert init("pod-kil") == 2
    said = capsys.readouterr().err
    assert "the catalogue has no experiment 'pod-kil'" in said
    assert "pod-kill" in said
    assert init("../experiments/pod-kill") == 2


def test_a_selector_that_is_no_list_of_labels_is_refused_where_labels_are_needed(capsys: Capture) -> None:
    assert init("pod-kill.chaos-mesh", selector="app!=web") == 2
    assert "is not a list of labels and values" in capsys.readouterr().err
