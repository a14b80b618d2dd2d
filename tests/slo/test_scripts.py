"""Every *.script beside this file is a story that comes true."""

from pathlib import Path

import pytest

from tests.slo.script import Script

SCRIPTS = sorted(Path(__file__).parent.glob("*.script"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_story_comes_true(path: Path) -> None:
    Script(path).play()


def test_there_are_stories() -> None:
    assert len(SCRIPTS) >= 8


def test_a_story_that_is_not_true_is_noticed(tmp_path: Path) -> None:
    lie = tmp_path / "lie.script"
    lie.write_text("stop when errors above 30% over 5s\nload 5s good\nexpect stop between 1s and 2s saying errors\n")
    with pytest.raises(AssertionError, match=r"lie\.script"):
        Script(lie).play()
