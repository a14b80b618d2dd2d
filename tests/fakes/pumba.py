"""A stand-in for Pumba's command line that acts on the real Docker host, as far as one was studied against a real Docker host.

Recorded: nobody matches: the log says `no containers found`, exit code 0 · a dry run says nothing without a log level, exit code 0 ·
pause: paused, unpaused at the end or on SIGTERM, exit code 0; after SIGKILL paused for ever; target removed meanwhile: exit code 1,
"No such container" · iptables loss: rules in the container's network from a helper container of the given image, gone at the end ·
netem where the kernel has none: exit code 1, `tc qdisc add … netem … failed with exit code 2`. Not recorded, so assumed: the fields of
its log lines (`name`, `dryrun`), and that a stress is a helper container. It needs no more than Python: `python -m tests.fakes.pumba`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

NET = ["--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW"]


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        log("fatal", "error running chaos command: " + done.stderr.strip())
        sys.exit(1)
    return done.stdout


def log(level: str, said: str, **fields: object) -> None:
    shown = ["panic", "fatal", "error", "warning", "info", "debug"]
    if shown.index(level) <= shown.index(LEVEL):
        print(json.dumps({"level": level, "msg": said, **fields}), file=sys.stderr, flush=True)


def option(words: Sequence[str], name: str, otherwise: str = "") -> str:
    """Of `--name value` or `--name=value`."""
    joined = next((word.partition("=")[2] for word in words if word.startswith(f"{name}=")), otherwise)
    return words[words.index(name) + 1] if name in words else joined


def beside(target: str, image: str, *command: str) -> subprocess.CompletedProcess[str]:
    run = ["docker", "run", "--rm", "--label", "com.gaiaadm.pumba.skip=true", "--network", f"container:{target}", *NET]
    return subprocess.run(
        [*run, "--entrypoint", command[0], image, *command[1:]], capture_output=True, text=True, check=False
    )


class Ended(Exception):
    """SIGTERM: clean up and go."""


def end(*_: object) -> None:
    raise Ended


def lasting(seconds: float) -> None:
    try:
        time.sleep(seconds)
    except Ended:
        log("debug", "interrupted: cleaning up")


def main(words: list[str]) -> int:
    command = next(word for word in words if word in ("kill", "pause", "netem", "iptables", "stress"))
    names = targets(words)
    running = docker("ps", "--format", "{{.Names}}").split()
    found = [name for name in names if name in running]
    if not found:
        log("warning", "no containers found")
        return 0
    dry = "--dry-run" in words
    for name in found:
        log("info", f"running {command} on container", name=f"/{name}", dryrun=dry)
    if dry:
        return 0
    signal.signal(signal.SIGTERM, end)
    seconds = float(option(words, "--duration", "0s").removesuffix("s"))
    return {"kill": kill, "pause": pause, "netem": netem, "iptables": iptables, "stress": stress}[command](
        words, found, seconds
    )


def targets(words: list[str]) -> list[str]:
    """What stands at the end, after the last option and its value."""
    last = max(i for i, word in enumerate(words) if word.startswith("--") or word in ("kill", "pause", "delay", "loss"))
    takes_next = words[last].startswith("--") and "=" not in words[last]
    return words[last + 1 + takes_next :]


def kill(words: list[str], found: list[str], seconds: float) -> int:
    for name in found:
        docker("kill", "--signal", option(words, "--signal", "SIGKILL"), name)
    return 0


def pause(words: list[str], found: list[str], seconds: float) -> int:
    for name in found:
        docker("pause", name)
    lasting(seconds)
    for name in found:
        docker("unpause", name)
    return 0


def netem(words: list[str], found: list[str], seconds: float) -> int:
    device, image = option(words, "--interface", "eth0"), option(words, "--tc-image")
    delay = ["delay", f"{option(words, '--time')}ms", f"{option(words, '--jitter', '10')}ms"]
    for name in found:
        added = beside(name, image, "tc", "qdisc", "add", "dev", device, "root", "netem", *delay)
        if added.returncode:
            log(
                "fatal",
                f"tc qdisc add dev {device} root netem {' '.join(delay)} failed with exit code {added.returncode}",
            )
            return 1
    lasting(seconds)
    for name in found:
        beside(name, image, "tc", "qdisc", "del", "dev", device, "root", "netem")
    return 0


def iptables(words: list[str], found: list[str], seconds: float) -> int:
    image, chance = option(words, "--iptables-image"), f"{float(option(words, '--probability')):.2f}"
    rule = ["INPUT", "-i", option(words, "--interface", "eth0"), "-m", "statistic", "--mode", "random"]
    rule += ["--probability", chance, "-j", "DROP"]
    for name in found:
        added = beside(name, image, "iptables", "-I", *rule)
        if added.returncode:
            log("fatal", f"iptables failed with exit code {added.returncode}: {added.stderr.strip()}")
            return 1
    lasting(seconds)
    for name in found:
        beside(name, image, "iptables", "-D", *rule)
    return 0


def stress(words: list[str], found: list[str], seconds: float) -> int:
    image, stressors = option(words, "--stress-image"), option(words, "--stressors").split()
    run = ["run", "-d", "--rm", "--label", "com.gaiaadm.pumba.skip=true", "--entrypoint", "stress-ng", image]
    helpers = [docker(*run, *stressors).strip() for _ in found]
    lasting(seconds)
    for one in helpers:
        subprocess.run(["docker", "rm", "-f", one], capture_output=True, check=False)
    return 0


LEVEL = option(sys.argv, "--log-level", "warning")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
