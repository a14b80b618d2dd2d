"""Patches in the three languages of the API."""

from __future__ import annotations

from typing import Any

import pytest

from runner.playground import patch, refusal

POD: dict[str, Any] = {
    "metadata": {"labels": {"a": "1", "b": "2"}, "finalizers": ["x", "y"]},
    "spec": {
        "containers": [
            {"name": "one", "image": "i:1", "ports": [{"containerPort": 80}]},
            {"name": "two", "image": "j:1"},
        ],
        "tolerations": [{"key": "a"}],
    },
}


def strategic(change: dict[str, Any]) -> dict[str, Any]:
    return patch.apply(patch.STRATEGIC, POD, change, "Pod")


def test_a_patch_leaves_the_original_alone() -> None:
    before = repr(POD)
    strategic({"metadata": {"labels": None}, "spec": {"containers": [{"name": "one", "image": "i:2"}]}})
    assert repr(POD) == before


def test_containers_merge_by_name() -> None:
    found = strategic({"spec": {"containers": [{"name": "two", "image": "j:2"}, {"name": "three", "image": "k"}]}})
    assert [(c["name"], c["image"]) for c in found["spec"]["containers"]] == [
        ("one", "i:1"),
        ("two", "j:2"),
        ("three", "k"),
    ]


def test_lists_without_a_merge_key_are_replaced() -> None:
    assert strategic({"spec": {"tolerations": [{"key": "b"}]}})["spec"]["tolerations"] == [{"key": "b"}]


def test_sets_of_scalars_grow_and_shrink_by_directive() -> None:
    assert strategic({"metadata": {"finalizers": ["z"]}})["metadata"]["finalizers"] == ["x", "y", "z"]
    found = strategic({"metadata": {"$deleteFromPrimitiveList/finalizers": ["x"]}})
    assert found["metadata"]["finalizers"] == ["y"]


def test_an_element_is_deleted_by_directive() -> None:
    found = strategic({"spec": {"containers": [{"$patch": "delete", "name": "one"}]}})
    assert [c["name"] for c in found["spec"]["containers"]] == ["two"]


def test_a_map_is_replaced_by_directive() -> None:
    assert strategic({"metadata": {"labels": {"$patch": "replace", "c": "3"}}})["metadata"]["labels"] == {"c": "3"}


def test_a_merge_patch_replaces_lists_and_removes_with_null() -> None:
    found = patch.apply(patch.MERGE, POD, {"metadata": {"labels": {"a": None}}, "spec": {"containers": []}}, "Pod")
    assert found["metadata"]["labels"] == {"b": "2"}
    assert found["spec"]["containers"] == []


def test_a_json_patch_does_its_steps_in_order() -> None:
    steps = [
        {"op": "test", "path": "/metadata/labels/a", "value": "1"},
        {"op": "add", "path": "/spec/containers/-", "value": {"name": "three"}},
        {"op": "remove", "path": "/spec/containers/0"},
        {"op": "move", "from": "/metadata/labels/b", "path": "/metadata/labels/k8s~1b"},
    ]
    found = patch.apply(patch.JSON, POD, steps, "Pod")
    assert [c["name"] for c in found["spec"]["containers"]] == ["two", "three"]
    assert found["metadata"]["labels"] == {"a": "1", "k8s/b": "2"}


@pytest.mark.parametrize(
    "step", [{"op": "test", "path": "/a", "value": 1}, {"op": "replace", "path": "/nope", "value": 1}]
)
def test_a_step_that_cannot_be_done_is_a_422(step: dict[str, Any]) -> None:
    with pytest.raises(refusal.Refusal) as problem:
        patch.apply(patch.JSON, {"b": 1}, [step], "Pod")
    assert problem.value.code == 422
