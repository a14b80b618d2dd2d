"""The kernel's own tools (nft, tc, iptables, ip), called in the machine's or in a named network namespace."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from runner import errors

NAMESPACES = Path("/run/netns")
SECONDS = 10.0
"""How long one call may take."""
LOCK_S = "5"
"""How long iptables waits for somebody else who is changing its rules."""


def namespace_path(name: str) -> Path:
    return NAMESPACES / name


def there(argv: Sequence[str], namespace: str) -> list[str]:
    """The command as it is called. Not by `ip netns exec`, which hides the control groups."""
    return ["nsenter", f"--net={namespace_path(namespace)}", *argv] if namespace else [*argv]


def run(argv: Sequence[str], *, namespace: str = "", text: str | None = None) -> str:
    """What it printed. Raises EnvironmentFailure with its own words."""
    done = _call(argv, namespace, text)
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[:300] or f"exit code {done.returncode}"
        raise errors.EnvironmentFailure(f"{' '.join(argv[:4])}: {said}")
    return done.stdout


def said(argv: Sequence[str], *, namespace: str = "") -> str:
    """What it printed; nothing where it failed."""
    done = _call(argv, namespace, None)
    return "" if done.returncode else done.stdout


def works(argv: Sequence[str], *, namespace: str = "") -> bool:
    return _call(argv, namespace, None).returncode == 0


def _call(argv: Sequence[str], namespace: str, text: str | None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            there(argv, namespace), input=text or "", capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except FileNotFoundError:
        raise errors.EnvironmentFailure(f"{argv[0]} is not installed here") from None
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise errors.EnvironmentFailure(f"{argv[0]} cannot be called: {problem}") from None
