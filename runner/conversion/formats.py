"""Formats: whose document it is, what converts it, and what is said of a document that is nobody's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.conversion import chaos_mesh, fis, krkn, litmus
from runner.conversion.draft import Draft
from runner.conversion.fields import Field


@dataclass(frozen=True)
class Format:
    """One tool's documents."""

    tool: str
    claims: Callable[[Any], bool]
    convert: Callable[[Field], Draft]


FORMATS = (
    Format("Chaos Mesh", chaos_mesh.claims, chaos_mesh.convert),
    Format("Litmus", litmus.claims, litmus.convert),
    Format("AWS FIS", fis.claims, fis.convert),
    Format("krkn", krkn.claims, krkn.convert),
)
BESIDE: Mapping[str, str] = {
    **dict.fromkeys(
        ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
        "permissions are not a part of an experiment: apply them once, with kubectl",
    ),
    **dict.fromkeys(
        ("Namespace", "Deployment", "StatefulSet", "DaemonSet", "Pod", "Service", "ConfigMap", "Secret", "Job"),
        "an experiment does not install what it strikes: apply it before, with kubectl",
    ),
    "ChaosExperiment": "it has to be installed in the namespace before a run: apply it once, with kubectl",
}
"""Kinds that come along in the same file: not converted, and why."""
TEMPLATE = "of CloudFormation and Terraform give the template as AWS has it: aws fis get-experiment-template --id EXT… > template.json"
KNOWN = (
    "known are objects, Schedules and Workflows of Chaos Mesh, ChaosEngines and ChaosSchedules of Litmus, "
    "templates of AWS FIS, and scenarios and alerts of krkn"
)


def of(tree: Any) -> Format | None:
    """The format of a document; None for one that is nobody's."""
    return next((one for one in FORMATS if one.claims(tree)), None)


def beside(tree: Any) -> str:
    """Why a document that comes along is not converted; "" for one that should have been."""
    if not isinstance(tree, dict) or tree.get("apiVersion") is None:
        return ""
    return BESIDE.get(str(tree.get("kind")), "")


def guess(tree: Any) -> tuple[str, str]:
    """What is said of a document that nobody claims: what it looks like, and what to do."""
    if isinstance(tree, dict):
        if "method" in tree and "title" in tree:
            return "this is a Chaos Toolkit experiment already", "run it: chaos-run FILE"
        if "AWSTemplateFormatVersion" in tree or "Resources" in tree:
            return (
                "this is a CloudFormation template: it is not converted",
                TEMPLATE,
            )
        if kind := tree.get("kind"):
            return f"a {kind} of {tree.get('apiVersion')} cannot be converted", KNOWN
    return "it is not known whose file this is", KNOWN
