"""The playground on a machine that has a real cluster too: it takes none of the cluster's ports."""

from __future__ import annotations

import pytest

from runner.playground import ports
from tests.cluster.kube import Kube, answers_newcomers, until


@pytest.mark.real  # a playground's balancer accepts what kube-proxy would refuse
def test_a_node_port_that_the_cluster_refuses_is_not_free(kube: Kube) -> None:
    port = kube.node_port()

    def select(app: str) -> None:
        patch = f'{{"spec":{{"selector":{{"app":"{app}"}}}}}}'
        kube.run("patch", "service", "shop", "-n", kube.namespace, "--patch", patch)

    assert not ports.is_free(port)
    select("nobody")
    try:
        until(lambda: not answers_newcomers(f"http://127.0.0.1:{port}", 1), 20, "the service to lose its endpoints")
        assert not ports.is_free(port)
    finally:
        select("shop")
