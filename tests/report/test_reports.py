"""What every report must hold, whatever the run was like: the numbers, the marks, no data never good, nothing from elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.report import html, junit, markdown, plot, plotdata, text
from runner.report.scale import Scale
from runner.slo import sample
from runner.slo.sample import Flag, Sample
from runner.timeline.record import ObjectiveResult, UndoStep
from tests.report import made

ODD = "<b>&\"'\x1b[31m\x00\ufffe|`@team ]]> é"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Balanced(HTMLParser):
    """Fails on an end tag that does not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(name: str) -> str:
    record, samples = made.ALL[name]()
    return html.render(record, made.told(record), samples)


@pytest.mark.parametrize("name", made.ALL)
def test_a_page_is_well_formed(name: str) -> None:
    parser = Balanced()
    parser.feed(page(name))
    assert parser.open == []


@pytest.mark.parametrize("name", made.ALL)
def test_a_page_loads_nothing(name: str) -> None:
    assert not re.search(r"(src|href|action)=|@import|url\(|<script|<link", page(name))


@pytest.mark.parametrize("name", made.ALL)
def test_a_page_says_the_verdict_sentence_and_every_mark(name: str) -> None:
    record, _ = made.ALL[name]()
    whole = page(name)
    assert record.sentence in whole
    assert all(f"{m.mono_ns} ns" in whole for m in record.marks)


def test_a_page_shows_what_was_left_behind() -> None:
    assert "node worker-2 is still cordoned by us" in page("undo-failed")


def test_markup_from_a_service_is_text() -> None:
    record = made.record(title=ODD, sentence=ODD)
    whole = html.render(record, made.told(record), {})
    assert "<b>" not in whole
    assert "\x1b" not in whole


def test_a_total_outage_has_bars_of_full_height_and_no_latency() -> None:
    record, samples = made.failed()
    bins = plotdata.series(record, record.indicators[0], samples["storefront"]).bins
    out = [b for b in bins if b.error_ratio == 1.0]
    assert len(out) >= 10
    assert all(b.p95_s is None for b in out)


def test_time_without_requests_is_a_gap_and_not_zero_errors() -> None:
    record, samples = made.aborted()
    empty = [
        b for b in plotdata.series(record, record.indicators[0], samples["storefront"]).bins if 20.2 < b.start_s < 21.6
    ]
    assert empty
    assert all(b.error_ratio is None for b in empty)
    assert "no data" in plot.timeline_svg(record, samples)


@pytest.mark.parametrize(
    "ours", [{"late_us": 900_000}, {"flags": Flag.SENT | Flag.DONE | Flag.SHED}], ids=["late", "shed"]
)
def test_what_the_verdict_calls_unmeasured_is_not_drawn_as_bad(ours: dict[str, int]) -> None:
    """We sent them late, or never: those a bit late are none of them."""
    record, samples = made.passed()
    bad = Flag.SENT | Flag.DONE | Flag.TIMEOUT
    seen = [
        s._replace(**({"late_us": 20_000, "flags": bad} | ours)) if 20 <= (s.intended_ns - made.ns(0)) / 1e9 < 25 else s
        for s in samples["storefront"]
    ]
    inside = [b for b in plotdata.series(record, record.indicators[0], seen).bins if 20.2 < b.start_s < 24.6]
    assert inside
    assert {(b.total, b.error_ratio) for b in inside} == {(0, None)}
    barely = [s._replace(late_us=20_000) for s in samples["storefront"]]
    whole = [
        sum(b.total for b in plotdata.series(record, record.indicators[0], s).bins)
        for s in (barely, samples["storefront"])
    ]
    assert whole[0] == whole[1] > 0


def test_marks_at_one_moment_are_named_in_rows_of_their_own() -> None:
    marks = tuple(made.mark(name, 10.0 + i / 100) for i, name in enumerate(("injected", "effective", "detected")))
    labels = plot.place(made.record(marks=marks), Scale(0.0, 45.0, 60, 870))
    assert [label.row for label in labels] == [0, 1, 2]


def test_a_record_without_anything_still_has_a_page() -> None:
    bare = made.record(
        objectives=(), hypothesis=(), faults=(), undo=(), marks=(), windows=(), indicators=(), environment={}
    )
    assert "Nothing was measured" in html.render(bare, [], {})


FLAGS = st.sampled_from(
    [0, Flag.SENT, Flag.SENT | Flag.DONE, Flag.DONE | Flag.TIMEOUT, Flag.SHED, Flag.DONE | Flag.CONNECTION]
)
SAMPLES = st.lists(
    st.builds(
        Sample,
        st.integers(made.ns(-1), made.ns(60)),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.integers(0, 599),
        FLAGS.map(int),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(samples=SAMPLES)
def test_any_samples_can_be_drawn(samples: list[Sample]) -> None:
    drawn = plot.timeline_svg(made.record(), {"storefront": samples})
    assert ET.fromstring(str(drawn)).tag == "svg"
    assert not re.search(r"\b(nan|inf)\b", str(drawn))


def test_the_reader_of_tapes_survives_a_cut_tape(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path), "a.tape")
    rows = [Sample(made.ns(i), 1, 2, 200, 3) for i in range(3)]
    head = sample.HEADER.pack(sample.MAGIC, made.T0, 0, 3, 0, 1.0, 1.0)
    path.write_bytes(head + b"".join(sample.RECORD.pack(*row) for row in rows)[:-5])
    assert plotdata.read_tape(path) == rows[:2]
    assert plotdata.read_tape(path.with_name("none")) == []


def cases(name: str) -> dict[str, str]:
    suite = ET.fromstring(junit.render([made.ALL[name]()[0]]).encode()).find("testsuite")
    assert suite is not None
    return {c.get("name", ""): next((f"{e.tag}:{e.get('type')}" for e in c), "passed") for c in suite.iter("testcase")}


def test_junit_of_a_pass_has_only_passed_cases() -> None:
    assert set(cases("pass").values()) == {"passed"}
    assert "objective: availability (99 % good)" in cases("pass")


@pytest.mark.parametrize(
    ("name", "case", "outcome"),
    [
        ("fail", "objective: availability (99 % good)", "failure:objective"),
        ("fail", "hypothesis: during", "failure:hypothesis"),
        ("inconclusive", "fault proven: kill-one-pod", "failure:inconclusive"),
        ("abort", "run ended as planned", "error:aborted"),
        ("undo-failed", "everything put back", "error:undo"),
    ],
)
def test_junit_says_what_went_wrong(name: str, case: str, outcome: str) -> None:
    assert cases(name)[case] == outcome


def test_a_step_that_a_new_undoer_played_again_counts_as_it_ended() -> None:
    first = [
        UndoStep(step=1, what="uncordon", state="undone"),
        UndoStep(step=2, what="mend", state="failed", error="it died"),
    ]
    again = UndoStep(step=1, what="mend", state="undone")
    (suite,) = ET.fromstring(junit.render([made.record(undo=(*first, again))]).encode())
    assert not suite.findall("testcase/error")
    assert "(2 steps undone)" in text.render(made.record(undo=(*first, again)))
    twins = (replace(first[1], step=1), replace(again, step=2))
    (suite,) = ET.fromstring(junit.render([made.record(undo=twins)]).encode())
    assert [e.get("message") for e in suite.findall("testcase/error")] == ["mend: it died"], (
        "two steps of one name are two"
    )
    assert "1 of 2 undo steps failed" in text.render(made.record(undo=twins))


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE", "ABORTED", "UNDO_FAILED", "ENVIRONMENT", "INTERRUPTED"])
def test_junit_is_never_green_against_the_verdict(verdict: str) -> None:
    suites = ET.fromstring(junit.render([made.record(verdict=verdict)]).encode())
    assert int(suites.get("failures", 0)) + int(suites.get("errors", 0)) >= 1


def test_junit_with_odd_characters_is_xml() -> None:
    record = made.record(title=ODD, sentence=ODD, experiment=ODD, service=ODD)
    assert ET.fromstring(junit.render([record]).encode()).find("testsuite") is not None


def test_markdown_keeps_tables_whole_and_pings_nobody() -> None:
    whole = markdown.render(made.record(objectives=(made.objective(name=ODD),), title=ODD))
    row = next(line for line in whole.splitlines() if line.startswith("| ") and "PASS" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 7
    assert "@team" not in whole


def test_the_summary_counts_and_names_every_run() -> None:
    whole = markdown.summary([make()[0] for make in made.ALL.values()])
    assert "1 of 5 experiments passed" in whole
    assert "UNDO FAILED" in whole


def test_a_summary_of_no_run_is_not_a_pass() -> None:
    assert "✅" not in markdown.summary([])


@pytest.mark.parametrize("objectives", [(), (made.objective(verdict="INCONCLUSIVE", bad=0, total=0),)])
def test_users_nobody_watched_are_never_said_to_have_felt_nothing(objectives: tuple[ObjectiveResult, ...]) -> None:
    blind = made.record(objectives=objectives, ttd_s=None, ttr_s=None)
    page = html.render(blind, made.told(blind), {})
    for said in (page, text.render(blind), markdown.summary([blind])):
        assert "not measured" in said
        assert "no impact to detect" not in said
        assert "no impact" not in said
    watched = made.record(ttd_s=None, ttr_s=None)
    assert "no impact to detect" in text.render(watched)


def test_the_text_has_k_of_n_bounds_and_a_censored_recovery() -> None:
    said = text.render(made.aborted()[0], report="report.html")
    assert "4/3,500" in said
    assert "≥ 4.1s" in said
    assert "report.html" in said
