"""Values a schema allows, drawn at random: what any teller of that shape might say."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from pydantic.json_schema import JsonSchemaValue

WIDEST_INTEGER = 2**53 - 1
"""Beyond this JSON readers disagree."""


def instances(schema: JsonSchemaValue) -> st.SearchStrategy[Any]:
    """JSON values of a whole schema, with and without its optional fields."""
    return drawn(schema, schema.get("$defs", {}))


def drawn(schema: JsonSchemaValue, defs: Mapping[str, JsonSchemaValue]) -> st.SearchStrategy[Any]:
    """Only what the contracts use; anything else raises, so that a new keyword cannot pass untested."""
    match schema:
        case {"$ref": ref}:
            return drawn(defs[ref.removeprefix("#/$defs/")], defs)
        case {"const": value}:
            return st.just(value)
        case {"enum": values}:
            return st.sampled_from(values)
        case {"anyOf": choices} | {"oneOf": choices}:
            return st.one_of([drawn(choice, defs) for choice in choices])
        case {"type": "object", "properties": properties}:
            return objects(schema, {name: drawn(field, defs) for name, field in properties.items()})
        case {"type": "array", "items": items}:
            least = schema.get("minItems", 0)
            return st.lists(drawn(items, defs), min_size=least, max_size=schema.get("maxItems", least + 2))
        case {"type": "string"}:
            return strings(schema)
        case _:
            return scalars(schema)


def objects(schema: JsonSchemaValue, fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    required = {name: field for name, field in fields.items() if name in schema.get("required", [])}
    optional = {name: field for name, field in fields.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


def strings(schema: JsonSchemaValue) -> st.SearchStrategy[str]:
    match schema:
        case {"format": "date-time"}:
            return st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat)  # noqa: DTZ001 # hypothesis adds the zone
        case {"pattern": pattern}:
            return st.from_regex(str(pattern), fullmatch=True)
        case {"format": other}:
            raise NotImplementedError(f"no strategy for format {other}")
        case _:
            return st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 30))


def scalars(schema: JsonSchemaValue) -> st.SearchStrategy[Any]:
    match schema["type"]:
        case "integer":
            low, high = schema.get("minimum", -WIDEST_INTEGER), schema.get("maximum", WIDEST_INTEGER)
            return st.integers(low, high)
        case "number":
            return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case other:
            raise NotImplementedError(f"no strategy for type {other}")
