"""Account: what Litmus itself says of one engine, and what of that means anything.

`initialized` is not applied: an engine stays so for ever when its ChaosExperiment is missing. `engineState: stop` is not aborted: the
operator writes it when all has gone well. What counts is the engine's experiment, and the marks on its ChaosResult.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runner.faults.cluster_api import Object

ENDED = ("completed", "stopped")
BAD = ("ChaosExperiment Not Found", "Skipped", "Forcefully Aborted")
"""States of an experiment that is not there or not any more, without having run to its end."""
BAD_VERDICTS = ("Error", "Fail", "Stopped")
UID = "chaosUID"
"""The label of everything that belongs to an engine."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """One engine and its result, as they were read."""

    engine: Object | None
    result: Object | None

    @property
    def uid(self) -> str:
        """By which the engine's pods are found, also when it is gone itself; empty where nothing says it."""
        if self.engine:
            return str(self.engine["metadata"]["uid"])
        return str(((self.result or {}).get("metadata", {}).get("labels") or {}).get(UID) or "")

    @property
    def status(self) -> str:
        """initialized, completed or stopped; empty where no operator has seen the engine."""
        return str(self._status.get("engineStatus") or "")

    @property
    def ended(self) -> bool:
        """Whether the operator says so, or has never begun."""
        return self.status in ENDED or not self.status

    @property
    def experiment(self) -> str:
        """Running, Completed and the like; empty where none was begun."""
        return str(self._experiment.get("status") or "")

    @property
    def began(self) -> bool:
        return self.experiment in ("Running", "Completed") and not self.trouble

    @property
    def trouble(self) -> str:
        """Why it did not do what it was asked for, in Litmus' own words; empty where nothing says so."""
        if self.experiment in BAD:
            return self.experiment
        said = ((self._own_result or {}).get("status") or {}).get("experimentStatus") or {}
        verdict = str(said.get("verdict") or self._experiment.get("verdict") or "")
        if verdict not in BAD_VERDICTS:
            return ""
        reason = (said.get("errorOutput") or {}).get("reason") or said.get("failStep") or ""
        return f"verdict {verdict}: {reason}" if reason else f"verdict {verdict}"

    def marked(self, *words: str) -> list[str]:
        """The targets, `pod/shop-7d9`, of which it says one of these: targeted, injected, reverted."""
        return sorted({name for name, word in self._marks() if word in words})

    def _marks(self) -> Iterator[tuple[str, str]]:
        """Litmus moves its marks from the annotations into the history at the end; the newest counts."""
        found: dict[str, str] = {}
        for one in ((self._own_result or {}).get("status") or {}).get("history", {}).get("targets") or ():
            found[f"{one.get('kind')}/{one.get('name')}"] = str(one.get("chaosStatus")).lower()
        for name, word in ((self._own_result or {}).get("metadata", {}).get("annotations") or {}).items():
            if name.count("/") == 1 and str(word).lower() in ("targeted", "injected", "reverted"):
                found[name] = str(word).lower()
        yield from found.items()

    @property
    def _own_result(self) -> Object | None:
        """One that an earlier engine of the name has left is not this one's."""
        labels = (self.result or {}).get("metadata", {}).get("labels") or {}
        return self.result if self.engine is None or labels.get(UID) in (None, self.uid) else None

    @property
    def _status(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.engine or {}).get("status") or {}
        return found

    @property
    def _experiment(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = next(iter(self._status.get("experiments") or ()), {})
        return found
