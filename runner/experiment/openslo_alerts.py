"""Alert policies of OpenSLO: burn-rate conditions that a document brings along, offered as guards; what cannot be one is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runner.experiment import findings
from runner.experiment.notes import described
from runner.experiment.openslo_form import Library, OpenSloForm, OpenSloObject, mapping, span
from runner.experiment.source import Steps

_ABOVE, _BELOW = ("gt", "gte"), ("lt", "lte")


@dataclass(frozen=True, kw_only=True)
class OfferedGuard:
    """A guard that can be had for the asking: one burn-rate condition of a policy."""

    policy: str
    above: float
    over_s: float
    note: str = ""
    """What the condition says that a guard does not heed."""


def offers(slo: OpenSloObject, library: Library) -> list[OfferedGuard]:
    """The policies of an SLO, inline and by reference, as far as they can be guards."""
    found: list[OfferedGuard] = []
    policies = mapping(slo.body, "spec").get("alertPolicies")
    for index, entry in enumerate(policies if isinstance(policies, list) else ()):
        at = (*slo.steps, "spec", "alertPolicies", index)
        if (policy := _referenced(slo.form, entry, at, "AlertPolicy", "alertPolicyRef", library)) is not None:
            found += _of_policy(policy, library)
    return found


def _referenced(
    form: OpenSloForm, entry: Any, at: Steps, kind: str, key: str, library: Library
) -> OpenSloObject | None:
    """What stands there, or what is referred to from there."""
    if not isinstance(entry, Mapping) or key in entry:
        name, where = (str(entry[key]), (*at, key)) if isinstance(entry, Mapping) else (str(entry), at)
        if (kind, name) not in library:
            hint = findings.nearest(name, [n for k, n in library if k == kind], what="there are")
            form.notes.warning(
                "openslo", where, f"there is no {kind} '{name}' in this file: it offers no guard", hint=hint
            )
        return library.get((kind, name))
    if not isinstance(entry.get("spec"), Mapping):
        form.deviates(at, f"v1 wants {{{key}: …}} or an inline {kind} here")
        return None
    return OpenSloObject(form, at, kind, entry)


def _of_policy(policy: OpenSloObject, library: Library) -> Iterator[OfferedGuard]:
    spec, at = mapping(policy.body, "spec"), (*policy.steps, "spec")
    conditions = spec.get("conditions")
    if not isinstance(conditions, list) or len(conditions) != 1:
        policy.form.deviates((*at, "conditions"), "v1 wants a policy to have a list of exactly one condition")
    if spec.get("alertWhenBreaching") is False:
        said = f"the policy '{policy.name}' does not alert on a breach (alertWhenBreaching): it offers no guard"
        policy.form.notes.warning("openslo", (*at, "alertWhenBreaching"), said)
        return
    for index, entry in enumerate(conditions if isinstance(conditions, list) else ()):
        where = (*at, "conditions", index)
        condition = _referenced(policy.form, entry, where, "AlertCondition", "conditionRef", library)
        if condition is not None and (made := _offer(policy.name, condition)) is not None:
            yield made


def _offer(policy: str, item: OpenSloObject) -> OfferedGuard | None:
    """One condition; None, and told why, where it is none that our guard can judge."""
    form, at = item.form, (*item.steps, "spec", "condition")
    condition = mapping(mapping(item.body, "spec"), "condition")
    kind, threshold, lookback = (condition.get(k) for k in ("kind", "threshold", "lookbackWindow"))
    if str(kind).lower() != "burnrate":
        said = f"a condition of the kind {described(kind)} is not the burnrate of v1: it offers no guard"
        form.notes.warning("openslo", (*at, "kind"), said)
        return None
    above, over_s = _number(form, threshold, (*at, "threshold")), span(form, lookback, (*at, "lookbackWindow"))
    op = condition.get("op", "gt")
    if op in _BELOW:
        said = f"a burn rate that is {op} {threshold} is none to be alarmed at: taken as above it, as v1's own example means it"
        form.notes.warning("openslo", (*at, "op"), said)
    elif op not in _ABOVE:
        form.notes.warning("openslo", (*at, "op"), f"op cannot be {described(op)}: it offers no guard")
        return None
    if above is None or over_s is None:
        return None
    after = condition.get("alertAfter")
    note = f"at once, without waiting for its alertAfter of {after}" if after not in (None, "0m") else ""
    return OfferedGuard(policy=policy, above=above, over_s=over_s, note=note)


def _number(form: OpenSloForm, value: Any, at: Steps) -> float | None:
    try:
        number = float(value) if not isinstance(value, bool) else 0.0
    except (TypeError, ValueError):
        number = 0.0
    if isinstance(value, str) and number > 0:
        form.deviates(at, "threshold is a number in v1, not text")
    if number > 0:
        return number
    form.notes.warning(
        "openslo", at, f"a threshold has to be a number above 0, not {described(value)}: it offers no guard"
    )
    return None
