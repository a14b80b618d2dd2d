"""Toxiproxy as a fault system. It ends nothing by itself: the undoer takes away what a run made, by name, and touches nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runner import errors
from runner.faults import identity
from runner.faults.base import BaseDriver, BaseSystem
from runner.faults.driver import (
    Activity,
    Claim,
    Environment,
    Evidence,
    FaultTarget,
    Outcome,
    Owner,
    Provider,
    Residue,
    Setting,
    State,
    UndoStep,
    Where,
)
from runner.faults.toxiproxy.fault import DOWN, PLAYGROUNDS, Fault, address
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept

if TYPE_CHECKING:
    from runner.faults.toxiproxy.client import Toxiproxy

NAME = "toxiproxy"
ACTIONS = "runner.faults.toxiproxy.actions"
CHAOSTOXI = "chaostoxi"
"""Its actions are claimed, so that the policy is asked about the Toxiproxy they strike; what they do, they do not say."""
TOXIC, ENABLE = "toxic", "enable-proxy"
GONE = "the playground is gone, and its proxies with it"
CONNECT_S = 2.0


class Driver(BaseDriver):
    """The proxies of one or several Toxiproxy servers, each named by its address."""

    name = NAME
    said = "Toxiproxy"
    undoes: Collection[str] = (TOXIC, ENABLE)
    imports: Collection[str] = ("runner.faults.toxiproxy.client",)
    sees_residue = True

    def claims(self, provider: Provider) -> Claim:
        module = str(provider.get("module") or "")
        return Claim.YES if module == ACTIONS or module.partition(".")[0] == CHAOSTOXI else Claim.NO

    def environment(self, provider: Provider, where: Where) -> Environment:
        """`HOST:PORT` of the API that the action asks."""
        known = where.configuration
        if provider.get("module") == ACTIONS:
            named = str((provider.get("arguments") or {}).get("toxiproxy") or "")
            filled = re.sub(r"\$\{(\w+)\}", lambda m: str(known.get(m[1], "")), named)
            url = address(filled, where.env)
        else:
            host, port = known.get("toxiproxy_host"), known.get("toxiproxy_port") or 8474
            url = address(str(known.get("toxiproxy_url") or f"{host}:{port}"))
        return Environment(system=self.name, name=urlsplit(url).netloc.rpartition("@")[2])

    def concerns(self, args: Mapping[str, Any]) -> str:
        return _toxic(args["proxy"], args["toxic"]) if "toxic" in args else _proxy(args["proxy"])

    def server(self, record: UndoRecord) -> tuple[Any, ...]:
        return (record.args.get("url"),)

    def look_s(self, records: Sequence[UndoRecord]) -> float:
        """One question to each server, asked patiently."""
        return 15.0 * max(1, len({record.args["url"] for record in records}))

    def open(self, setting: Setting) -> System:
        return System(setting)


class System(BaseSystem):
    """Toxiproxy in one run."""

    def __init__(self, setting: Setting) -> None:
        self._run = setting.run

    def resolve(self, activity: Activity) -> FaultTarget | None:
        """The proxy, where it is there and something passes through it; None for chaostoxi's actions and for what only takes away."""
        fault = _fault(activity)
        if fault is None:
            return None
        target = FaultTarget(
            action=activity.name, system=NAME, kind=fault.type, before={"url": fault.url}, settled=True
        )
        from runner.faults.toxiproxy import page

        server = _server(fault.url)
        proxies = server.proxies()
        found = proxies.get(fault.proxy)
        if found is None:
            return replace(target, note=f"{server} has no proxy {fault.proxy!r}: it has {', '.join(proxies) or 'none'}")
        if not found["enabled"]:
            return replace(target, note=f"the proxy {fault.proxy} is disabled already: nothing passes through it")
        playground = server.version().get("playground")
        if fault.type in PLAYGROUNDS and not playground:
            return replace(target, note=f"{server} has no toxic {fault.type}: only the playground's proxies do")
        strangers = [t["name"] for t in found["toxics"] if not identity.is_of(self._run, t["name"])]
        return replace(
            target,
            targets=(_proxy(fault.proxy),),
            objects=() if fault.type == DOWN else (_toxic(fault.proxy, fault.name(self._run)),),
            note=f"somebody else's toxics are in it too: {', '.join(strangers)}" if strangers else "",
            owner=Owner.UNDOER,
            undo=(self._undo(fault, playground),),
            before={"url": fault.url} | ({"page": page.asked(fault.page)} if fault.page else {}),
        )

    def snapshot(self, actions: Sequence[FaultTarget], *, must: bool) -> dict[str, Any]:
        """Every proxy and toxic of the servers that these actions reach."""
        urls = dict.fromkeys(a.before["url"] for a in actions if a.system == NAME and "url" in a.before)
        return {"objects": {url: _state(_server(url)) for url in urls}} if urls else {}

    def confirm(self, activity: Activity, before: FaultTarget) -> Evidence:
        """By what the server lists, and by a page that comes through it; of a disabled proxy, by a connection that is refused."""
        fault = _fault(activity)
        assert fault is not None, "it was resolved"
        found = _server(fault.url).proxy(fault.proxy)
        confirmed, sentence = self._seen(fault, found)
        if confirmed and "page" in before.before:
            from runner.faults.toxiproxy import page

            confirmed, felt = page.verdict(fault, before.before["page"], page.asked(fault.page, page.often(fault)))
            sentence = f"{sentence}; {felt}"
        return Evidence(confirmed=confirmed, sentence=sentence, targets=before.targets if confirmed else ())

    def undo(self, record: UndoRecord, *, hurried: bool = False) -> Outcome:
        """Take our toxic away, by its name; enable the proxy that we disabled, which our sign in it says."""
        from runner.faults.toxiproxy.client import Unanswered

        args, proxy = record.args, record.args["proxy"]
        if _is_gone(args):
            return Outcome(state=State.ALREADY, error=GONE)
        server = _server(args["url"], hurried=hurried)
        try:
            is_toxic = record.kind == TOXIC
            changed = server.remove(proxy, args["toxic"]) if is_toxic else server.release(proxy, args["sign"])
        except Unanswered as problem:
            hint = "Toxiproxy ends nothing by itself: once it answers again, chaos-run recover"
            return Outcome(state=State.FAILED, error=f"{problem.message}; {hint}")
        return Outcome(state=State.UNDONE if changed else State.ALREADY)

    def residue(self, before: Mapping[str, Any], records: Sequence[UndoRecord], kept: Kept) -> Residue:
        """Our toxics and our signs of disabled proxies that are there, by their names; what else changed is somebody else's."""
        objects: Mapping[str, Any] = before.get("objects") or {}
        found = Residue()
        for url in dict.fromkeys([*objects, *(record.args["url"] for record in records)]):
            mine = [record for record in records if record.args["url"] == url]
            found += self._left(url, objects.get(url), mine, kept)
        return found

    def _undo(self, fault: Fault, playground: Any) -> UndoStep:
        where = {"url": fault.url, "proxy": fault.proxy} | ({"playground": playground} if playground else {})
        name = fault.name(self._run)
        if fault.type == DOWN:
            return UndoStep(kind=ENABLE, what=f"enable the proxy {fault.proxy} again", args={**where, "sign": name})
        return UndoStep(kind=TOXIC, what=f"take {name} out of the proxy {fault.proxy}", args={**where, "toxic": name})

    def _seen(self, fault: Fault, found: Mapping[str, Any] | None) -> tuple[bool, str]:
        where = f"the proxy {fault.proxy}"
        if found is None:
            return False, f"{where} is not there any more"
        name = fault.name(self._run)
        if fault.type == DOWN:
            down, sentence = _is_down(found, fault.url, where)
            if not down or any(toxic["name"] == name for toxic in found["toxics"]):
                return down, sentence
            return False, f"{sentence}, but not by this run: {name} is not in it"
        if not found["enabled"]:
            return False, f"{where} is disabled: no toxic in it has an effect"
        wanted = fault.toxic(name)
        if not any(_same(toxic, wanted) for toxic in found["toxics"]):
            return False, f"{where} ({found['listen']} to {found['upstream']}) has no toxic of this action"
        drawn = "" if fault.toxicity == 1 else ", drawn once for each connection"
        return True, f"{where} ({found['listen']} to {found['upstream']}) has {fault}{drawn}"

    def _left(self, url: str, before: Mapping[str, Any] | None, records: Sequence[UndoRecord], kept: Kept) -> Residue:
        from runner.faults.toxiproxy.client import Unanswered

        server = _server(url)
        if any(_is_gone(record.args) for record in records):
            return Residue(cleared=(GONE,))
        try:
            now = _state(server)
        except Unanswered as problem:
            return Residue(residue=(f"whether a toxic of this run is left is not known: {problem.message}",))
        ours = dict(self._ours(now, {r.args["sign"] for r in records if r.kind == ENABLE}))
        meant = [said for name, said in ours.items() if kept.names is None or name in kept.names]
        residue = [said for name, said in ours.items() if said not in meant]
        others = [s for n, s in _changes(before or now, now) if n not in ours and not self._made(n)]
        cleared = () if ours else (f"no toxic of this run is left in {server}",)
        return Residue(residue=tuple(residue), meant=tuple(meant), others=tuple(others), cleared=cleared)

    def _ours(self, now: Mapping[str, Any], signs: Collection[str]) -> Iterator[tuple[str, str]]:
        for proxy, state in now.items():
            for toxic in state["toxics"]:
                there = f"the toxic {toxic} is in the proxy {proxy}"
                if toxic in signs:
                    yield _proxy(proxy), there if state["enabled"] else f"the proxy {proxy} is disabled"
                elif identity.is_of(self._run, toxic):
                    yield _toxic(proxy, toxic), there

    def _made(self, name: str) -> bool:
        return identity.is_of(self._run, name.rpartition("/")[2])


def _fault(activity: Activity) -> Fault | None:
    """What one of our own actions asks for. Raises UsageError for arguments that it does not take."""
    if activity.provider.get("module") != ACTIONS:
        return None
    from runner.faults.toxiproxy.actions import FAULTS

    build = FAULTS.get(str(activity.provider.get("func")))
    try:
        return build(**activity.arguments) if build else None
    except TypeError as problem:
        raise errors.UsageError(f"the action {activity.name!r}: {problem}") from None


def _is_gone(args: Mapping[str, Any]) -> bool:
    """Whether it was a playground's proxy, and that playground has ended."""
    from runner.rundir import processes

    process = args.get("playground")
    return process is not None and not processes.is_alive(process["pid"], process["created"])


def _server(url: str, *, hurried: bool = False) -> Toxiproxy:
    from runner.faults.toxiproxy.client import Toxiproxy

    return Toxiproxy(url, hurried=hurried)


def _state(server: Toxiproxy) -> dict[str, Any]:
    return {
        name: {"enabled": found["enabled"], "toxics": [toxic["name"] for toxic in found["toxics"]]}
        for name, found in server.proxies().items()
    }


def _same(toxic: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(toxic.get(key) == value for key, value in wanted.items() if key != "toxicity") and (
        abs(float(toxic.get("toxicity", 0)) - float(wanted["toxicity"])) < 1e-4  # Toxiproxy keeps 32 bits of it
    )


def _is_down(found: Mapping[str, Any], url: str, where: str) -> tuple[bool, str]:
    """That nobody listens there: refused is the answer of the machine, and not of Toxiproxy."""
    import socket

    if found["enabled"]:
        return False, f"{where} is enabled"
    host, _, port = str(found["listen"]).rpartition(":")
    host = host.strip("[]")
    reached = urlsplit(url).hostname if host in ("", "0.0.0.0", "::") else host
    try:
        with socket.create_connection((reached, int(port)), timeout=CONNECT_S):
            return False, f"{where} is disabled, and {reached}:{port} takes connections all the same"
    except ConnectionRefusedError:
        return True, f"{where} is disabled, and {reached}:{port} refuses connections"
    except OSError as problem:
        return True, f"{where} is disabled, as Toxiproxy says ({reached}:{port} cannot be asked from here: {problem})"


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What differs, by name, with a sentence."""
    for proxy in sorted({*before, *now}):
        was, found = before.get(proxy), now.get(proxy)
        if was is None or found is None:
            yield _proxy(proxy), f"the proxy {proxy} was {'made' if was is None else 'taken away'}"
            continue
        if was["enabled"] != found["enabled"]:
            yield _proxy(proxy), f"the proxy {proxy} was {'enabled' if found['enabled'] else 'disabled'}"
        for toxic in sorted({*was["toxics"]} ^ {*found["toxics"]}):
            done = "put into" if toxic in found["toxics"] else "taken out of"
            yield _toxic(proxy, toxic), f"the toxic {toxic} was {done} the proxy {proxy}"


def _proxy(name: str) -> str:
    return f"proxy/{name}"


def _toxic(proxy: str, name: str) -> str:
    return f"toxic/{proxy}/{name}"
