"""A little language for stories about guards: traffic, rules, what happens, and what is expected. See the *.script files.

traffic storefront 100/s timeout 1s
objective availability 99%
objective latency 95% within 500ms
stop when errors above 30% over 5s            | timeouts above … over … | p95 above 1s over 10s
stop when evidence against availability       | budget of availability spent 5% | connection errors above 0
stop when longer than 5m                      | no data for 10s
inject at 10s                                 | from then on guards and the proof of effect look
load 12s good                                 | refused 30% | slow 900ms 20% | hanging | status500 5% | silent
expect no stop
expect stop between 13s and 14s saying "errors"
expect effect between … and … | detection between … and … | recovery after 20s between … and …
expect availability PASS from 10s to 40s
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from runner import units
from runner.slo import burn_rule, effect, recovery, verdict
from runner.slo.guard import Guard
from runner.slo.guard_set import Breach, GuardSet
from runner.slo.guards.budget import BudgetSpent
from runner.slo.guards.connection_errors import ConnectionErrors
from runner.slo.guards.duration import Duration
from runner.slo.guards.error_ratio import ErrorRatio
from runner.slo.guards.evidence import Evidence
from runner.slo.guards.latency import Latency
from runner.slo.guards.no_data import NoData
from runner.slo.guards.timeout_ratio import TimeoutRatio
from runner.slo.objective import Objective
from runner.slo.sample import Flag
from tests.slo.traffic import GOOD, REFUSED, Traffic, at, since


@dataclass
class Load:
    until_s: float
    kind: str
    share: float = 1.0
    latency_s: float = 0.0

    def request(self, number: int, timeout_s: float) -> tuple[int, float]:
        """Evenly spread: the request is hit when the count of hits steps up."""
        if int((number + 1) * self.share) == int(number * self.share):
            return GOOD
        return {
            "good": GOOD,
            "silent": GOOD,
            "refused": REFUSED,
            "slow": (0, self.latency_s),
            "hanging": (int(Flag.TIMEOUT), timeout_s),
            "status500": (int(Flag.UNEXPECTED), 0.002),
        }[self.kind]


@dataclass
class Script:
    """One story, parsed line by line, then played once."""

    path: Path
    name: str = "storefront"
    rate: float = 100.0
    timeout_s: float = 1.0
    objectives: list[Objective] = field(default_factory=list)
    rules: list[Guard] = field(default_factory=list)
    inject_s: float = 0.0
    loads: list[Load] = field(default_factory=list)
    expectations: list[list[str]] = field(default_factory=list)

    def play(self) -> None:
        for line in self.path.read_text().splitlines():
            words = shlex.split(line, comments=True)
            if words:
                getattr(self, f"_{words[0]}")(words[1:])
        self._run()
        for expectation in self.expectations:
            self._check(expectation)

    def _traffic(self, words: list[str]) -> None:
        self.name, self.rate, self.timeout_s = words[0], units.parse_rate(words[1]), units.parse_duration(words[3])

    def _objective(self, words: list[str]) -> None:
        target = units.parse_ratio(words[1])
        if len(words) == 2:
            self.objectives.append(Objective(words[0], self.name, "availability", target))
        else:
            threshold = units.parse_duration(words[3])
            self.objectives.append(Objective(words[0], self.name, "latency", target, threshold))

    def _stop(self, words: list[str]) -> None:
        match words[1:]:
            case ["errors", "above", ratio, "over", window]:
                self.rules.append(ErrorRatio(self.name, units.parse_ratio(ratio), units.parse_duration(window)))
            case ["timeouts", "above", ratio, "over", window]:
                self.rules.append(TimeoutRatio(self.name, units.parse_ratio(ratio), units.parse_duration(window)))
            case [str(percentile), "above", limit, "over", window] if re.fullmatch(r"p[\d.]+", percentile):
                limit_s, over_s = units.parse_duration(limit), units.parse_duration(window)
                self.rules.append(Latency(self.name, limit_s, float(percentile[1:]), over_s))
            case ["connection", "errors", "above", count]:
                self.rules.append(ConnectionErrors(self.name, int(count)))
            case ["evidence", "against", objective]:
                self.rules.append(Evidence(objective))
            case ["budget", "of", objective, "spent", share]:
                self.rules.append(BudgetSpent(objective, units.parse_ratio(share)))
            case ["longer", "than", duration]:
                self.rules.append(Duration(units.parse_duration(duration)))
            case ["no", "data", "for", duration]:
                self.rules.append(NoData(units.parse_duration(duration)))
            case _:
                raise AssertionError(f"{self.path.name}: not a rule: {words}")

    def _inject(self, words: list[str]) -> None:
        self.inject_s = units.parse_duration(words[1])

    def _load(self, words: list[str]) -> None:
        until = units.parse_duration(words[0]) + (self.loads[-1].until_s if self.loads else 0.0)
        rest = words[2:]
        latency = units.parse_duration(rest.pop(0)) if words[1] == "slow" else 0.0
        self.loads.append(Load(until, words[1], units.parse_ratio(rest[0]) if rest else 1.0, latency))

    def _expect(self, words: list[str]) -> None:
        self.expectations.append(words)

    def _tell(self, seconds: float, number: int) -> tuple[int, float]:
        return next(load for load in self.loads if seconds < load.until_s).request(number, self.timeout_s)

    def _run(self) -> None:
        story = Traffic(self.rate, self.loads[-1].until_s, self._tell, self.timeout_s, self.name)
        silent = [
            (a.until_s if a else 0.0, b.until_s)
            for a, b in zip([None, *self.loads], self.loads, strict=False)
            if b.kind == "silent"
        ]
        story.samples = [s for s in story.samples if not any(a <= since(s.intended_ns) < b for a, b in silent)]
        self.samples, series = story.samples, story.series
        guard: Guard | None = None
        burn = burn_rule.BurnRule(self.objectives[0], series) if self.objectives else None
        self.stop: Breach | None = None
        self.stop_s = self.detected_s = 0.0
        self.effect: effect.Effect | None = None
        self.watch: effect.Watch | None = None
        recoveries = {w[2]: recovery.Recovery({self.name: series}, self.objectives, 5, at(units.parse_duration(w[2])))
                      for w in self.expectations if w[0] == "recovery"}  # fmt: skip
        self.recovered: dict[str, float] = {}
        for now in story.ticks():
            if guard is None and now >= at(self.inject_s):
                guard = GuardSet(self.rules, {self.name: series}, self.objectives, now)
                self.watch = effect.Watch(series, (at(0), now), now) if self.inject_s else None
            if guard and self.stop is None and (breach := guard.tick(now, now)):
                self.stop, self.stop_s = breach, since(now)
            if burn and not self.detected_s and burn.tick(now):
                self.detected_s = since(now)
            if self.watch and not self.effect:
                self.effect = self.watch.tick(now)
            for key, search in recoveries.items():
                self.recovered.pop(key, None)
                if (found := search.tick(now)) is not None:
                    self.recovered[key] = since(found.at_ns)

    def _check(self, words: list[str]) -> None:
        where = f"{self.path.name}: expect {' '.join(words)}"
        match words:
            case ["no", "stop"]:
                assert self.stop is None, f"{where}, but at {self.stop_s}: {self.stop}"
            case ["stop", "between", low, "and", high, "saying", text]:
                assert self.stop is not None, where
                assert text in self.stop.sentence, f"{where}, but it said: {self.stop.sentence}"
                self._between(where, self.stop_s, low, high)
            case ["no", "effect"]:
                assert self.effect is None, f"{where}: {self.effect}"
            case ["effect", "between", low, "and", high]:
                assert self.effect is not None, where
                self._between(where, since(self.effect.at_ns), low, high)
            case ["no", "detection"]:
                assert not self.detected_s, f"{where}: {self.detected_s}"
            case ["detection", "between", low, "and", high]:
                self._between(where, self.detected_s, low, high)
            case ["recovery", "after", start, "between", low, "and", high]:
                self._between(where, self.recovered.get(start, -1.0), low, high)
            case ["no", "recovery", "after", start]:
                assert start not in self.recovered, where
            case [name, word, "from", start, "to", end]:
                objective = next(o for o in self.objectives if o.name == name)
                window = at(units.parse_duration(start)), at(units.parse_duration(end))
                found = verdict.judge(objective, self.samples, *window, rate=self.rate, timeout_s=self.timeout_s)
                assert found.verdict.name == word, f"{where}, but {found.sentence}"
            case _:
                raise AssertionError(f"{where}: not understood")

    def _between(self, where: str, value: float, low: str, high: str) -> None:
        low_s, high_s = (units.parse_duration(w) for w in (low, high))
        assert low_s <= value <= high_s, f"{where}, but it was at {value:.2f}s"
