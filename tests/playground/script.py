"""One script of kubectl and client calls, and its answers with everything taken out that differs from cluster to cluster.

It works in a namespace of its own and puts the nodes right again.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.playground.kubectl import Kubectl

NAMESPACE = "playground-parity"
SHOP = Path(__file__).resolve().parents[2] / "runner/playground/shop.yaml"


@dataclass(frozen=True)
class Answer:
    """What one call came to: exit code or HTTP status, and the words."""

    call: str
    code: int
    words: tuple[str, ...]


def answers(kubeconfig: Path) -> Iterator[Answer]:
    """Run the script."""
    kubectl = Kubectl(kubeconfig, NAMESPACE)
    kubectl.run("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=60s")
    seen = Seen(kubectl)
    try:
        for line in KUBECTL:
            yield seen.answer(line)
        api = Api(kubeconfig)
        for line in HTTP:
            yield api.answer(line)
        for path in SHAPES:
            yield api.shape(path)
    finally:
        kubectl.run("uncordon", seen.node)
        kubectl.run("delete", "namespace", NAMESPACE, "--timeout=60s")


class Seen:
    """kubectl, with words for what has another name on each cluster: POD, NODE, and NODE! for the node of a pod, chosen anew."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl, self.node = kubectl, "worker3"

    def answer(self, line: str) -> Answer:
        """One call; with `sorted` before it the order of the lines does not count."""
        ordered, command = line.startswith("sorted "), line.removeprefix("sorted ")
        command, _, document = command.partition(" <<")
        document, *more = document.split(" ")
        words = [*self._named(command).split(" "), *more]
        done = self.kubectl.run(*words, stdin=DOCUMENTS.get(document))
        said = plain(done.stdout).splitlines() + ["stderr: " + text for text in plain(done.stderr).splitlines()]
        return Answer(line, done.returncode, tuple(sorted(set(said)) if ordered else said))

    def _named(self, command: str) -> str:
        if "POD" not in command and "NODE!" not in command:
            return command.replace("NODE", self.node)
        pods = usable(self.kubectl.items("pods", "--selector=app=parity"))
        if "NODE!" in command:
            self.node = pods[0]["spec"]["nodeName"]
        return command.replace("NODE!", self.node).replace("POD", pods[0]["metadata"]["name"])


_PLAIN = (
    (r"shop-[a-z0-9]{8,10}-[a-z0-9]{5}", "shop-HASH-RANDOM"),
    (r"second-[a-z0-9]{8,10}-[a-z0-9]{5}", "second-HASH-RANDOM"),
    (r"(shop|second)-[a-z0-9]{8,10}\b", r"\1-HASH"),
    (r"shop-[a-z0-9]{5}\b", "shop-RANDOM"),
    (r"pod-template-hash=[a-z0-9]+", "pod-template-hash=HASH"),
    (r"(?m)^Warning: .*\n?", ""),  # what kubectl says of its own version, and deprecations
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\b\d+\.\d+\.\d+\.\d+", "ADDRESS"),
    (r":3[0-2]\d{3}/TCP", ":PORT/TCP"),
    (r"\b(\d+[smhd])+\b|<invalid>", "AGE"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"\bworker\d\b", "NODE"),
    (r"(?m)^.*(FailedMount|Unhealthy|NoPods|FailedToUpdateEndpoint).*\n?", ""),  # accidents
    (r"(?m)^Waiting for deployment .*\n?", ""),  # how many of them is a matter of timing
    (r"(?m)\\n@@.*?(?=\",?$)", ""),  # a diff of Go structs
    (r"(?m)(Container|Image) ID: .*", r"\1 ID: UID"),
    (r"kube-api-access-[a-z0-9]{5}", "kube-api-access-RANDOM"),
    (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} \+0000", "TIME"),
    (r" 3[0-2]\d{3}/TCP", " PORT/TCP"),
    (r" +", " "),
)


def plain(text: str) -> str:
    """Text without names, addresses, ages and column widths."""
    for pattern, word in _PLAIN:
        text = re.sub(pattern, word, text)
    return "\n".join(line.strip() for line in text.splitlines())


def usable(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pods that are ready and stay; all of them when none is."""
    good = [p for p in pods if "deletionTimestamp" not in p["metadata"] and _ready(p)]
    return good or pods


def _ready(pod: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))


class Api:
    """Plain HTTP to an API server, whichever scheme and credentials its kubeconfig asks for."""

    def __init__(self, kubeconfig: Path) -> None:
        seen = Kubectl(kubeconfig, "default")
        config = json.loads(seen("config", "view", "--raw", "--minify", "--flatten", "--output=json"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server, self.token = cluster["server"], user["token"]
        authority = base64.b64decode(cluster.get("certificate-authority-data", "")).decode()
        self.context = ssl.create_default_context(cadata=authority) if authority else None

    def call(self, method: str, path: str, media: str = "application/json", body: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": media, "Accept": "application/json"}
        request = urllib.request.Request(self.server + path, body.encode() or None, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as problem:
            with problem:
                text = problem.read().decode()
            return problem.code, json.loads(text) if text.startswith("{") else text

    def answer(self, line: str) -> Answer:
        """`METHOD PATH [MEDIA] [BODY]`; POD is a pod of the shop."""
        if "POD" in line:
            line = line.replace("POD", self._pod())
        method, path, *rest = line.split(" ", 3)
        code, body = self.call(method, path.replace("NS", NAMESPACE), *rest)
        said = json.dumps(_told(body), indent=0, sort_keys=True, ensure_ascii=False)
        return Answer(plain(line), code, tuple(plain(said).splitlines()))

    def _pod(self) -> str:
        pods = self.call("GET", f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app%3Dparity")[1]["items"]
        return str(usable(pods)[0]["metadata"]["name"])

    def shape(self, path: str) -> Answer:
        """Which fields the objects of a list have."""
        code, body = self.call("GET", path.replace("NS", NAMESPACE))
        items = usable(body["items"]) if "/pods" in path else body["items"]
        return Answer(path, code, tuple(sorted(set(_fields(items, "")))))


def _told(body: Any) -> Any:
    """A Status as it is, of an object its kind."""
    if not isinstance(body, dict) or body.get("kind") == "Status":
        return body
    if body["kind"] in ("Scale", "APIVersions"):
        return {key: value for key, value in body.items() if key in ("kind", "spec", "status")}
    return {"kind": body["kind"], "apiVersion": body["apiVersion"]}


_OWN = ("managedFields", "annotations", "labels", "images", "capacity", "allocatable", "nodeInfo", "kube-api-access")


def _fields(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in _OWN:
                yield from _fields(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner, path + "[]")
    else:
        yield path


def _shop() -> str:
    text = (
        SHOP.read_text("utf-8").replace("namespace: shop", f"namespace: {NAMESPACE}").replace(", nodePort: 30080", "")
    )
    text = text.replace("app: shop", "app: parity")  # no drain of ours may meet another shop on the same cluster
    return text.replace("  name: shop\n---", f"  name: {NAMESPACE}\n---", 1)


DOCUMENTS = {
    "SHOP": _shop(),
    "TYPO": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: typo}\ndatta: {a: b}\n",
    "TYPE": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: typed}\nspec: {replicas: many}\n",
    "BARE": "apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\n"
    "spec: {containers: [{name: c, image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: [pause]}]}\n",
    "MAP": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {a: '1', b: '2'}\n",
    "MAP2": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {a: '3'}\n",
    "STALE": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map, resourceVersion: '1'}\ndata: {a: '4'}\n",
    "STRANGE": "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x}\n",
}

KUBECTL = Path(__file__).with_name("calls_kubectl.txt").read_text("utf-8").splitlines()

HTTP = Path(__file__).with_name("calls_http.txt").read_text("utf-8").splitlines()

SHAPES = (
    "/api/v1/namespaces/NS/pods?labelSelector=app%3Dparity&fieldSelector=status.phase%3DRunning",
    "/apis/apps/v1/namespaces/NS/deployments",
    "/apis/apps/v1/namespaces/NS/replicasets",
    "/api/v1/namespaces/NS/services",
    "/api/v1/namespaces/NS/endpoints",
    "/apis/discovery.k8s.io/v1/namespaces/NS/endpointslices",
    "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
    "/api/v1/nodes",
    "/api/v1/namespaces",
    "/api/v1/namespaces/NS/serviceaccounts",
)
