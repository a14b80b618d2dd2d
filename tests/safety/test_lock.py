"""Who could strike anything in a cluster is alone in it; who knows its targets shares the cluster and not the targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import errors
from runner.safety import lock

WHOLE, SHOP, OTHER = "kind-lab as a whole", "kind-lab: shop/chaos-run", "kind-lab: other/chaos-run"


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ({WHOLE: False, SHOP: True}, {WHOLE: False, OTHER: True}, True),
        ({WHOLE: False, SHOP: True}, {WHOLE: False, SHOP: True, OTHER: True}, False),
        ({WHOLE: True, SHOP: True}, {WHOLE: False, OTHER: True}, False),
        ({WHOLE: False, OTHER: True}, {WHOLE: True, SHOP: True}, False),
        ({WHOLE: True, SHOP: True}, {WHOLE: True, OTHER: True}, False),
        ({WHOLE: True}, {"prod as a whole": True}, True),
    ],
)
def test_two_runs_are_together_only_where_neither_can_strike_the_others_target(
    tmp_path: Path, first: dict[str, bool], second: dict[str, bool], together: bool
) -> None:
    with lock.held(tmp_path, first, "run-one"):
        if together:
            with lock.held(tmp_path, second, "run-two"):
                return
        with pytest.raises(errors.Refused) as caught, lock.held(tmp_path, second, "run-two"):
            pass
        assert "run run-one" in caught.value.reasons[0]
    with lock.held(tmp_path, second, "run-three"):
        pass
