"""Corefile: the text by which CoreDNS is told what it serves; what we add stands between two marks and is taken out again by them.

Only plugins that every CoreDNS has are used. A delay: `erratic` answers late with anything, and `forward` then passes on to the next,
which gives the real answer (`next`, CoreDNS 1.12 and later; an older one goes on with what it had).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

BEGINS, ENDS, WAS = "# chaos-run {run} begins", "# chaos-run {run} ends", "# chaos-run {run} had: "
LATE, REAL = 5391, 5392
"""Ports on the loopback address of the DNS pods."""
OWN_PORTS = ("health", "ready", "reload", "prometheus", "loop", "bind", "pprof", "transfer")
"""Plugins of the main block that must not be there twice, or not on a loopback port."""
FASTER = "reload 2s 1s"
"""How often CoreDNS looks at its file while the fault is in it: what is taken out must be seen soon."""


def failing(text: str, run: str, names: Iterable[str], rcode: str) -> str:
    """With these names, and all below them, answered by that code."""
    blocks = [
        f"{name}:53 {{\n    errors\n    log\n    template ANY ANY {{\n        rcode {rcode}\n    }}\n}}\n"
        for name in names
    ]
    return _with(text, run, blocks)


def delayed(text: str, run: str, names: Iterable[str], milliseconds: int) -> str:
    """With the answers for these names, and for all below them, so much later."""
    forward = (
        f"forward . 127.0.0.1:{LATE} {{\n        next NOERROR SERVFAIL REFUSED\n    }}\n    forward . 127.0.0.1:{REAL}"
    )
    blocks = [f"{name}:53 {{\n    errors\n    log\n    {forward}\n}}\n" for name in names]
    late = f".:{LATE} {{\n    bind 127.0.0.1\n    erratic {{\n        drop 0\n        delay 1 {milliseconds}ms\n    }}\n}}\n"
    inner = "\n".join(line for line in main_block(text) if line.strip())
    real = f".:{REAL} {{\n    bind 127.0.0.1\n{inner}\n}}\n"
    return _with(text, run, [*blocks, late, real])


def without(text: str, run: str) -> str:
    """As it is without what that run has added; whatever else was changed meanwhile stays."""
    begins, ends = re.escape(BEGINS.format(run=run)), re.escape(ENDS.format(run=run))
    text = re.sub(rf"(?ms)\n{begins}\n.*?^{ends}\Z", "", text)  # of a file without a newline at its end
    text = re.sub(rf"(?ms)^{begins}\n.*?^{ends}\n", "", text)
    return re.sub(rf"(?m)^([ \t]*){re.escape(FASTER)} {re.escape(WAS.format(run=run))}(.*)$", r"\1\2", text)


def runs(text: str) -> list[str]:
    """Whose additions are in it."""
    return re.findall(rf"(?m)^{BEGINS.format(run='(.+)')}$", text)


def reloads(text: str) -> bool:
    """Whether CoreDNS looks at its file again while it runs."""
    return any(line.split()[:1] == ["reload"] for line in text.splitlines())


def main_block(text: str) -> Iterator[str]:
    """The lines inside the block of all other names, without what must not be there twice. Nothing where there is no such block."""
    depth, skipped, inside = 0, 0, False
    for line in text.splitlines():
        bare = line.split("#")[0].strip()
        if depth == 0 and bare.endswith("{"):
            inside = any(re.fullmatch(r"(dns://)?\.(:53)?", word) for word in bare[:-1].split())
        elif inside and depth >= 1:
            if depth == 1 and bare.split()[:1] and bare.split()[0] in OWN_PORTS:
                skipped = depth if bare.endswith("{") else 0
            elif not skipped and not (depth == 1 and bare == "}"):
                yield line
            if skipped and depth == 2 and bare == "}":
                skipped = 0
        depth += bare.count("{") - bare.count("}")
        inside = inside and depth > 0


def _with(text: str, run: str, blocks: Iterable[str]) -> str:
    had = WAS.format(run=run)
    text = re.sub(r"(?m)^([ \t]*)(reload\b[^\n#]*?)[ \t]*$", lambda m: f"{m[1]}{FASTER} {had}{m[2]}", text, count=1)
    before, after = ("", "\n") if text.endswith("\n") else ("\n", "")
    return f"{text}{before}{BEGINS.format(run=run)}\n{''.join(blocks)}{ENDS.format(run=run)}{after}"
