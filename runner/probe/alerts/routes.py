"""Routes: which branch of an Alertmanager's routing tree an alert takes, and how long its group waits there.

As https://prometheus.io/docs/alerting/latest/configuration/#route has it: the first child that matches takes the alert, further ones
only after `continue`; an alert that no child takes stays; what a route does not say it has from its parent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runner import units
from runner.experiment import findings, source

DEFAULT_GROUP_WAIT_S = 30.0
_MATCHER = re.compile(r'\s*"?([^\s"{},=!~]+)"?\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^,}\s]*)')
_TESTS = {"match": "=", "match_re": "=~"}


@dataclass(frozen=True)
class RouteMatcher:
    """One condition on one label; `value` is a regular expression for `=~` and `!~`."""

    label: str
    op: str
    value: str

    def fits(self, labels: Mapping[str, str], *, whole: bool) -> bool | None:
        """None where that is not known; with `whole` labels one that is not among them is empty."""
        if self.label not in labels and not whole:
            return None
        found = labels.get(self.label, "")
        try:
            same = bool(re.fullmatch(self.value, found)) if "~" in self.op else found == self.value
        except re.error:  # Go knows expressions that we do not
            return None
        return same != self.op.startswith("!")


def group_wait_s(config: str, labels: Mapping[str, str], *, whole: bool) -> float:
    """Seconds that a group of alerts with these labels waits, as an Alertmanager's configuration (YAML) says.

    Where the labels are not the `whole` ones several routes may be taken: the longest wait of those.
    """
    try:
        tree = next(iter(source.parse("alertmanager.yml", config))).tree
    except findings.BrokenExperiment:
        return DEFAULT_GROUP_WAIT_S
    route = tree.get("route") if isinstance(tree, Mapping) else None
    return longest_s(route if isinstance(route, Mapping) else {}, labels, whole=whole)


def longest_s(route: Mapping[str, Any], labels: Mapping[str, str], *, whole: bool) -> float:
    """The same, of a routing tree."""
    return max(_waits(route, labels, DEFAULT_GROUP_WAIT_S, whole))


def _waits(route: Mapping[str, Any], labels: Mapping[str, str], inherited_s: float, whole: bool) -> Iterator[float]:
    """Of every route below that may be taken; at least one."""
    own_s = inherited_s
    if route.get("group_wait") is not None:
        own_s = units.parse_duration(str(route["group_wait"]))
    stays = True
    for child in route.get("routes") or ():
        taken = _fits(child, labels, whole=whole)
        if taken is False:
            continue
        yield from _waits(child, labels, own_s, whole)
        if taken:
            stays = False
            if not child.get("continue"):
                return
    if stays:
        yield own_s


def _fits(route: Mapping[str, Any], labels: Mapping[str, str], *, whole: bool) -> bool | None:
    """All of its conditions; None where some are not known and none is false."""
    found = [matcher.fits(labels, whole=whole) for matcher in _matchers(route)]
    return False if False in found else None if None in found else True


def _matchers(route: Mapping[str, Any]) -> Iterator[RouteMatcher]:
    for key, op in _TESTS.items():
        for label, value in (route.get(key) or {}).items():
            yield RouteMatcher(str(label), op, str(value))
    written = route.get("matchers") or ()
    for text in [written] if isinstance(written, str) else written:
        for label, op, value in _MATCHER.findall(str(text)):
            yield RouteMatcher(label, op, re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value)
    for label, op, value in route.get("object_matchers") or ():  # Grafana's
        yield RouteMatcher(str(label), str(op), str(value))
