"""The schemas for editors describe what the models accept."""

from __future__ import annotations

import json

import pytest

from runner.experiment import model, schema


def test_the_block_schema_knows_every_key_and_refuses_others() -> None:
    block = schema.block()
    assert set(block["properties"]) == set(model.Block.model_fields)
    assert block["additionalProperties"] is False
    assert set(block["$defs"]["Traffic"]["properties"]) == set(model.Traffic.model_fields)


def test_a_number_may_be_a_quantity_or_a_variable_but_never_null() -> None:
    rate = schema.block()["$defs"]["Traffic"]["properties"]["rate"]
    assert r"^\$\{\w+\}$" in json.dumps(rate).replace("\\\\", "\\")
    assert "null" not in json.dumps(schema.experiment())


def test_keys_are_described_in_the_words_of_the_model() -> None:
    assert "keep-alive" in schema.block()["$defs"]["Traffic"]["properties"]["new_connections"]["description"]


@pytest.mark.parametrize("whole", [schema.block(), schema.experiment()], ids=["block", "experiment"])
def test_every_reference_in_a_schema_leads_somewhere(whole: dict[str, object]) -> None:
    text = json.dumps(whole)
    names = {part.partition('"')[0] for part in text.split("#/$defs/")[1:]}
    assert names
    assert names <= set(whole["$defs"])  # type: ignore[call-overload]
