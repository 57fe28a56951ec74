"""JSON Schema 2020-12 of everything that crosses the bus, as a hearer accepts it."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import TaggedUnionSchema

from contracts.events import CATALOGUE, Event
from contracts.ingress import INGRESS, Ingress


@dataclass(frozen=True)
class Contract:
    """One kind of message: its schema is committed as `<name>.json`."""

    name: str
    topic: str
    model: type[BaseModel]
    subject: str | None = None


def contracts() -> Iterator[Contract]:
    """Events by topic, then each request of a frontend followed by its answer."""
    for event in events():
        yield Contract(event.topic, event.topic, event, event.subject_field)
    for request in INGRESS:
        yield Contract(request.topic, request.topic, request)
        yield Contract(answer_name(request), request.topic, request.answer)


def events() -> list[type[Event]]:
    """Every declared event, by topic."""
    return sorted(CATALOGUE, key=lambda event: event.topic)


def answer_name(request: type[Ingress]) -> str:
    """The name the answer's schema is kept under; an answer has no topic, it goes where `reply_to` says."""
    return f"{request.topic}.answer"


def schema_of(contract: Contract) -> JsonSchemaValue:
    """The schema as it is committed: the same text whenever the model is the same."""
    generated = contract.model.model_json_schema(schema_generator=HearersSchema)
    for part in (generated, *generated.get("$defs", {}).values()):
        complete(part)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:zhumeng:schema:{contract.name}",
        "title": generated.pop("title"),
        "description": generated.pop("description"),
        "x-zhumeng-topic": contract.topic,
    }
    subject = {"x-zhumeng-subject": contract.subject} if contract.subject else {}
    return head | subject | generated


def complete(part: JsonSchemaValue) -> None:
    """Mark personal data, and require the tag a union is told apart by: without it no hearer can read the value."""
    for name, field in part.get("properties", {}).items():
        if name == "pii":
            field["x-personal-data"] = True
        if "const" in field and name not in part.get("required", []):
            part["required"] = [name, *part.get("required", [])]


class HearersSchema(GenerateJsonSchema):
    """Pydantic's schema without what says nothing: titles made of field names, OpenAPI's discriminator."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def tagged_union_schema(self, schema: TaggedUnionSchema) -> JsonSchemaValue:
        union = super().tagged_union_schema(schema)
        union.pop("discriminator", None)
        return union
