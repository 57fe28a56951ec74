"""Old hearers read new events, new hearers replay old ones, and the committed files are what the code says."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import JsonSchemaValue

from deploy.contracts.compatibility import MEND, breaks
from deploy.contracts.examples import EXAMPLES
from deploy.contracts.files import ROOT, SCHEMAS, differing, golden_of, read_schema
from deploy.contracts.hearers import hearers
from deploy.contracts.schemas import Contract, contracts, schema_of
from tests.contracts.instances import instances

each_contract = pytest.mark.parametrize("contract", list(contracts()), ids=lambda contract: contract.name)
few = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def committed(contract: Contract) -> JsonSchemaValue:
    return read_schema(ROOT / SCHEMAS / f"{contract.name}.json")


def tolerant(schema: JsonSchemaValue) -> JsonSchemaValue:
    """The schema with unknown fields let through, as a hearer of the older shape does."""
    defs = {name: tolerant(part) for name, part in schema.get("$defs", {}).items()}
    return {key: value for key, value in schema.items() if key != "additionalProperties"} | {"$defs": defs}


def refusals(contract: Contract, body: Any) -> list[str]:
    """Why today's class cannot read a body, as `topic: path: what`."""
    try:
        contract.model.model_validate_json(json.dumps(body))
    except ValidationError as refused:
        return [f"{contract.name}: {'.'.join(map(str, error['loc']))}: {error['msg']}" for error in refused.errors()]
    return []


def lost(before: Any, after: Any, path: str = "$") -> list[str]:
    """What of `before` is not in `after`; fields that came since do not matter."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [line for key in before for line in lost(before[key], after.get(key), f"{path}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [line for index, (old, new) in pairs for line in lost(old, new, f"{path}[{index}]")]
    return [] if before == after else [f"{path}: {before!r} became {after!r}"]


def test_committed_files_current() -> None:
    assert differing(hearers(), ROOT) == [], "run `make schemas`"


@each_contract
def test_change_breaks_nobody(contract: Contract) -> None:
    assert breaks(committed(contract), schema_of(contract)) == [], MEND


@each_contract
def test_new_message_read_by_old_hearer(contract: Contract) -> None:
    old_hearer = Draft202012Validator(tolerant(committed(contract)))

    @few
    @given(instances(schema_of(contract)))
    def told(body: Any) -> None:
        message = contract.model.model_validate_json(json.dumps(body)).model_dump(mode="json")
        complaints = [
            f"{contract.name}: {error.json_path}: {error.message}" for error in old_hearer.iter_errors(message)
        ]
        assert complaints == [], MEND

    told()


@each_contract
def test_old_message_replayed_by_new_hearer(contract: Contract) -> None:
    @few
    @given(instances(committed(contract)))
    def replayed(body: Any) -> None:
        assert refusals(contract, body) == [], MEND

    replayed()


@each_contract
def test_golden_instance_parses_for_ever(contract: Contract) -> None:
    golden = json.loads((ROOT / golden_of(contract)).read_text("utf-8"))
    assert refusals(contract, golden) == [], "what was told once must be read for ever: declare a `.v2` beside it"
    assert lost(golden, contract.model.model_validate(golden).model_dump(mode="json")) == []


@each_contract
def test_schema_is_valid_and_described(contract: Contract) -> None:
    schema = schema_of(contract)
    Draft202012Validator.check_schema(schema)
    parts = {contract.name: schema, **schema.get("$defs", {})}
    assert [name for name, part in parts.items() if not part.get("description")] == []


@each_contract
def test_personal_data_only_under_pii(contract: Contract) -> None:
    schema = schema_of(contract)
    parts = {contract.name: schema, **schema.get("$defs", {})}
    fields = [(part, name, field) for part, of in parts.items() for name, field in of["properties"].items()]
    marked = [(part, name) for part, name, field in fields if field.get("x-personal-data")]
    named = [(part, name) for part, name, _ in fields if name == "pii"]
    loose = [(part, name) for part, name, _ in fields if part != "Contact" and name in ("email", "phone")]
    assert (marked, loose) == (named, [])


def test_every_message_has_an_example() -> None:
    assert set(EXAMPLES) == {contract.model for contract in contracts()}


@given(st.data())
@few
def test_unknown_field_from_newer_teller_read(data: st.DataObject) -> None:
    contract = data.draw(st.sampled_from([contract for contract in contracts() if contract.subject]))
    body = data.draw(instances(schema_of(contract)))
    newer: BaseModel = contract.model.model_validate_json(json.dumps(body | {"a_field_of_tomorrow": {"any": [1]}}))
    assert newer == contract.model.model_validate_json(json.dumps(body))
