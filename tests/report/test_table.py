"""Columns of a list stand below each other, whatever characters are in them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from rich.cells import cell_len

from runner.report import table

HEAD = ("NAME", "N", "TITLE")
ROWS = (("支付网关", "7", "x"), ("pod-kill", "12345", "y" * 100), ("é", "1", "\x1b[2Jz"))


def test_every_column_begins_where_its_head_does_in_any_script() -> None:
    head, *lines = table.render(HEAD, ROWS, right=(1,)).splitlines()
    for title in ("x", "y" * 100, "z"):
        (line,) = (found for found in lines if found.endswith(title))
        assert cell_len(line.removesuffix(title)) == head.index("TITLE")
    assert lines[1].startswith("pod-kill  12345  yyy"), "piped, nothing is cut or folded"
    assert lines[0].startswith("支付网关      7  x")
    assert "\x1b" not in "".join(lines)


def test_on_a_terminal_the_last_column_is_cut_to_its_width() -> None:
    parent, child = pty.openpty()
    script = (
        "from runner.report import table; print(table.render(('A', 'B'), [('一二', '支付' * 30), ('PASS', 'b' * 60)]))"
    )
    with os.fdopen(child, "wb") as terminal, os.fdopen(parent, "rb") as screen:
        subprocess.run(
            [sys.executable, "-c", script], stdout=terminal, env={**os.environ, "COLUMNS": "30"}, check=True, timeout=60
        )
        lines = screen.read1(4096).decode().splitlines()
    assert len(lines) == 3
    assert cell_len(lines[1]) in (29, 30)
    assert lines[1].endswith("…")
    assert lines[2].endswith("b…")
