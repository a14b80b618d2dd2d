"""What stress-ng says by its exit code: a fault that was done, done in part, or not at all."""

from __future__ import annotations

PARTIAL = {
    2: "a stressor failed",
    3: "a stressor could not begin for want of memory, space or a system call",
    5: "a stressor was killed by a signal",
    7: "its metrics cannot be trusted, often after it was killed for memory",
}
FAILED = {
    1: "a wrong option, or too little of everything",
    4: "the stressor does not exist on this machine",
    6: "a stressor exited unexpectedly",
    126: "it could not join its control group",
    127: "stress-ng is not installed",
}


def said(code: int) -> str:
    """An exit code in words."""
    if code in PARTIAL:
        return f"exit code {code}: {PARTIAL[code]}, so the fault was partial"
    if code > 128:
        return f"killed by signal {code - 128}"
    return f"exit code {code}" + (f": {FAILED[code]}" if code in FAILED else "")
