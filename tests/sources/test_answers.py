"""A source is believed only where there is no doubt: every kind of bad answer is no data, with its reason, and never good."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from runner import errors
from runner.checks.check import NoData
from runner.experiment.metric import Metric
from runner.probe.metered import Metered
from runner.probe.prometheus import Prometheus
from tests.fakes.prometheus import Answer, good, serving, vector
from tests.fakes.prometheus import Prometheus as Fake

T = TypeVar("T")
RATIO = Metric(name="checkout", source="team", form="bad", query="errors_total", total="requests_total")


def with_source(
    url: str,
    use: Callable[[Prometheus], Awaitable[T]],
    access: dict[str, Any] | None = None,
    timeout_s: float = 2.0,
    *,
    verify: bool = True,
) -> T:
    async def whole() -> T:
        source = Prometheus("team", url, timeout_s, access or {}, verify=verify)
        try:
            return await use(source)
        finally:
            await source.close()

    return asyncio.run(whole())


def why(answer: Answer | Callable[[], Answer] | None, *, matrix: bool = False, timeout_s: float = 2.0) -> str:
    """The reason that a query with this answer gives no data."""
    with serving(Fake(lambda *_: answer() if callable(answer) else answer)) as fake, pytest.raises(NoData) as problem:
        with_source(
            fake.url,
            lambda s: s.readings("x", 1000.0, 10.0) if matrix else s.values("x", 1000.0),
            timeout_s=timeout_s,
        )
    return str(problem.value)


HOSTILE = {
    "empty": (good("vector", []), "empty"),
    "NaN": (vector((1000.0, "NaN")), "NaN"),
    "NaN beside good ones": (vector((1000.0, "1"), (1000.0, "NaN")), "NaN"),
    "infinite": (vector((1000.0, "+Inf")), "Inf"),
    "a warning": (good("vector", [{"metric": {}, "value": [1000.0, "1"]}], warnings=["a store is away"]), "partial"),
    "another type": (good("matrix", [{"metric": {}, "values": [[1000.0, "1"]]}]), "matrix"),
    "text": (good("string", [1000.0, "1"]), "string"),
    "error in a good answer": ((200, '{"status": "error", "error": "it is late", "data": {}}'), "it is late"),
    "refused query": (
        (400, '{"status": "error", "error": "parse error at char 3"}'),
        "HTTP 400: parse error at char 3",
    ),
    "not allowed": ((401, ""), "HTTP 401"),
    "overloaded": ((503, "<html>busy</html>"), "HTTP 503"),
    "led elsewhere": ((302, ""), "HTTP 302"),
    "a login page": ((200, "<html>please log in</html>"), "JSON"),
    "cut short": ((200, '{"status": "success", "data": {"resultType": "vec'), "JSON"),
    "no data at all": ((200, '{"status": "success"}'), "JSON"),
    "a list": ((200, "[]"), "JSON"),
    "nonsense inside": (good("vector", [{"metric": {}, "value": [1000.0]}]), "not what Prometheus gives"),
    "nothing inside": (good("vector", None), "not what Prometheus gives"),
    "words for numbers": (vector((1000.0, "many")), "not what Prometheus gives"),
    "one series twice": (good("vector", [{"metric": {}, "value": [1.0, "1"]}] * 2), "twice"),
    "hung up": (None, "cannot be reached"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_doubtful_answer_is_no_data_and_says_why(kind: str) -> None:
    answer, reason = HOSTILE[kind]
    assert reason in why(answer)


def test_a_reading_that_is_not_a_number_spoils_a_range_too() -> None:
    assert "NaN" in why(good("matrix", [{"metric": {}, "values": [[1.0, "1"], [2.0, "NaN"]]}]), matrix=True)


def test_a_source_that_does_not_answer_in_time_is_no_data() -> None:
    def slow() -> Answer:
        time.sleep(0.5)
        return vector((1000.0, "1"))

    assert "no answer within 200ms" in why(slow, timeout_s=0.2)


def test_nobody_there_is_no_data() -> None:
    with pytest.raises(NoData, match="cannot be reached"):
        with_source("http://127.0.0.1:1", lambda s: s.values("x", 1000.0))


def test_readings_that_do_not_go_on_are_stale_after_three_of_them() -> None:
    newest = time.time()

    def still(query: str, at: float) -> Answer:
        return good("matrix", [{"metric": {"q": query.split("[")[0]}, "values": [[newest - 1, "5"], [newest, "6"]]}])

    async def ask(source: Prometheus) -> list[tuple[float, int, int]]:
        meter = Metered(RATIO, source, 1.0)
        await meter.ask(newest)
        assert await meter.ask(newest + 2.9) == []
        with pytest.raises(NoData, match=r"stale: its newest reading is 3\.1 s old"):
            await meter.ask(newest + 3.1)
        return []

    with serving(Fake(still)) as fake:
        with_source(fake.url, ask)


def test_a_total_that_vanishes_is_no_data_but_errors_that_never_happened_are_none() -> None:
    rows: dict[str, list[Any]] = {"requests_total": [[999.0, "5"], [1000.0, "6"]]}

    def some(query: str, at: float) -> Answer:
        values = rows.get(query.split("[")[0])
        return good("matrix", [{"metric": {}, "values": values}] if values else [])

    async def ask(source: Prometheus) -> None:
        meter = Metered(RATIO, source, 1.0)
        await meter.ask(1000.0)
        assert meter.nothing_bad_yet
        rows["requests_total"] = [[1001.0, "16"]]
        assert await meter.ask(1001.0) == [(1001.0, 0, 10)]
        rows["errors_total"] = [[1002.0, "2"]]
        rows["requests_total"] = [[1002.0, "26"]]
        assert await meter.ask(1002.0) == [(1002.0, 2, 10)]
        rows.clear()
        with pytest.raises(NoData, match="empty"):
            await meter.ask(1003.0)

    with serving(Fake(some)) as fake:
        with_source(fake.url, ask)


def test_good_and_total_that_arrive_one_after_the_other_make_no_false_errors() -> None:
    read = {"good_total": [[1000.0, "90"]], "requests_total": [[1000.0, "90"]]}

    def some(query: str, at: float) -> Answer:
        return good("matrix", [{"metric": {}, "values": read[query.split("[")[0]]}])

    async def ask(source: Prometheus) -> None:
        meter = Metered(
            Metric(name="c", source="t", form="good", query="good_total", total="requests_total"), source, 1.0
        )
        await meter.ask(1000.0)
        read["good_total"] = [[1001.0, "190"]]  # the scrape came between the two questions
        assert await meter.ask(1001.0) == [(1001.0, 0, 0)]
        read["requests_total"] = [[1001.0, "192"]]
        assert await meter.ask(1001.2) == [(1001.0, 2, 102)]
        read["good_total"], read["requests_total"] = [[1002.0, "190"]], [[1001.0, "192"], [1002.0, "200"]]
        assert sum(bad for _, bad, _ in await meter.ask(1002.0)) == 8

    with serving(Fake(some)) as fake:
        with_source(fake.url, ask)


@pytest.mark.parametrize(
    ("query", "total", "value", "events"),
    [("rate(e[1m])", "rate(t[1m])", "50", 100), ("increase(e[1m])", "increase(t[1m])", "3000", 100)],
)
def test_rates_are_taken_as_they_are_and_marked_so(query: str, total: str, value: str, events: int) -> None:
    metric = Metric(name="c", source="t", form="bad", query=query, total=total)
    assert "extrapolates" in metric.how

    async def ask(source: Prometheus) -> list[tuple[float, int, int]]:
        meter = Metered(metric, source, 1.0)
        assert await meter.ask(1000.0) == []
        return await meter.ask(1002.0)

    with serving(Fake(lambda *_: vector((1000.0, value)))) as fake:
        assert with_source(fake.url, ask) == [(1002.0, events, events)]


@pytest.mark.parametrize(("value", "bad"), [("0.05", 0), ("0.1", 0), ("0.2", 1)])
def test_a_threshold_makes_one_event_of_each_reading(value: str, bad: int) -> None:
    metric = Metric(name="lag", source="t", form="threshold", query="lag", op="lte", value=0.1)

    def some(query: str, at: float) -> Answer:
        return good("matrix", [{"metric": {}, "values": [[at, value]]}])

    async def ask(source: Prometheus) -> list[tuple[float, int, int]]:
        meter = Metered(metric, source, 1.0)
        await meter.ask(1000.0)
        return await meter.ask(1001.0)

    with serving(Fake(some)) as fake:
        assert with_source(fake.url, ask) == [(1001.0, bad, 1)]


def test_a_raw_ratio_beyond_one_is_no_data() -> None:
    metric = Metric(name="up", source="t", form="success", query="max(up)")

    async def ask(source: Prometheus) -> None:
        meter = Metered(metric, source, 1.0)
        await meter.ask(1000.0)
        with pytest.raises(NoData, match="between 0 and 1"):
            await meter.ask(1001.0)

    with serving(Fake(lambda _, at: vector((at, "1.5")))) as fake:
        with_source(fake.url, ask)


@pytest.mark.parametrize(
    ("access", "header", "value"),
    [
        ({"token": "s3cret"}, "Authorization", "Bearer s3cret"),
        ({"username": "u", "password": "p"}, "Authorization", "Basic " + base64.b64encode(b"u:p").decode()),
        ({"header:X-Scope-OrgID": "shop"}, "X-Scope-Orgid", "shop"),
    ],
)
def test_secrets_become_what_the_server_wants_to_see(access: dict[str, Any], header: str, value: str) -> None:
    with serving(Fake(lambda *_: vector((1000.0, "1")))) as fake:
        with_source(fake.url, lambda s: s.values("x", 1000.0), access)
    assert {k.title(): v for k, v in fake.heads[0].items()}[header] == value


def test_an_error_does_not_repeat_a_secret() -> None:
    with (
        serving(Fake(lambda *_: (401, json.dumps({"error": "Bearer s3cret is not known"})))) as fake,
        pytest.raises(NoData) as problem,
    ):
        with_source(fake.url, lambda s: s.values("x", 1000.0), {"token": "s3cret"})
    assert str(problem.value) == "it answered HTTP 401: Bearer ***** is not known"


@pytest.mark.parametrize("key", ["ca_file", "cert_file"])
def test_certificates_that_cannot_be_read_are_named_before_anything_is_asked(key: str, tmp_path: Path) -> None:
    with pytest.raises(errors.EnvironmentFailure, match="certificates of the source 'team' cannot be read"):
        with_source("https://127.0.0.1:1", lambda s: s.values("x", 1000.0), {key: str(tmp_path / "none.pem")})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for 127.0.0.1 that signed itself, with its key in the same file."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl here to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=team"]
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem")
    subprocess.run([*made, *names], cwd=folder, check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return folder / "both.pem"


@pytest.mark.parametrize(
    ("access", "verify", "let_in"),
    [
        (("ca_file", "cert_file"), True, True),
        (("cert_file",), False, True),
        (("cert_file",), True, False),
        (("ca_file",), True, False),
    ],
)
def test_both_sides_show_their_certificates(
    access: tuple[str, ...], verify: bool, let_in: bool, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    given = dict.fromkeys(access, str(certificate))
    with serving(Fake(lambda *_: vector((1000.0, "1"))), context) as fake:
        if let_in:
            found = with_source(fake.url, lambda s: s.number("x", 1000.0), given, verify=verify)
            assert found == 1.0
        else:
            with pytest.raises(NoData, match="cannot be reached"):
                with_source(fake.url, lambda s: s.number("x", 1000.0), given, verify=verify)


def test_a_certificate_that_nobody_vouches_for_is_no_data() -> None:
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
    with serving(Fake(lambda *_: vector((1000.0, "1")))) as fake, pytest.raises(NoData, match="cannot be reached"):
        with_source(fake.url.replace("http:", "https:"), lambda s: s.values("x", 1000.0))
