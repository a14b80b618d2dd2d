"""A file is read once, as PyYAML would read it, and every value knows its place."""

from __future__ import annotations

import http.server
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner import errors
from runner.experiment import findings, source

TEXT = """
yes no On OFF true False null ~ y n 012 0o12 0x1F 0b101 1_000 +1 -0 08 1:30 -1:30:05 1:75 1e3 1.0e+3 1.5e3 .5 5. -.5 .inf -.INF .nan
1_0.5 2026-11-24 2026-11-24T12:00:00Z 10% 50/s 99.9 0.1.2 1,000 <<x =x Null NULL nULL TRUE tRUE 0 00 0_1 1__2 0x_1 190:20:30.15
2001-12-14t21:59:43.10-05:00 -5 +.5 1.e+5 12e03 .e3
"""
SCALARS = TEXT.split()


def tree(text: str, *, as_json: bool = False) -> object:
    return next(source.parse("x.yaml", text, as_json=as_json)).tree


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_scalar_is_read_as_pyyaml_reads_it(scalar: str) -> None:
    ours, theirs = tree(f"a: {scalar}"), yaml.safe_load(f"a: {scalar}")
    assert repr(ours) == repr(theirs)


@given(st.text(alphabet="0123456789_.:-+eExbonfyTZ~ ", max_size=12))
def test_any_numeric_looking_scalar_is_read_as_pyyaml_reads_it(scalar: str) -> None:
    text = f"- {scalar}"
    try:
        theirs = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return
    assert repr(tree(text)) == repr(theirs)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: *x",
        "a: &x {b: 1}\ny: &y {b: 2, z: 1}\nd:\n  <<: [*x, *y]\n  q: 1",
        "a: |\n  one\n  two\nb: >-\n  three\n  four\nc: 'it''s'\nd: \"\\u00e9\\n\"",
        "a: !!str 12\nb: !!int '3'\nc: !!float 1\nd: !!binary aGk=",
        "? a\n: b\n2: c\ntrue: d",
        "- [a, {b: c}]\n-\n- - x",
        "{url: http://x/y, t: 10:30, n: {}, q: ! 12, r: ! '12'}",
        "",
    ],
)
def test_a_document_is_read_as_pyyaml_reads_it(text: str) -> None:
    assert tree(text) == yaml.safe_load(text)


@pytest.mark.parametrize("path", sorted(Path("experiments").glob("*.yaml")), ids=str)
def test_the_shipped_experiments_are_read_as_pyyaml_reads_them(path: Path) -> None:
    assert source.read(str(path)).tree == yaml.safe_load(path.read_text(encoding="utf-8"))


def test_a_finding_stands_at_the_very_value_or_key() -> None:
    read = next(source.parse("x.yaml", "a:\n  - {b: 1, c: 22}\n"))
    value, key = read.finding("error", "x", ("a", 0, "c"), ""), read.finding("error", "x", ("a", 0, "c"), "", key=True)
    assert (value.line, value.column, value.width) == (2, 15, 2)
    assert (key.line, key.column) == (2, 12)


def test_what_is_missing_is_placed_at_its_parent() -> None:
    read = next(source.parse("x.yaml", "a:\n  b:\n    c: 1\n"))
    assert read.finding("error", "x", ("a", "b", "nope"), "").line == 2


def test_json_with_tabs_and_escapes_has_places_too() -> None:
    read = next(source.parse("x.json", '{\t"a": ["\\"}", 1.5e3,\n null, {"b": true}]}', as_json=True))
    assert read.tree == {"a": ['"}', 1500.0, None, {"b": True}]}
    assert (
        read.finding("error", "x", ("a", 3, "b"), "").line,
        read.finding("error", "x", ("a", 3, "b"), "").column,
    ) == (2, 14)


@pytest.mark.parametrize(
    ("text", "as_json", "line", "column"),
    [
        ('{"a": 1,\n}', True, 2, 1),
        ("a: {b: 1\n", False, 1, 4),
        ("a: 1\n\tb: 2", False, 2, 1),
        ("a: *nope", False, 1, 4),
        ("a: !thing 1", False, 1, 4),
        ("a: &x [*x]", False, 1, 8),
    ],
)
def test_a_syntax_error_has_its_place(text: str, as_json: bool, line: int, column: int) -> None:
    with pytest.raises(findings.BrokenExperiment) as caught:
        tree(text, as_json=as_json)
    assert (caught.value.found[0].line, caught.value.found[0].column) == (line, column)
    assert "^" in caught.value.rendered


@pytest.mark.parametrize(("text", "as_json"), [("a: 1\nb: 2\na: 3\n", False), ('{"a": 1,\n"b": 2,\n"a": 3}', True)])
def test_a_key_that_is_there_twice_is_an_error_with_both_places(text: str, as_json: bool) -> None:
    with pytest.raises(findings.BrokenExperiment) as caught:
        tree(text, as_json=as_json)
    assert [f.line for f in caught.value.found] == [3, 1]


def test_aliases_that_explode_are_refused_quickly() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(findings.BrokenExperiment, match="aliases"):
        tree(bomb)


@pytest.mark.parametrize(
    ("text", "as_json"),
    [
        ("".join(f"- a{i}\n" for i in range(400_000)), False),
        ("x: [" + "1," * 400_000 + "1]", False),
        ("a\n---\n" * 400_000, False),
        ("- {a: 1, b: 2}\n" * 200_000, False),
        ("[" + "1," * 1_000_000 + "1]", True),
    ],
    ids=["list", "flow", "documents", "mappings", "json"],
)
def test_a_huge_text_is_refused_at_once_and_nobody_speaks_of_aliases_that_are_not_there(
    text: str, as_json: bool
) -> None:
    """In a second or two of the processor's time, where all of it would take half a minute."""
    begun = time.process_time()
    with pytest.raises(findings.BrokenExperiment) as caught:
        tree(text, as_json=as_json)
    assert time.process_time() - begun < 10
    assert "more than 25,000 values" in caught.value.message
    assert "alias" not in caught.value.rendered
    assert max(map(len, caught.value.rendered.splitlines())) < 300


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "x.yaml").open("wb") as file:
        file.truncate(50 << 30)
    with pytest.raises(errors.UsageError, match="too big to be read: 53,687"):
        source.read(str(tmp_path / "x.yaml"))


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/stdin"])
def test_a_device_is_no_file(path: str) -> None:
    with pytest.raises(errors.UsageError, match="not a file"):
        source.read(path)


def test_a_pipe_and_a_socket_are_no_files_and_nobody_waits_for_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(errors.UsageError, match="is a pipe, not a file"):
        source.read(str(tmp_path / "pipe.yaml"))
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "s.yaml"))
        with pytest.raises(errors.UsageError, match="is a socket, not a file"):
            source.read(str(tmp_path / "s.yaml"))


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    with pytest.raises(findings.BrokenExperiment, match="deep"):
        tree("[" * 5000 + "]" * 5000)


def test_a_second_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: 1\n---\nb: 2\n")
    with pytest.raises(findings.BrokenExperiment, match="second document"):
        source.read(str(tmp_path / "x.yaml"))


def test_an_empty_second_document_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: 1\n---\n# the end\n---\n")
    assert source.read(str(tmp_path / "x.yaml")).tree == {"a": 1}


def test_a_file_that_is_not_there_names_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "pod-kill.yaml").write_text("a: 1")
    with pytest.raises(errors.UsageError) as caught:
        source.read(str(tmp_path / "pod-kil.yaml"))
    assert caught.value.hint == "did you mean 'pod-kill.yaml'?"


class _Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = {
            "/x.yaml": ("text/yaml", b"a: yes"),
            "/x": ("application/json", b'{"a":\t1}'),
            "/page": ("text/html", b"<p>"),
        }
        if self.path == "/mine":
            known["/mine"] = ("text/plain", f"token: {self.headers['Authorization']}".encode())
        kind, body = known.get(self.path, ("text/plain", b""))
        self.send_response(200 if self.path in known else 404)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *details: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_url_is_read_by_its_content_type(site: str) -> None:
    assert source.read(f"{site}/x.yaml").tree == {"a": True}
    assert source.read(f"{site}/x").tree == {"a": 1}


def test_the_bearer_token_of_chaos_toolkit_is_honoured(site: str) -> None:
    read = source.read(f"{site}/mine", env={source.TOKEN: " s3 "})
    assert read.tree == {"token": "bearer s3"}


def test_a_url_without_an_experiment_says_so(site: str) -> None:
    with pytest.raises(errors.EnvironmentFailure, match="404"):
        source.read(f"{site}/nope")
    with pytest.raises(errors.UsageError, match="web page"):
        source.read(f"{site}/page")
    with pytest.raises(errors.EnvironmentFailure, match="cannot be fetched"):
        source.read("http://127.0.0.1:1/x.yaml")
