"""What became of a window's requests, counted by connection, way to fail and status."""

from __future__ import annotations

import pytest

from runner.slo import answers, causes
from runner.slo.sample import Cause, Flag, Sample

DONE = int(Flag.SENT | Flag.DONE)


def _sample(at: int, status: int, *flags: Flag, cause: Cause = Cause.UNKNOWN) -> Sample:
    return Sample(at, 0, 10, status, DONE | sum(flags) | cause << 8)


def test_new_and_kept_connections_are_counted_apart_and_what_never_left_in_neither() -> None:
    found = answers.count(
        [
            _sample(5, 0, Flag.NEW_CONNECTION, Flag.CONNECTION, cause=Cause.REFUSED),
            _sample(6, 200, Flag.NEW_CONNECTION),
            _sample(7, 200),
            _sample(8, 503, Flag.UNEXPECTED),
            _sample(9, 0, Flag.SHED),
            _sample(4, 200),
            _sample(10, 200),
            Sample(7, 0, 0, 0, int(Flag.SENT)),
            _sample(7, 200, Flag.TIMEOUT)._replace(late_us=100_001),
        ],
        5,
        10,
        1.0,
    )
    assert (found.new, found.new_bad, found.kept, found.kept_bad) == (2, 1, 2, 1)
    assert found.failures == {"refused": 1, "status 503": 1, "not sent, too many under way": 1}
    assert found.statuses == {"200": 2, "503": 1}


def test_an_answer_that_was_cut_short_is_no_answer_and_a_late_one_is() -> None:
    cut = _sample(1, 200, Flag.CONNECTION, cause=Cause.CUT_SHORT)
    late = _sample(1, 200, Flag.TIMEOUT)
    assert answers.statuses([cut, late]) == {"200": 1}


@pytest.mark.parametrize(
    ("before", "good"),
    [
        ({"200": 9}, "200-299"),
        ({}, "200-299"),
        ({"302": 1, "204": 3, "404": 1}, "200-299,302,404"),
        ({"499": 1, "500": 3, "503": 1}, "200-299,499"),
    ],
)
def test_good_is_what_the_baseline_had_short_of_errors_of_the_server(before: dict[str, int], good: str) -> None:
    assert answers.ranges(answers.accepted(before)) == good


@pytest.mark.parametrize(
    ("location", "where"),
    [
        ("https://shop/a?b=c#d", "https://shop/a"),
        ("/login", "http://here:80/login"),
        ("//me:pw@cdn/x", "http://cdn/x"),
        ("page", "itself: browsers give up after too many redirects"),
        ("", "nowhere (it has no Location)"),
        ("http://[::1/page", "what is no URL"),
    ],
)
def test_where_a_redirect_leads(location: str, where: str) -> None:
    assert answers.destination("http://here:80/page", location) == where


def test_only_connections_closed_while_idle_come_with_a_hint() -> None:
    assert "new_connections: true" in causes.hint({"refused": 3, "closed while idle": 2})
    assert not causes.hint({"refused": 3})
