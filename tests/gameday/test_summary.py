"""The summary: what people read in the debriefing, and what is left for them to fill in."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gameday import drawing, summary
from gameday.record import GameDay
from runner.errors import ExitCode
from runner.timeline.mark import Said
from tests.fakes import experiments
from tests.gameday.test_session import play


@pytest.fixture
def day(tmp_path: Path) -> GameDay:
    return play(
        tmp_path, experiments.record("run-1", ttr_s=25.0), experiments.record("run-2", ttd_s=None, ttd_censored=True)
    )[0]


def test_each_step_shows_target_and_measured_value_and_how_it_stands(day: GameDay) -> None:
    text = summary.markdown(day)
    assert "| one | PASS | ≤ 10s | 4.2s | ✔ met | ≤ 20s | 25s | ✘ missed | `run-1` |" in text
    assert "| two | PASS | none | never seen | – no target | ≤ 20s | 12.5s | ✔ met | `run-2` |" in text


def test_means_say_how_many_and_how_many_are_censored(day: GameDay) -> None:
    text = summary.markdown(day)
    assert "| MTTD | mean 4.2s; median 4.2s, n = 1, censored 0, 1 never detected or recovered |" in text
    assert "| MTTR | mean 18.8s; median 18.8s, n = 2, censored 0 |" in text


def test_action_items_ratings_and_lessons_are_left_to_fill_in(day: GameDay) -> None:
    text = summary.markdown(day)
    assert "| id | title | type | priority | owner | due | experiment to rerun |" in text
    assert [q in text for q in ("## What went well", "## What went wrong", "## Where we were lucky")] == [True] * 3
    assert "node-drain.yaml" in text
    assert text.count("| __ |") == len(list(summary.capabilities(day)))


def test_every_table_of_the_markdown_has_even_rows(day: GameDay) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", summary.markdown(day), re.M):
        assert len({row.replace("\\|", "").count("|") for row in table.splitlines()}) == 1, table


def test_steps_that_were_never_begun_are_in_it(tmp_path: Path) -> None:
    day, _ = play(tmp_path, experiments.record(code=ExitCode.ABORTED))
    assert "| two | never begun |" in summary.markdown(day)


def test_the_page_needs_nothing_from_outside_and_no_script(day: GameDay) -> None:
    page = summary.html(day)
    assert not re.search(r"<script|<link|src=|href=|url\(", page)
    assert "✘ missed" in page


def test_what_others_wrote_is_text_in_the_page(day: GameDay) -> None:
    page = summary.html(replace(day, title="<script>alert(1)</script>", roles={"owner": ("<b>Ann</b>",)}))
    assert "<script>" not in page
    assert "&lt;b&gt;Ann&lt;/b&gt;" in page


def test_the_drawing_has_a_row_for_each_step_and_names_its_marks(day: GameDay) -> None:
    svg = ElementTree.fromstring(drawing.day(day))
    words = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert [w for w in words if w in ("one", "two")] == ["one", "two"]
    assert words.count("injected") == words.count("recovered") == 2


def test_the_timeline_is_in_order(day: GameDay) -> None:
    moments = list(summary.timeline(day))
    assert moments[0].what == "the day begins"
    assert [m.offset for m in moments if m.what in ("the day begins", "one begins", "one: detected")] == [
        "+0s",
        "+0s",
        "+14.2s",
    ]
    assert [m.at for m in moments] == sorted(m.at for m in moments)
    assert any("detected" in m.what for m in moments)


def test_both_forms_are_written(day: GameDay, tmp_path: Path) -> None:
    written = summary.write(day, tmp_path / "out")
    assert [page.path.suffix for page in written] == [".md", ".html"]
    assert all(day.title in page.path.read_text() for page in written)


@pytest.mark.parametrize("suffix", [".md", ".html"])
def test_what_people_wrote_into_a_summary_is_never_overwritten(day: GameDay, tmp_path: Path, suffix: str) -> None:
    first = {page.path.suffix: page.path for page in summary.write(day, tmp_path)}
    edited = first[suffix].read_text().replace("Where we were lucky", "Where we were lucky: the cache was warm")
    first[suffix].write_text(edited)
    again = {page.path.suffix: page for page in summary.write(replace(day, title="Another title"), tmp_path)}
    assert first[suffix].read_text() == edited
    assert again[suffix].kept == first[suffix]
    assert again[suffix].path != first[suffix]
    assert "Another title" in again[suffix].path.read_text()
    assert f"{first[suffix]} was edited by hand and stays as it is" in again[suffix].sentence
    untouched = again[".html" if suffix == ".md" else ".md"]
    assert untouched.kept is None
    assert "Another title" in untouched.path.read_text(), "what nobody edited is brought up to date"


def test_text_below_the_last_line_and_foreign_files_count_as_written_by_people(day: GameDay, tmp_path: Path) -> None:
    page, _ = summary.write(day, tmp_path)
    page.path.write_text(page.path.read_text() + "our notes\n")
    assert summary.write(day, tmp_path)[0].kept == page.path
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / page.path.name).write_bytes(b"\xff\xfe not ours")
    assert summary.write(day, tmp_path / "other")[0].kept is not None


def test_who_was_paged_and_acknowledged_in_time_is_filled_in(day: GameDay) -> None:
    told = [("notified", 13.0), ("acknowledged", 19.0)]
    marks = day.steps[0].marks + tuple((name, experiments.BEGAN + timedelta(seconds=s)) for name, s in told)
    paged = replace(day, steps=(replace(day.steps[0], marks=marks), day.steps[1]))
    (seen,) = [evidence for name, evidence in summary.capabilities(paged) if "paged" in name]
    assert "one: paged after 3s, acknowledged after 9s, in time" in seen
    assert "two: paging was not watched, not acknowledged" in seen
    late = replace(paged, steps=(replace(paged.steps[0], detect_within=5.0),))
    (seen,) = [evidence for name, evidence in summary.capabilities(late) if "paged" in name]
    assert "acknowledged after 9s, later than 5s" in seen


def test_means_are_those_of_the_metrics_where_a_censored_time_counts_as_a_lower_bound(tmp_path: Path) -> None:
    cut = experiments.record("r2", ttr_s=40.0, ttr_censored=True)
    day, _ = play(tmp_path, experiments.record("r1", ttr_s=10.0), cut)
    assert "| MTTR | mean ≥ 25s; median ≥ 25s, n = 2, censored 1 |" in summary.markdown(day)


def test_what_people_said_stands_in_timeline_and_step(day: GameDay) -> None:
    said = Said(at=experiments.BEGAN + timedelta(seconds=12), kind="note", by="ann", text="the queue grows | fast")
    noted = replace(day, said=(said,), steps=(replace(day.steps[0], said=(said,)), day.steps[1]))
    text = summary.markdown(noted)
    assert "| 09:00:12 | +12s | ann noted: the queue grows \\| fast |" in text
    assert "- 09:00:12 ann noted: the queue grows | fast" in text
    assert "ann noted: the queue grows | fast" in summary.html(noted)


def test_the_undo_is_clean_only_where_it_was_looked_at(day: GameDay) -> None:
    one, two = day.steps
    proven = replace(one, put_back="proven", way_back="everything is put back, nothing is left behind")
    nobody = replace(two, put_back="no undo", way_back="nothing was put back: kill has no undo")
    said = dict(summary.capabilities(replace(day, steps=(proven, nobody))))["Undo clean"]
    assert said == "1 of 2 steps put back and verified; two: nothing was put back: kill has no undo"
