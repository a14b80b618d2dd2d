"""The two pictures of the terminal in the README, taken from a real run on a pseudo-terminal:

    .venv/bin/python docs/pictures/terminal.py [SECONDS, 35]

`running.svg` is the screen as it stands so many seconds after the start, `verdict.svg` what is left on it when the run is over.
"""

from __future__ import annotations

import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import time
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).resolve().parent
EXPERIMENT = "experiments/pod-kill.yaml"
COLUMNS, ROWS = 112, 40
REPAINTED = re.compile(r"(?:\r\x1b\[2K)?(?:\x1b\[1A\x1b\[2K)+|\r\x1b\[2K")
"""What rich writes before it draws a screen over the one before, and to take the last one away."""
NOT_SHOWN = re.compile(r"\x1b\[\?\d+[hl]|\x1b\][^\x07]*\x07|\r")


def run(seconds: float) -> tuple[str, str]:
    """Everything that the terminal got until then, and in the whole run."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    words = [Path(sys.executable).with_name("chaos-run"), EXPERIMENT, "--playground"]
    with tempfile.TemporaryDirectory() as state:
        surroundings = {**os.environ, "XDG_STATE_HOME": state, "TERM": "xterm-256color"}
        process = subprocess.Popen(
            words, cwd=HERE.parents[1], env=surroundings, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        begun, told, until_then = time.monotonic(), b"", None
        while chunk := _read(ours):
            told += chunk
            if until_then is None and time.monotonic() - begun >= seconds:
                until_then = told
        process.wait()
    return (until_then or told).decode(), told.decode().replace(state, "~/.local/state")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody has it open any more
        return b""


def write(name: str, screen: str) -> None:
    """One screen as SVG; without the fonts that rich would have a browser fetch."""
    lines = [line.rstrip() for line in NOT_SHOWN.sub("", screen).splitlines()]
    text = Text.from_ansi("\n".join(lines).strip("\n"))
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(text)
    drawn = console.export_svg(title=f"chaos-run {EXPERIMENT} --playground", unique_id=name)
    drawn = re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    (HERE / f"{name}.svg").write_text(re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE), "utf-8")


def main() -> None:
    until_then, told = run(float(sys.argv[1]) if len(sys.argv) > 1 else 35.0)
    write("running", REPAINTED.split(until_then)[-2])
    write("verdict", REPAINTED.split(told)[-1])


if __name__ == "__main__":
    main()
