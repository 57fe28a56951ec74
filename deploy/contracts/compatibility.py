"""What a changed schema would break for those who hear today and for what was told yesterday."""

from collections.abc import Iterator

from pydantic.json_schema import JsonSchemaValue

MEND = "run `make schemas` if the change is compatible, otherwise declare a `.v2` beside it"

FACETS = (
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "additionalProperties",
)

Break = tuple[str, str]
"""Where (`$.findings[].level`) and what broke."""


def breaks(old: JsonSchemaValue, new: JsonSchemaValue) -> list[str]:
    """Every change but a new optional field, as `topic: path: what broke`; empty when both sides stay readable.

    Widening breaks too: who hears the old shape refuses a value it does not know.
    """
    topic, now = old["x-zhumeng-topic"], new["x-zhumeng-topic"]
    moved = [("$", f"the topic became {now}")] if topic != now else []
    return [f"{topic}: {path}: {what}" for path, what in (*moved, *Shapes(old, new).compare(old, new, "$"))]


class Shapes:
    """Two schemas side by side, with their `$defs` at hand."""

    def __init__(self, old: JsonSchemaValue, new: JsonSchemaValue) -> None:
        self.old_defs, self.new_defs = old.get("$defs", {}), new.get("$defs", {})

    def compare(self, old: JsonSchemaValue, new: JsonSchemaValue, path: str) -> Iterator[Break]:
        """Pair what each side takes at a path by its kind and look into each pair."""
        before, after = alternatives(old, self.old_defs), alternatives(new, self.new_defs)
        for kind in sorted(before.keys() - after.keys()):
            yield path, f"no longer takes {kind}: what was told before cannot be replayed"
        for kind in sorted(after.keys() - before.keys()):
            yield path, f"now takes {kind}: who hears the old shape refuses it"
        for kind in (kind for kind in before if kind in after):
            yield from self.compare_kind(before[kind], after[kind], path)

    def compare_kind(self, old: JsonSchemaValue, new: JsonSchemaValue, path: str) -> Iterator[Break]:
        yield from compare_facets(old, new, path)
        yield from compare_values(old, new, path)
        yield from self.compare_fields(old, new, path)
        if "items" in old and "items" in new:
            yield from self.compare(old["items"], new["items"], f"{path}[]")

    def compare_fields(self, old: JsonSchemaValue, new: JsonSchemaValue, path: str) -> Iterator[Break]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", [])), set(new.get("required", []))
        for name in before:
            if name not in after:
                yield f"{path}.{name}", "the field was removed or renamed"
            else:
                if name in needed_before - needed_after:
                    yield f"{path}.{name}", "the field is no longer required: who hears the old shape needs it"
                yield from self.compare(before[name], after[name], f"{path}.{name}")
        for name in (name for name in after if name in needed_after - needed_before):
            yield f"{path}.{name}", "the field is newly required: what was told before lacks it"


def alternatives(schema: JsonSchemaValue, defs: JsonSchemaValue) -> dict[str, JsonSchemaValue]:
    """What a schema takes, by kind: `string`, `null`, `object of kind="entry"`."""
    if "$ref" in schema:
        return alternatives(defs[schema["$ref"].removeprefix("#/$defs/")], defs)
    union = schema.get("anyOf") or schema.get("oneOf")
    if union:
        return {kind: part for choice in union for kind, part in alternatives(choice, defs).items()}
    tags = [f'{name}="{field["const"]}"' for name, field in schema.get("properties", {}).items() if "const" in field]
    return {" of ".join([schema.get("type", "anything"), *tags]): schema}


def compare_facets(old: JsonSchemaValue, new: JsonSchemaValue, path: str) -> Iterator[Break]:
    """Bounds, patterns and formats: any change closes one side out."""
    for facet in FACETS:
        if old.get(facet) != new.get(facet):
            yield path, f"{facet} changed from {old.get(facet)} to {new.get(facet)}"


def compare_values(old: JsonSchemaValue, new: JsonSchemaValue, path: str) -> Iterator[Break]:
    """Listed values: one gone cannot be replayed, one more is not understood."""
    before, after = listed(old), listed(new)
    if before is None or after is None:
        if before != after:
            yield path, f"its values were {said(before)} and are {said(after)}"
        return
    if before - after:
        yield path, f"no longer takes {said(before - after)}: what was told before cannot be replayed"
    if after - before:
        yield path, f"now takes {said(after - before)}: who hears the old shape refuses it"


def listed(schema: JsonSchemaValue) -> set[str] | None:
    """The values a schema names one by one; None where any value of its type will do."""
    return {schema["const"]} if "const" in schema else set(schema["enum"]) if "enum" in schema else None


def said(values: set[str] | None) -> str:
    return "any" if values is None else ", ".join(repr(value) for value in sorted(values))
