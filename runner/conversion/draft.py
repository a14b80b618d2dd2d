"""Draft: an experiment on its way into a file, with what its reader has to add as comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runner import units

Activity = Mapping[str, Any]
TRAFFIC = (
    "# What users notice is not in the file that this was converted from. With traffic and objectives it is judged (docs/block.md):",
    "# traffic:",
    "#   - {{name: users, url: {url}, rate: 20/s, timeout: 1s}}",
    "# objectives:",
    "#   - {{name: availability, indicator: users, target: …}}",
    "# abort:",
    "#   - {{error_ratio: {{indicator: users, above: …, over: 10s}}}}",
    "#   - {{duration: …}}",
)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """`name` becomes the file's name, `url` the one that the hint for traffic shows."""

    name: str
    title: str
    description: str
    tags: tuple[str, ...]
    method: tuple[Activity, ...]
    configuration: Mapping[str, Any] = field(default_factory=dict)
    probes: tuple[Activity, ...] = ()
    rollbacks: tuple[Activity, ...] = ()
    block: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""
    hints: tuple[str, ...] = ()
    """Lines of comment at the end of our block."""

    def document(self) -> dict[str, Any]:
        """As a Chaos Toolkit experiment."""
        found: dict[str, Any] = {"title": self.title, "description": self.description, "tags": list(self.tags)}
        if self.configuration:
            found["configuration"] = dict(self.configuration)
        if self.probes:
            probes = [self._literal(one) for one in _named(self.probes)]
            found["steady-state-hypothesis"] = {
                "title": "What was checked before the conversion holds",
                "probes": probes,
            }
        method = [self._literal(one) for one in _named(self.method)]
        found |= {"method": method, "rollbacks": list(self.rollbacks)}
        return found | {"extensions": [{"name": "chaos-run", **self.block}]}

    def _literal(self, activity: Activity) -> Activity:
        """With `$$$$` for `$$`, of which Chaos Toolkit makes `$`: in URLs and patterns, in arguments where there is a configuration."""
        provider, tolerance = dict(activity["provider"]), activity.get("tolerance")
        for key in ("url", "headers", *(("arguments",) if self.configuration else ())):
            if key in provider:
                provider[key] = _doubled(provider[key])
        return {**activity, "provider": provider} | (
            {"tolerance": _doubled(tolerance)} if "tolerance" in activity else {}
        )

    def comments(self) -> list[str]:
        """What stands at the end of our block, for whoever goes on from here."""
        url = self.url or "http://…/"
        alone = () if self.probes else ("# As it is, nothing is watched: a run is INCONCLUSIVE, whatever happens.",)
        return [*alone, *(line.format(url=url) for line in TRAFFIC), *(f"# {line}" for line in self.hints)]

    def with_tags(self, *more: str) -> Draft:
        """With further tags, each once."""
        return replace(self, tags=tuple(dict.fromkeys((*self.tags, *more))))


def action(
    name: str, module: str, func: str, arguments: Mapping[str, Any], *, lasts_s: float | None = None
) -> Activity:
    """A Python action; the method goes on after the time that its fault lasts."""
    found: dict[str, Any] = {"type": "action", "name": name}
    found["provider"] = {"type": "python", "module": module, "func": func, "arguments": dict(arguments)}
    return found | ({"pauses": {"after": _plain(lasts_s)}} if lasts_s else {})


def duration_s(text: str) -> float | None:
    """Seconds of a Go duration; None for what is none."""
    try:
        return units.parse_duration(text)
    except ValueError:
        return None


def _doubled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _doubled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_doubled(inner) for inner in value]
    return value.replace("$$", "$$$$") if isinstance(value, str) else value


def _plain(seconds: float) -> float:
    return int(seconds) if float(seconds).is_integer() else round(seconds, 3)


def _named(activities: Sequence[Activity]) -> Sequence[Activity]:
    """With each name once: `-2`, `-3` behind those that come again."""
    seen: dict[str, int] = {}
    found = []
    for one in activities:
        seen[one["name"]] = count = seen.get(one["name"], 0) + 1
        found.append({**one, "name": f"{one['name']}-{count}"} if count > 1 else one)
    return found
