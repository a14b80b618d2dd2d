"""`python tests/playground/regenerate.py FOLDER FILE`: `schema.json` from the OpenAPI v3 documents in a folder."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOTS = (
    *(
        "Pod",
        "Node",
        "Namespace",
        "Service",
        "Endpoints",
        "Event",
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "Deployment",
    ),
    *("ReplicaSet", "StatefulSet", "DaemonSet", "EndpointSlice", "Lease", "PodDisruptionBudget", "NetworkPolicy"),
    *("Eviction", "Scale", "Binding", "DeleteOptions", "SelfSubjectAccessReview"),
)
SCALARS = {"string": "s", "integer": "i", "boolean": "b", "number": "n"}
Schemas = dict[str, dict[str, Any]]


def short(name: str) -> str:
    """`Pod` of `io.k8s.api.core.v1.Pod`."""
    return name.rpartition(".")[2]


def shape(schemas: Schemas, found: dict[str, Any]) -> str:
    """One field in the notation of `runner.playground.shape`."""
    found = found | found.get("allOf", [{}])[0]
    if "$ref" in found:
        return _referred(schemas, found["$ref"].rpartition("/")[2])
    kind = found.get("type", "")
    if kind == "array":
        merges = "merge" in found.get("x-kubernetes-patch-strategy", "")
        key = found.get("x-kubernetes-patch-merge-key", "")
        return "[]" + shape(schemas, found["items"]) + (f"|{key}" if merges else "")
    if kind == "object" and "additionalProperties" in found:
        return "{}" + shape(schemas, found["additionalProperties"])
    return SCALARS.get(kind, "o")


def _referred(schemas: Schemas, name: str) -> str:
    meant = schemas[name]
    if "properties" in meant:
        return "@" + short(name)
    if "oneOf" in meant or meant.get("format") == "int-or-string":
        return "x"
    return "s" if meant.get("type") == "string" else "o"


def types(schemas: Schemas) -> dict[str, dict[str, str]]:
    """Every type that the roots lead to."""
    found: dict[str, dict[str, str]] = {}
    waiting = [name for name in schemas if short(name) in ROOTS]
    while waiting:
        name = waiting.pop()
        fields = schemas[name].get("properties", {})
        if fields and short(name) not in found:
            found[short(name)] = {key: shape(schemas, field) for key, field in fields.items()}
            waiting += [ref.rpartition("/")[2] for ref in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(fields))]
    return found


def main(folder: Path, file: Path) -> None:
    """One line a type, so that a change of the API is a small change of the file."""
    schemas: Schemas = {}
    for document in sorted(folder.glob("*.json")):
        schemas |= json.loads(document.read_text("utf-8"))["components"]["schemas"]
    lines = [
        f" {json.dumps(name)}: {json.dumps(fields, sort_keys=True, separators=(',', ':'))}"
        for name, fields in sorted(types(schemas).items())
    ]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
