"""The Toxiproxy driver against a real Toxiproxy: every fault bites real connections, is seen, and is taken away; no other is touched."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from runner import errors
from runner.faults import conformance, identity
from runner.faults.conformance import Trial, Trouble
from runner.faults.driver import Activity, Claim, FaultTarget, Owner, Setting, State, Where
from runner.faults.kubernetes.driver import Driver as Kubernetes
from runner.faults.toxiproxy import actions
from runner.faults.toxiproxy.driver import Driver
from runner.playground import start
from runner.rundir.ledger import UndoRecord
from runner.rundir.start_message import Kept
from runner.safety import policy
from tests.fakes.listening import Quiet, listening
from tests.faults import toxiproxy_server
from tests.faults.test_conformance import NoSecrets
from tests.faults.toxiproxy_server import Front, ask, make_proxy

MODULE = "runner.faults.toxiproxy.actions"
RUN = "20260101-000000-test"
SETTING = Setting(run=RUN, secrets=NoSecrets())
_names = map("shop-{}".format, itertools.count())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with toxiproxy_server.running(tmp_path_factory.mktemp("toxiproxy")) as url:
        yield url


@pytest.fixture
def toxiproxy(server: str) -> Iterator[str]:
    """The same for all tests, with no proxies at the start of each."""
    yield server
    for proxy in ask(server, "GET", "/proxies")[1]:
        ask(server, "DELETE", f"/proxies/{proxy}")


@pytest.fixture
def before_it(toxiproxy: str) -> Iterator[Front]:
    with toxiproxy_server.front(toxiproxy) as found:
        yield found


@pytest.fixture
def shop() -> Iterator[str]:
    """An HTTP service, as `HOST:PORT`."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.answer(b"x" * FULL)

    with listening(Handler) as url:
        yield url.removeprefix("http://")


@pytest.fixture(autouse=True)
def _of_one_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The actions are called as the worker calls them, with the run's id in their environment."""
    monkeypatch.setenv(identity.VARIABLE, RUN)
    identity.run_id.cache_clear()
    yield
    identity.run_id.cache_clear()


def activity(func: str, **arguments: Any) -> Activity:
    provider = {"type": "python", "module": MODULE, "func": func, "arguments": arguments}
    return Activity(name=func, provider=provider, arguments=arguments)


def act(asked: Activity) -> None:
    getattr(actions, asked.provider["func"])(**asked.arguments)


@dataclass(frozen=True)
class Page:
    """How it came."""

    took_s: float
    bytes: int
    broke: str = ""

    @property
    def whole(self) -> bool:
        return self.bytes == FULL and not self.broke


def fetch(listen: str, path: str = "/") -> Page:
    """The shop's page through a proxy, on a connection of its own."""
    host, _, port = listen.rpartition(":")
    began, got = time.monotonic(), b""
    try:
        with socket.create_connection((host, int(port)), timeout=2) as line:
            line.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            while data := line.recv(65536):
                got += data
    except OSError as problem:
        return Page(time.monotonic() - began, _body(got), type(problem).__name__)
    return Page(time.monotonic() - began, _body(got))


def _body(answer: bytes) -> int:
    return len(answer.partition(b"\r\n\r\n")[2])


def records(target: FaultTarget) -> list[UndoRecord]:
    return [UndoRecord(number=n, kind=s.kind, what=s.what, args=dict(s.args)) for n, s in enumerate(target.undo, 1)]


def toxics(url: str, proxy: str) -> list[str]:
    return [toxic["name"] for toxic in ask(url, "GET", f"/proxies/{proxy}")[1]["toxics"]]


def enable(url: str, proxy: str, *, enabled: bool) -> None:
    assert ask(url, "PATCH", f"/proxies/{proxy}", {"enabled": enabled})[0] == 200


class Stranger:
    """Somebody else, who has a toxic in our proxy and a fault in another."""

    def __init__(self, url: str, proxy: str, other: str) -> None:
        self.url, self.proxy, self.other = url, proxy, other

    def act(self) -> None:
        ask(self.url, "POST", f"/proxies/{self.proxy}/toxics", {"name": "theirs", "type": "latency"})
        ask(self.url, "POST", f"/proxies/{self.other}/toxics", {"name": "theirs", "type": "latency"})
        ask(self.url, "PATCH", f"/proxies/{self.other}", {"enabled": False})

    def untouched(self) -> bool:
        other = ask(self.url, "GET", f"/proxies/{self.other}")[1]
        return toxics(self.url, self.proxy) == ["theirs"] and not other["enabled"] and len(other["toxics"]) == 1


@pytest.mark.parametrize(
    ("func", "arguments"), [("add_latency", {"latency_ms": 50, "jitter_ms": 5}), ("disable_proxy", {})]
)
def test_it_conforms_on_a_real_toxiproxy(func: str, arguments: Mapping[str, Any], before_it: Front, shop: str) -> None:
    proxy, other = next(_names), next(_names)
    listen = make_proxy(before_it.behind, proxy, shop)
    make_proxy(before_it.behind, other, shop)
    stranger = Stranger(before_it.behind, proxy, other)
    asked = activity(func, proxy=proxy, toxiproxy=before_it.url, **arguments)

    def leftover() -> None:
        name = actions.FAULTS[func](**asked.arguments).name(RUN)
        toxic = {"name": name, "type": "latency", "attributes": {"latency": 1}, "toxicity": 0.1}
        assert ask(before_it.behind, "POST", f"/proxies/{proxy}/toxics", toxic)[0] == 200

    def bring_back() -> None:
        body = {"name": proxy, "listen": listen, "upstream": shop}
        assert ask(before_it.behind, "POST", "/proxies", body)[0] == 201

    @contextlib.contextmanager
    def disabled_by_somebody_else() -> Iterator[Callable[[], bool]]:
        enable(before_it.behind, proxy, enabled=False)
        yield lambda: not ask(before_it.behind, "GET", f"/proxies/{proxy}")[1]["enabled"]
        enable(before_it.behind, proxy, enabled=True)

    @contextlib.contextmanager
    def troubled(trouble: Trouble) -> Iterator[Setting]:
        with before_it.troubled(trouble):
            yield SETTING

    trial = Trial(
        setting=SETTING,
        activity=asked,
        act=lambda: act(asked),
        nothing=activity(func, proxy="typo", toxiproxy=before_it.url, **arguments),
        others=stranger.act,
        untouched=stranger.untouched,
        leftover=leftover,
        alike=disabled_by_somebody_else if func == "disable_proxy" else None,
        remove_target=lambda: ask(before_it.behind, "DELETE", f"/proxies/{proxy}"),
        restore_target=bring_back,
        troubled=troubled,
        limit_s=10,
    )
    assert conformance.check(Driver(), trial) == []
    assert not {path for _, path in before_it.asked} & {"/reset", "/populate"}
    assert before_it.agents == {"chaos-run"}


FULL = 20000
"""Bytes that a page has."""
BITES: Mapping[str, tuple[Mapping[str, Any], Callable[[Page], bool]]] = {
    "add_latency": ({"latency_ms": 300}, lambda page: page.took_s > 0.29 and page.whole),
    "limit_bandwidth": ({"rate_kb_s": 40}, lambda page: page.took_s > 0.3 and page.whole),
    "delay_close": ({"delay_ms": 300}, lambda page: page.took_s > 0.29 and page.whole),
    "stop_data": ({"timeout_ms": 100}, lambda page: page.bytes == 0),
    "reset_connections": ({}, lambda page: page.bytes == 0 and page.broke == "ConnectionResetError"),
    "slice_data": ({"average_bytes": 1000, "delay_us": 20000}, lambda page: page.took_s > 0.29 and page.whole),
    "limit_data": ({"limit_bytes": 500}, lambda page: 0 < page.bytes < 500 and not page.broke),
    "disable_proxy": ({}, lambda page: page.broke == "ConnectionRefusedError"),
}
"""Each action with its dose, and what a client must feel of it."""
CANNOT_TELL = ("delay_close", "slice_data")
"""What a page that is whole does not show."""


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The playground's."""
    read, held = os.pipe()
    found = asyncio.run(start.start(tmp_path_factory.mktemp("playground"), lifeline=read))
    os.close(read)
    yield found.urls["toxiproxy"]
    asyncio.run(found.stop())
    os.close(held)


@pytest.mark.parametrize("func", BITES)
@pytest.mark.parametrize("which", ["toxiproxy", "playground"])
def test_each_action_bites_is_seen_and_ends(func: str, which: str, request: pytest.FixtureRequest) -> None:
    """The playground's links feel like a real Toxiproxy."""
    assert {*BITES, "answer_errors", "limit_connections"} == set(actions.FAULTS)
    arguments, bites = BITES[func]
    if which == "toxiproxy":
        url, path, proxy = request.getfixturevalue("toxiproxy"), "/", next(_names)
        listen = make_proxy(url, proxy, request.getfixturevalue("shop"))
    else:
        url, path, proxy = request.getfixturevalue("links"), f"/echo?msg={'x' * FULL}", "shop"
        listen = ask(url, "GET", "/proxies/shop")[1]["listen"]
    asked = activity(func, proxy=proxy, toxiproxy=url, page=f"http://{listen}{path}", **arguments)
    assert fetch(listen, path).whole
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    assert target.owner == Owner.UNDOER
    assert target.ttl_s is None

    act(asked)

    assert bites(page := fetch(listen, path)), page
    evidence = system.confirm(asked, target)
    assert evidence.confirmed, evidence.sentence
    assert re.search("ms before and takes|pages did not come as before", evidence.sentence) or func in CANNOT_TELL
    (step,) = target.undo
    assert system.undo(UndoRecord(number=1, kind=step.kind, what=step.what, args=step.args)).state is State.UNDONE
    assert fetch(listen, path).whole
    assert toxics(url, proxy) == []


@pytest.mark.parametrize(("func", "arguments"), [("add_latency", {"latency_ms": 300}), ("disable_proxy", {})])
def test_a_disabled_proxy_is_no_target_and_a_toxic_in_it_no_effect(
    func: str, arguments: Mapping[str, Any], toxiproxy: str, shop: str
) -> None:
    make_proxy(toxiproxy, proxy := next(_names), shop)
    asked = activity(func, proxy=proxy, toxiproxy=toxiproxy, **arguments)
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    act(asked)
    assert ask(toxiproxy, "PATCH", f"/proxies/{proxy}", {"enabled": False})[0] == 200

    if func == "add_latency":
        evidence = system.confirm(asked, target)
        assert not evidence.confirmed
        assert evidence.sentence == f"the proxy {proxy} is disabled: no toxic in it has an effect"
    now = system.resolve(asked)
    assert now is not None
    assert now.resolved
    assert not now.targets
    assert not now.undo, "somebody else disabled it, who may enable it again"
    assert now.note == f"the proxy {proxy} is disabled already: nothing passes through it"
    with pytest.raises(errors.EnvironmentFailure, match="is disabled: nothing passes through it"):
        act(asked)


def test_a_proxy_that_somebody_else_disabled_before_the_action_came_to_it_stays_disabled(
    toxiproxy: str, shop: str
) -> None:
    make_proxy(toxiproxy, proxy := next(_names), shop)
    asked = activity("disable_proxy", proxy=proxy, toxiproxy=toxiproxy)
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    before = system.snapshot([target], must=True)
    enable(toxiproxy, proxy, enabled=False)
    with pytest.raises(errors.EnvironmentFailure, match="is disabled: nothing passes through it"):
        act(asked)

    evidence = system.confirm(asked, target)
    assert not evidence.confirmed
    assert "is disabled, and 127.0.0.1:" in evidence.sentence
    assert ", but not by this run: chaosrun-" in evidence.sentence
    (record,) = records(target)
    assert system.undo(record).state is State.ALREADY
    assert actions.enable_proxy(proxy, toxiproxy) is False
    assert not ask(toxiproxy, "GET", f"/proxies/{proxy}")[1]["enabled"]
    found = system.residue(before, [record], Kept())
    assert found.residue == ()
    assert found.others == (f"the proxy {proxy} was disabled",)


@pytest.mark.parametrize("which", ["toxiproxy", "playground"])
def test_an_action_or_an_undo_that_died_before_its_last_request_is_undone(
    which: str, request: pytest.FixtureRequest
) -> None:
    """There is the sign alone, which does nothing."""
    if which == "toxiproxy":
        url, path, proxy = request.getfixturevalue("toxiproxy"), "/", next(_names)
        listen = make_proxy(url, proxy, request.getfixturevalue("shop"))
    else:
        url, path, proxy = request.getfixturevalue("links"), f"/echo?msg={'x' * FULL}", "shop"
        listen = ask(url, "GET", "/proxies/shop")[1]["listen"]
    asked = activity("disable_proxy", proxy=proxy, toxiproxy=url)
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    act(asked)
    enable(url, proxy, enabled=True)
    (sign,) = toxics(url, proxy)
    assert fetch(listen, path).whole

    (record,) = records(target)
    assert system.residue({}, [record], Kept()).residue == (f"the toxic {sign} is in the proxy {proxy}",)
    assert system.undo(record).state is State.UNDONE
    assert toxics(url, proxy) == []
    assert system.residue({}, [record], Kept()).residue == ()
    assert fetch(listen, path).whole


def test_the_sign_is_there_before_the_proxy_is_disabled_and_until_it_is_enabled(before_it: Front, shop: str) -> None:
    """Whoever dies in between: what was disabled by the run is never without it."""
    make_proxy(before_it.behind, proxy := next(_names), shop)
    asked = activity("disable_proxy", proxy=proxy, toxiproxy=before_it.url)
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    act(asked)
    (sign,) = toxics(before_it.behind, proxy)
    (record,) = records(target)
    assert system.undo(record).state is State.UNDONE

    there, writes = f"/proxies/{proxy}", [one for one in before_it.asked if one[0] != "GET"]
    toxic = f"{there}/toxics"
    assert writes == [("POST", toxic), ("PATCH", there), ("PATCH", there), ("DELETE", f"{toxic}/{sign}")]


def test_a_proxy_that_listens_although_it_is_said_to_be_disabled_is_seen(before_it: Front, shop: str) -> None:
    make_proxy(before_it.behind, proxy := next(_names), shop)
    asked = activity("disable_proxy", proxy=proxy, toxiproxy=before_it.url)
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    act(asked)
    enable(before_it.behind, proxy, enabled=True)

    before_it.says_disabled = True

    evidence = system.confirm(asked, target)
    assert not evidence.confirmed
    assert "takes connections all the same" in evidence.sentence


def test_a_share_of_the_connections_is_hit_and_the_evidence_says_that_it_is_drawn(toxiproxy: str, shop: str) -> None:
    listen = make_proxy(toxiproxy, proxy := next(_names), shop)
    asked = activity("reset_connections", proxy=proxy, toxiproxy=toxiproxy, toxicity=0.5)
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    act(asked)

    pages = [fetch(listen) for _ in range(40)]
    assert {page.bytes for page in pages} == {0, FULL}
    assert {page.broke for page in pages} == {"ConnectionResetError"}, "as the action's words say"
    sentence = system.confirm(asked, target).sentence
    assert "on 0.5 of all connections (downstream), drawn once for each connection" in sentence


def test_a_toxic_that_somebody_made_milder_is_no_proof(toxiproxy: str, shop: str) -> None:
    make_proxy(toxiproxy, proxy := next(_names), shop)
    asked = activity("add_latency", proxy=proxy, toxiproxy=toxiproxy, latency_ms=300)
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    act(asked)
    (name,) = toxics(toxiproxy, proxy)
    assert ask(toxiproxy, "PATCH", f"/proxies/{proxy}/toxics/{name}", {"attributes": {"latency": 1}})[0] == 200

    assert not system.confirm(asked, target).confirmed


def test_what_others_do_meanwhile_is_told_as_theirs(toxiproxy: str, shop: str) -> None:
    make_proxy(toxiproxy, proxy := next(_names), shop)
    system = Driver().open(SETTING)
    target = system.resolve(activity("add_latency", proxy=proxy, toxiproxy=toxiproxy, latency_ms=300))
    assert target is not None
    before = system.snapshot([target], must=True)

    ask(toxiproxy, "POST", f"/proxies/{proxy}/toxics", {"name": "theirs", "type": "latency"})

    found = system.residue(before, [], Kept())
    assert found.others == (f"the toxic theirs was put into the proxy {proxy}",)
    assert found.cleared == (f"no toxic of this run is left in Toxiproxy at {toxiproxy.removeprefix('http://')}",)
    assert not found.residue


def test_a_server_that_is_not_there_is_named_with_what_to_do(free_port: Callable[[], int]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    record = UndoRecord(number=1, kind="toxic", what="", args={"url": url, "proxy": "shop", "toxic": "t"})

    outcome = Driver().open(SETTING).undo(record, hurried=True)
    assert outcome.state is State.FAILED
    assert "cannot be reached" in str(outcome.error)
    assert "chaos-run recover" in str(outcome.error)


@pytest.mark.parametrize(
    ("func", "arguments", "said"),
    [
        ("add_latency", {"latency_ms": "soon"}, "latency_ms is 'soon'"),
        ("add_latency", {"latency_ms": 0}, "latency_ms is 0, and has to be a whole number from 1 up"),
        ("add_latency", {"latency_ms": 5, "toxicity": 0}, "toxicity is 0, and has to be more than 0"),
        ("add_latency", {"latency_ms": 5, "stream": "up"}, "stream is 'up'"),
        ("slice_data", {"average_bytes": 5, "variation_bytes": 5}, "less than average_bytes"),
        ("add_latency", {"latency": 5}, "unexpected keyword argument 'latency'"),
    ],
)
def test_a_dose_that_makes_no_sense_is_refused_before_anything_is_asked(
    func: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(errors.UsageError, match=said):
        Driver().open(SETTING).resolve(activity(func, proxy="shop", **arguments))


@pytest.mark.parametrize(
    ("provider", "where", "named", "sandbox"),
    [
        ({"arguments": {"toxiproxy": "http://127.0.0.1:18474/"}}, {}, "127.0.0.1:18474", True),
        ({"arguments": {"toxiproxy": "${url}"}}, {"configuration": {"url": "toxiproxy.shop:8474"}}, "toxiproxy.shop:8474", False),
        ({}, {"env": {"TOXIPROXY_URL": "http://10.0.0.7:8474"}}, "10.0.0.7:8474", False),
        ({}, {}, "127.0.0.1:8474", True),
        ({"module": "chaostoxi.toxic.actions"}, {"configuration": {"toxiproxy_host": "10.0.0.7"}}, "10.0.0.7:8474", False),
        ({"module": "chaostoxi.toxic.actions"}, {"configuration": {"toxiproxy_url": "http://localhost:1"}}, "localhost:1", True),
    ],
)  # fmt: skip
def test_its_environment_is_the_server_that_is_asked_and_only_this_machine_is_a_sandbox(
    provider: dict[str, Any], where: dict[str, Any], named: str, sandbox: bool
) -> None:
    provider = {"type": "python", "module": MODULE, "func": "add_latency"} | provider
    assert Driver().claims(provider) is Claim.YES
    assert Kubernetes().claims(provider) is Claim.NO, "no cluster is handed to it"
    found = Driver().environment(provider, Where(**where))
    assert (found.name, policy.is_sandbox(found)) == (named, sandbox)


def test_a_leftover_of_the_very_name_gives_way(toxiproxy: str, shop: str) -> None:
    make_proxy(toxiproxy, proxy := next(_names), shop)
    asked = activity("add_latency", proxy=proxy, toxiproxy=toxiproxy, latency_ms=300)
    name = actions.FAULTS["add_latency"](**asked.arguments).name(RUN)
    toxic = {"name": name, "type": "latency", "attributes": {"latency": 1}}
    assert ask(toxiproxy, "POST", f"/proxies/{proxy}/toxics", toxic)[0] == 200
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None

    act(asked)

    assert toxics(toxiproxy, proxy) == [name]
    assert system.confirm(asked, target).confirmed


def test_the_rollback_for_plain_chaos_run_takes_away_what_the_run_made_and_no_more(toxiproxy: str, shop: str) -> None:
    make_proxy(toxiproxy, proxy := next(_names), shop)
    ask(toxiproxy, "POST", f"/proxies/{proxy}/toxics", {"name": "theirs", "type": "latency"})
    act(activity("add_latency", proxy=proxy, toxiproxy=toxiproxy, latency_ms=300))
    act(activity("limit_data", proxy=proxy, toxiproxy=toxiproxy, limit_bytes=300))

    assert len(actions.remove_toxics(proxy, toxiproxy)) == 2
    assert toxics(toxiproxy, proxy) == ["theirs"]
    assert actions.remove_toxics(proxy, toxiproxy) == []

    act(activity("disable_proxy", proxy=proxy, toxiproxy=toxiproxy))
    assert actions.remove_toxics(proxy, toxiproxy) == [], "the sign goes with the proxy's being disabled"
    assert actions.enable_proxy(proxy, toxiproxy) is True
    assert ask(toxiproxy, "GET", f"/proxies/{proxy}")[1]["enabled"]
    assert toxics(toxiproxy, proxy) == ["theirs"]
    assert actions.enable_proxy(proxy, toxiproxy) is False


@pytest.mark.parametrize(("func", "arguments"), [("answer_errors", {}), ("limit_connections", {"connections": 1})])
def test_what_only_the_playground_has_finds_no_target_in_a_toxiproxy(
    func: str, arguments: Mapping[str, Any], toxiproxy: str, shop: str
) -> None:
    make_proxy(toxiproxy, proxy := next(_names), shop)
    asked = activity(func, proxy=proxy, toxiproxy=toxiproxy, **arguments)

    found = Driver().open(SETTING).resolve(asked)

    assert found is not None
    assert not found.targets
    assert "only the playground's proxies do" in found.note
    with pytest.raises(errors.EnvironmentFailure, match="invalid toxic type"):
        act(asked)


def test_with_its_playground_a_toxic_is_gone(links: str) -> None:
    gone = {"pid": os.getpid(), "created": 1.0}
    args = {"url": "http://127.0.0.1:9", "proxy": "shop", "toxic": "t", "playground": gone}
    record = UndoRecord(number=1, kind="toxic", what="", args=args)
    system = Driver().open(SETTING)

    assert system.undo(record).state is State.ALREADY
    assert system.residue({}, [record], Kept()).cleared == ("the playground is gone, and its proxies with it",)
    target = system.resolve(activity("add_latency", proxy="shop", toxiproxy=links, latency_ms=1))
    assert target is not None
    living = UndoRecord(number=1, kind="toxic", what="", args={**args, "playground": target.undo[0].args["playground"]})
    assert system.undo(living, hurried=True).state is State.FAILED, "it lives, and its proxies do not answer there"


@pytest.mark.parametrize(
    ("func", "arguments"), [("add_latency", {"latency_ms": 1000}), ("reset_connections", {}), ("disable_proxy", {})]
)
def test_a_fault_in_a_proxy_that_is_not_on_the_way_is_no_effect(
    func: str, arguments: Mapping[str, Any], toxiproxy: str, shop: str
) -> None:
    """Toxiproxy lists it all the same."""
    make_proxy(toxiproxy, proxy := next(_names), shop)
    asked = activity(func, proxy=proxy, toxiproxy=toxiproxy, page=f"http://{shop}/", **arguments)
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    act(asked)

    found = system.confirm(asked, target)

    assert not found.confirmed
    assert found.sentence.endswith("5 pages through it came as before: it is not on their way")


def test_a_share_that_a_few_pages_do_not_meet_is_said_to_be_so(toxiproxy: str, shop: str) -> None:
    listen = make_proxy(toxiproxy, proxy := next(_names), shop)
    arguments = {"latency_ms": 1000, "toxicity": 0.00001, "page": f"http://{listen}/"}
    asked = activity("add_latency", proxy=proxy, toxiproxy=toxiproxy, **arguments)
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    act(asked)

    found = system.confirm(asked, target)

    assert found.confirmed
    assert re.search(r"\d+ pages are too few to meet it$", found.sentence)


def test_a_page_that_comes_too_late_to_be_waited_for_is_evidence_too(toxiproxy: str, shop: str) -> None:
    listen = make_proxy(toxiproxy, proxy := next(_names), shop)
    asked = activity("add_latency", proxy=proxy, toxiproxy=toxiproxy, latency_ms=9000, page=f"http://{listen}/")
    system = Driver().open(SETTING)
    target = system.resolve(asked)
    assert target is not None
    act(asked)

    assert system.confirm(asked, target).confirmed
