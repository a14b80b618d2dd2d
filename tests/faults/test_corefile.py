"""What is added to a Corefile is taken out again to the byte, and only by the run that added it; what it says is what CoreDNS takes."""

from __future__ import annotations

import pytest

from runner import errors
from runner.faults.kubernetes import corefile, dns

KUBEADM = """\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
    }
    loop
    reload
    loadbalance
}
"""
OWN = "corp.example:53 {\n    forward . 10.0.0.1\n    reload 10s\n}\n"
NAMES = ["api.partner.example"]


@pytest.mark.parametrize("text", [KUBEADM, KUBEADM.rstrip("\n"), OWN + KUBEADM, KUBEADM + OWN])
def test_what_was_added_is_taken_out_to_the_byte_and_by_nobody_else(text: str) -> None:
    for added in (
        corefile.failing(text, "run-1", NAMES, "SERVFAIL"),
        corefile.delayed(text, "run-1", NAMES, 500),
    ):
        assert added != text
        assert corefile.runs(added) == ["run-1"]
        assert corefile.without(added, "run-2") == added
        assert corefile.without(added, "run-1") == text


def test_what_somebody_else_writes_meanwhile_stays() -> None:
    meanwhile = corefile.failing(KUBEADM, "run-1", NAMES, "SERVFAIL").replace("ttl 30", "ttl 60") + OWN
    assert corefile.without(meanwhile, "run-1") == KUBEADM.replace("ttl 30", "ttl 60") + OWN


def test_the_way_back_is_seen_sooner_than_the_way_in() -> None:
    lines = corefile.failing(KUBEADM, "run-1", NAMES, "SERVFAIL").splitlines()
    assert [line.split("#")[0].strip() for line in lines if "reload" in line] == ["reload 2s 1s"]


def test_late_answers_come_from_the_plugins_of_the_main_block_without_its_ports() -> None:
    inner = list(corefile.main_block(OWN + KUBEADM))
    words = [line.split()[0] for line in inner if line.strip() and line.startswith("    ") and line[4] != " "]
    assert words == ["errors", "kubernetes", "}", "forward", "}", "cache", "}", "loadbalance"]
    assert not list(corefile.main_block(OWN)), "a file without a block for all names has none"
    assert "delay 1 250ms" in corefile.delayed(KUBEADM, "run-1", NAMES, 250)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"names": ["cluster.local"]}, "the whole cluster hangs on it"),
        ({"names": "svc.cluster.local."}, "the whole cluster hangs on it"),
        ({"names": ["."]}, ""),
        ({"names": ["shop"]}, "no name of two or more parts"),
        ({"names": ["a b.example { }"]}, "no name of two or more parts"),
    ],
)
def test_names_on_which_everything_hangs_and_what_is_none_are_refused(arguments: dict[str, object], said: str) -> None:
    if not said:
        assert dns.names(arguments) == []
        return
    with pytest.raises(errors.EnvironmentFailure, match=said):
        dns.names(arguments)


def test_names_come_as_a_list_or_as_text() -> None:
    assert dns.names({"names": "a.example, B.example."}) == dns.names({"names": ["a.example", "b.example"]})
