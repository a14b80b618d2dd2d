"""Probes of Litmus as probes of the hypothesis, each where the two mean the same; the others are lost, and say why."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from runner.conversion import probes
from runner.conversion.draft import Activity, duration_s
from runner.conversion.fields import Field
from runner.experiment.findings import BrokenExperiment

EDGES = ("sot", "eot", "edge")
MODES: Mapping[str, str] = {
    "sot": "it is asked before the method, and again afterwards",
    "eot": "it is asked after the method, and before it too: what does not hold before is not tested",
    "continuous": "it is asked before, during and after the method",
    "onchaos": "it is asked during the method, and before and after it too",
}
"""What the hypothesis makes of a mode other than Edge."""
RUN: Mapping[str, str] = {
    "retry": "one answer that is wrong counts: it is not asked again until it is right",
    "attempt": "one answer that is wrong counts: it is not asked again until it is right",
    "interval": "how long it waits before a retry; here is none",
    "evaluationTimeout": "one answer decides",
    "initialDelay": "it is asked at once",
    "initialDelaySeconds": "it is asked at once",
    "stopOnFailure": "a check that fails fails the run, and ends it only by a guard: see abort in docs/block.md",
    "verbosity": "what was asked and answered is on record",
}
HERE = "the command runs where chaos-run runs, and not in a pod of Litmus: it needs there what it calls"


@dataclass(frozen=True, kw_only=True)
class Probes:
    """The hypothesis that they make together."""

    activities: tuple[Activity, ...] = ()
    block: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""


def read(given: Sequence[Field]) -> Probes:
    """All probes of an engine."""
    kept = [(one, activity) for one in given if (activity := _readable(one)) is not None]
    if not kept:
        return Probes()
    during = any(_mode(one) not in EDGES for one, _ in kept)
    for one, _ in kept:
        if during and _mode(one) in EDGES:
            one["mode"].change(
                "with the others it is asked during the method too, where Litmus did not look: if it may fail there, take it out"
            )
        elif why := MODES.get(_mode(one)):
            one["mode"].change(why)
        else:
            one["mode"].take()
    urls = [a["provider"]["url"] for one, a in kept if one["type"].value == "httpProbe"]
    hypothesis = _often([one for one, _ in kept]) if during else {"during": False}
    return Probes(
        activities=tuple(activity for _, activity in kept),
        block={"hypothesis": hypothesis} if hypothesis else {},
        url=urls[0] if urls else "",
    )


def _readable(one: Field) -> Activity | None:
    """None, and lost, for one that Litmus itself would not take either."""
    try:
        return _probe(one)
    except BrokenExperiment as problem:
        one.lose(problem.found[0].message)
        return None


def _probe(one: Field) -> Activity | None:
    """None, and lost, for one that means something else here."""
    kind, run = one["type"].text(), one["runProperties"]
    make = _MAKE.get(kind)
    if make is None:
        one.lose(
            f"a {kind or 'probe without a type'} cannot be converted: write a probe of your own (`chaos-run checks` lists ready ones)"
        )
        return None
    for key, why in RUN.items():
        run[key].lose(why)
    timeout_s = _seconds(run["probeTimeout"])
    if timeout_s is None:
        timeout_s = run["probeTimeout"].assume(5, "a probe needs an end")
    found = make(one, one[f"{kind}/inputs"], timeout_s)
    if isinstance(found, str):
        one.lose(found)
        return None
    return probes.probe(one["name"].text() or kind, *found)


Made = tuple[Mapping[str, Any], Any] | str
"""Provider and tolerance; or why there are none."""


def _http(one: Field, inputs: Field, timeout_s: float) -> Made:
    method = next((m for m in ("get", "post") if inputs["method"][m].value is not None), "get")
    asked = inputs["method"][method]
    criteria, code = asked["criteria"].text() or "==", asked["responseCode"].text()
    tolerance = _status(criteria, code)
    if tolerance is None or not inputs["url"]:
        return f"only a URL whose status is compared by == or oneOf can be converted, not by {criteria} with {code or 'nothing'}"
    headers = {"Content-Type": kind} if (kind := asked["contentType"].text()) else {}
    url = probes.asked_url(inputs["url"])
    provider = probes.http(url, timeout_s=timeout_s, method=method.upper(), headers=headers)
    if text := asked["body"].text():
        provider = probes.body(provider, text)
    asked["bodyPath"].lose("a file in a pod of Litmus: write the body itself")
    if inputs["insecureSkipVerify"].take() is True:
        provider["verify_tls"] = False
    if limit := inputs["responseTimeout"].number():  # milliseconds, for each single answer
        provider["timeout"] = limit / 1000
        one["runProperties"]["probeTimeout"].lose("responseTimeout ends each single answer, and it is asked once")
    return provider, tolerance


def _status(criteria: str, code: str) -> Any:
    codes = [part.strip() for part in code.strip("[]").split(",")]
    if not all(part.isdigit() for part in codes):
        return None
    if criteria == "==" and len(codes) == 1:
        return int(code)
    return [int(part) for part in codes] if criteria.lower() == "oneof" else None


def _prometheus(one: Field, inputs: Field, timeout_s: float) -> Made:
    """The comparison becomes a part of the query, which then has exactly one series while it holds.

    Of several series Litmus takes none, and one of them may well be within the comparison: that there is one only is asked too.
    """
    compared = inputs["comparator"]
    criteria, value = compared["criteria"].text(), compared["value"].text()
    compared["type"].lose("a value of Prometheus is a number")
    condition = _promql(criteria, value)
    if condition is None or not inputs["query"] or not inputs["endpoint"]:
        how = f"{criteria} {value}".strip() or "with nothing"
        return f"it is compared {how}, and needs endpoint: and query: that cannot be converted"
    query = " ".join(inputs["query"].text().split())
    url = f"{probes.asked_url(inputs['endpoint']).rstrip('/')}/api/v1/query"
    asked = f"({query}) {condition} and on() (count({query}) == 1)"
    provider = probes.http(url, timeout_s=timeout_s) | {"arguments": {"query": asked}}
    return provider, {"type": "jsonpath", "path": "$.data.result[*]", "count": 1, "target": "body"}


def _promql(criteria: str, value: str) -> str | None:
    numbers = [part.strip() for part in value.strip("[]").split(",")]
    if not all(re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", number) for number in numbers):
        return None
    if criteria in ("==", "!=", "<", "<=", ">", ">=") and len(numbers) == 1:
        return f"{criteria} {numbers[0]}"
    if criteria.lower() == "between" and len(numbers) == 2:
        return f">= {numbers[0]} <= {numbers[1]}"
    return None


def _command(one: Field, inputs: Field, timeout_s: float) -> Made:
    """A command that fails says nothing, and its probe does not hold, whatever it is compared with."""
    compared = inputs["comparator"]
    kind, criteria, value = (compared[key].text() for key in ("type", "criteria", "value"))
    if inputs["source"]:
        return "it runs in a container of its own: write a probe that runs where chaos-run runs"
    same = _SAME.get(criteria.lower()) if kind.lower() in ("string", "") else None
    make = _COMPARED.get(kind.lower())
    tolerance = 0 if same else make(criteria, value, "stdout") if make else None
    if tolerance is None or not inputs["command"]:
        return f"its {kind or 'text'} is compared {f'{criteria} {value}'.strip() or 'with nothing'}: that cannot be converted"
    command = f"said=$({inputs['command'].change(HERE)}\n) && "
    command += f'test "$said" {same} {shlex.quote(value)}' if same else 'printf %s "$said"'
    return {"type": "process", "path": "sh", "arguments": ["-c", command], "timeout": timeout_s}, tolerance


_COMPARED: Mapping[str, Callable[[str, str, str], Any]] = {
    "string": probes.matched,
    "": probes.matched,
    "int": probes.compared,
    "float": partial(probes.compared, whole=False),
}
_SAME = {"equal": "=", "equals": "=", "==": "=", "notequal": "!=", "!=": "!="}


def _kubernetes(one: Field, inputs: Field, timeout_s: float) -> Made:
    """By kubectl, whose failure is never taken for "there is none"."""
    operation = inputs["operation"].text().lower()
    resource, version, group = (inputs[key].text() for key in ("resource", "version", "group"))
    if operation not in ("present", "absent") or not resource:
        return f"it {operation or 'does nothing that is known'}s an object, and does not only look: write an action of your own"
    words = ["kubectl", "get", f"{resource}.{version}.{group}" if group and version else resource]
    if not group:
        inputs["version"].lose("kubectl asks for the version that the cluster prefers")
    names = [name for name in re.split(r"[,\s]+", inputs["resourceNames"].text()) if name]
    chosen = [word for key, option in _SELECTORS.items() if (text := inputs[key].text()) for word in (option, text)]
    if names and chosen:
        return "objects by their names and by selectors at once: write which of them is meant"
    words += _where(inputs["namespace"], named=bool(names))
    one["data"].lose("nothing is created")
    asked = shlex.join([*words, *names, *chosen, "-o", "name"])
    if operation == "absent":
        asked = f'found=$({asked} --ignore-not-found) && test -z "$found"'
    elif not names:
        asked = f'found=$({asked}) && test -n "$found"'
    return {"type": "process", "path": "sh", "arguments": ["-c", asked], "timeout": timeout_s}, 0


def _where(namespace: Field, *, named: bool) -> list[str]:
    """Litmus looks in every namespace where none is said; by a name kubectl looks in one alone."""
    if space := namespace.text():
        return ["-n", space]
    if not named:
        return ["-A"]
    namespace.assume(
        "that of kubectl's context",
        "without it Litmus finds no named object that is in a namespace, and kubectl looks in its context's: say which is meant",
    )
    return []


_SELECTORS = {"labelSelector": "-l", "fieldSelector": "--field-selector"}


_MAKE: Mapping[str, Callable[[Field, Field, float], Made]] = {
    "httpProbe": _http,
    "promProbe": _prometheus,
    "cmdProbe": _command,
    "k8sProbe": _kubernetes,
}


def _mode(one: Field) -> str:
    return str(one["mode"].value or "edge").lower()


def _often(kept: Sequence[Field]) -> dict[str, str]:
    """How often the hypothesis is asked: as often as the first probe says that is asked again and again."""
    found: dict[str, str] = {}
    for one in kept:
        polled = one["runProperties"]["probePollingInterval"]
        seconds = _seconds(polled)
        if seconds and not found and _mode(one) not in EDGES:
            found = {"frequency": f"{seconds:g}s"}
        elif polled:
            polled.lose("all probes of a hypothesis are asked equally often, as the first one says")
    return found


def _seconds(field: Field) -> float | None:
    """Litmus writes seconds as a number, or with their unit."""
    if isinstance(field.value, str) and not field.value.strip().isdigit():
        found = duration_s(field.text()) if field.value.strip() else None
        if found is None and field:
            field.refuse(f"{field.value!r} is not a duration", "write for example 5s")
        return int(found) if found is not None and found.is_integer() else found
    return field.number()
