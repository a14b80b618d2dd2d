"""Whatever an activity gives back can be told, and nothing of it slips through the mask."""

from __future__ import annotations

import json
import os
from typing import Any

from runner.chaostoolkit import secrets
from runner.process import messages
from runner.process.channel import ChildChannel, plain


class Model:
    """As the cluster's client has them."""

    def to_dict(self) -> dict[str, Any]:
        return {"name": "web", "labels": {"b"}}


def test_what_json_cannot_hold_becomes_readable() -> None:
    odd = {
        ("a", 1): {b"x"},
        "nan": float("nan"),
        "model": Model(),
        None: bytearray(b"\xff"),
        "kept": [1, 2.5, True, None],
    }
    assert plain(odd) == {
        "('a', 1)": ["x"],
        "nan": "nan",
        "model": {"name": "web", "labels": ["b"]},
        "None": "\ufffd",
        "kept": [1, 2.5, True, None],
    }


def test_what_holds_itself_has_an_end() -> None:
    odd: dict[str, Any] = {}
    odd["twice"] = [odd, odd]
    assert plain(odd) == {"twice": ["…", "…"]}
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    json.dumps(plain(deep))


def test_a_secret_in_an_odd_place_is_masked() -> None:
    read, write = os.pipe()
    voice = ChildChannel(write, messages.WORKER.messages, secrets.mask(["hunter2-and-more"]))
    run = {"output": {b"hunter2-and-more", ("hunter2-and-more",)}}
    voice.say(messages.ActivityCompleted(activity={}, run=run))
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    assert "*****" in told
    assert "hunter2" not in told


def test_a_secret_that_is_spelled_like_a_number_of_the_message_does_not_make_it_unreadable() -> None:
    read, write = os.pipe()
    voice = ChildChannel(write, messages.UNDOER.messages, secrets.mask(["1", "undo_step"]))
    voice.say(messages.UndoProgress(step=1, what="rm 1", state="started", run={"output": "1"}))
    os.close(write)
    with os.fdopen(read) as pipe:
        said = messages.UNDOER.messages.decode(json.loads(pipe.read()))
    assert isinstance(said, messages.UndoProgress)
    assert (said.step, said.run) == (1, {"output": "*****"})
