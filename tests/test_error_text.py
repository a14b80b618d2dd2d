"""What the world answers is told in one line."""

from __future__ import annotations

import json

from kubernetes.client.rest import ApiException
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError

from runner import error_text

STATUS = json.dumps(
    {
        "kind": "Status",
        "message": "Cannot evict pod as it would violate the pod's disruption budget.",
        "details": {"causes": [{"message": "The disruption budget strict needs 3 healthy pods"}]},
    },
    separators=(",", ":"),
)


def test_an_api_servers_own_words_are_told_without_headers_and_body() -> None:
    problem = ApiException(status=429, reason="Too Many Requests")
    problem.body = STATUS
    said = error_text.sentence(problem)
    assert said == (
        "Cannot evict pod as it would violate the pod's disruption budget. "
        "The disruption budget strict needs 3 healthy pods (HTTP 429)"
    )


def test_a_server_that_cannot_be_reached_is_named() -> None:
    why = OSError("Failed to establish a new connection: [Errno 111] Connection refused")
    problem = MaxRetryError(HTTPConnectionPool("127.0.0.1", 1), "/api", why)
    assert error_text.sentence(problem) == "127.0.0.1:1 cannot be reached: [Errno 111] Connection refused"


def test_any_other_exception_is_its_first_line() -> None:
    assert error_text.sentence(ValueError("one\ntwo")) == "ValueError: one"
    assert error_text.sentence(KeyError()) == "KeyError: "


def test_a_status_inside_a_sentence_is_replaced_by_its_message() -> None:
    told = error_text.readable(f"Failed to evict pod a: {STATUS}.")
    assert told.startswith("Failed to evict pod a: Cannot evict pod")
    assert "{" not in told


def test_what_only_looks_like_a_status_stays() -> None:
    assert error_text.readable('got {"kind":"Status", torn') == 'got {"kind":"Status", torn'


def test_of_an_account_the_last_line_is_told_however_often_it_was_wrapped() -> None:
    wrapped = "chaoslib.exceptions.ActivityFailed: chaoslib.exceptions.ActivityFailed: pod a is gone\n"
    assert error_text.of_account(["Traceback\n", wrapped]) == "pod a is gone"
    assert error_text.of_account(None) == ""
    ours = "chaoslib.exceptions.ActivityFailed: runner.errors.EnvironmentFailure: there is no node"
    assert error_text.of_account([ours]) == "there is no node"


def test_a_message_of_several_lines_is_its_first_and_its_last_without_the_tracebacks_before_it() -> None:
    account = [
        "Traceback (most recent call last):\n",
        '  File "x.py", line 1, in f\n',
        "RuntimeError: one\ntwo\n",
        "\nThe above exception was the direct cause of the following exception:\n\n",
        "chaoslib.exceptions.ActivityFailed: RuntimeError: one\nand more\ntwo\n",
    ]
    assert error_text.of_account(account) == "RuntimeError: one … two"


def test_of_a_traceback_the_last_words_are_its_last_line() -> None:
    printed = ["starting", "Traceback (most recent call last):", '  File "x.py", line 1', "SyntaxError: invalid syntax"]
    assert error_text.last_words(printed) == "SyntaxError: invalid syntax"
    assert error_text.last_words(["one", "", "two"]) == "one | two"
    assert error_text.last_words([]) == ""
