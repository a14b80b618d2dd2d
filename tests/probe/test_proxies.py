"""The proxy of the environment is the one that Chaos Toolkit's own HTTP checks go through: `requests` itself is asked."""

from __future__ import annotations

import pytest
import requests

from runner import errors
from runner.probe import proxies

URL, SECURE = "http://shop.internal:8080/page", "https://shop.internal/page"
PROXY = "http://proxy:3128"


@pytest.mark.parametrize("url", [URL, SECURE, "http://127.0.0.1:30080/", "http://[::1]:80/", "http://shop/"])
@pytest.mark.parametrize(
    "env",
    [
        {},
        {"HTTP_PROXY": PROXY},
        {"HTTPS_PROXY": PROXY},
        {"http_proxy": "proxy:3128", "HTTP_PROXY": "http://other:1"},
        {"ALL_PROXY": PROXY},
        {"all_proxy": PROXY, "HTTP_PROXY": "http://other:1"},
        {"HTTP_PROXY": ""},
        {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, "NO_PROXY": "localhost,.internal"},
        {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, "NO_PROXY": "shop.internal:8080"},
        {"HTTP_PROXY": PROXY, "no_proxy": "127.0.0.0/8"},
        {"HTTP_PROXY": PROXY, "NO_PROXY": "*"},
        {"HTTP_PROXY": PROXY, "NO_PROXY": "nothing", "no_proxy": "shop"},
    ],
    ids=str,
)
def test_traffic_goes_where_the_hypothesis_goes(monkeypatch: pytest.MonkeyPatch, url: str, env: dict[str, str]) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    known = requests.utils.get_environ_proxies(url)
    theirs = requests.utils.select_proxy(url, known)
    found = proxies.of(url, env)
    assert (found.url if found else None) == (
        requests.utils.prepend_scheme_if_needed(theirs, "http") if theirs else None
    )


def test_what_lets_us_in_is_not_said() -> None:
    found = proxies.of(URL, {"HTTP_PROXY": "http://me:secret@proxy:3128"})
    assert found is not None
    assert found.said == "http://proxy:3128"
    assert found.url == "http://me:secret@proxy:3128"


def test_a_proxy_that_traffic_cannot_go_through_is_an_error_and_not_gone_around() -> None:
    with pytest.raises(errors.EnvironmentFailure, match=r"socks5://proxy:1080 \(ALL_PROXY\)"):
        proxies.for_traffic("front", URL, {"ALL_PROXY": "socks5://proxy:1080"})


def test_this_machine_is_asked_directly_where_no_proxy_can_know_it() -> None:
    env = {"HTTP_PROXY": PROXY, "NO_PROXY": "shop.internal"}
    around = env | proxies.around_us(env)
    assert proxies.of("http://127.0.0.1:30080/", around) is None
    assert proxies.of(URL, around) is None
    assert proxies.of("http://elsewhere/", around) is not None
    assert proxies.around_us({"PATH": "/bin"}) == {}
