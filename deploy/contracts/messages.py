"""The messages of the AsyncAPI document: names, headers, payloads, and one real example each."""

from typing import Any

from pydantic.json_schema import JsonSchemaValue

from contracts.events import Event
from contracts.ingress import INGRESS, Ingress
from deploy.contracts.examples import AT, EVENT, example_of
from deploy.contracts.schemas import answer_name, events

Node = dict[str, Any]
"""A part of the document."""

BINDING = "0.3.0"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def messages() -> Node:
    """Every message under its class name, with one real example."""
    told = {event.__name__: event_message(event) for event in events()}
    return told | {name: node for request in INGRESS for name, node in request_messages(request).items()}


def event_message(event: type[Event]) -> Node:
    example = example_of(event)
    headers = {
        "type": "object",
        "allOf": [{"$ref": "#/components/schemas/CloudEventHeaders"}],
        "properties": {"ce-type": {"const": event.topic}, "ce-source": {"const": f"zhumeng/{teller(event)}"}},
    }
    sample = {
        "ce-specversion": "1.0",
        "ce-id": EVENT,
        "ce-type": event.topic,
        "ce-source": f"zhumeng/{teller(event)}",
        "ce-subject": example.subject,
        "ce-time": AT.isoformat(),
        "ce-sequence": "1",
        "traceparent": TRACEPARENT,
    }
    return message(event, event.topic, headers, sample) | {"tags": [{"name": teller(event)}]}


def request_messages(request: type[Ingress]) -> Node:
    asked = message(
        request, request.topic, {"$ref": "#/components/schemas/RequestHeaders"}, {"traceparent": TRACEPARENT}
    )
    sample = {"ce-specversion": "1.0", "ce-id": EVENT, "ce-type": answer_name(request), "ce-time": AT.isoformat()}
    answered = message(request.answer, answer_name(request), {"$ref": "#/components/schemas/AnswerHeaders"}, sample)
    return {
        request.__name__: asked | {"tags": [{"name": "ingress"}]},
        request.answer.__name__: answered | {"tags": [{"name": "ingress"}]},
    }


def message(kind: type[Any], schema: str, headers: Node, sample: Node) -> Node:
    payload = example_of(kind).model_dump(mode="json")
    return {
        "name": kind.__name__,
        "title": words(kind.__name__),
        "summary": summary(kind),
        "contentType": "application/json",
        "headers": headers,
        "payload": {"$ref": f"./{schema}.json"},
        "bindings": {"amqp": {"messageType": schema, "bindingVersion": BINDING}},
        "examples": [{"name": kind.__name__, "summary": summary(kind), "headers": sample, "payload": payload}],
    }


def headers_schema() -> JsonSchemaValue:
    """CloudEvents 1.0 in binary mode; the same id, type and time are in the AMQP properties."""
    return {
        "type": "object",
        "description": "CloudEvents 1.0, binary mode; `message_id`, `type` and `timestamp` of AMQP say the same.",
        "required": ["ce-specversion", "ce-id", "ce-type", "ce-source", "ce-subject", "ce-time"],
        "properties": {
            "ce-specversion": {"type": "string", "const": "1.0"},
            "ce-id": {"type": "string", "description": "The event's id; the same on every repeat."},
            "ce-type": {"type": "string", "description": "The topic."},
            "ce-source": {
                "type": "string",
                "format": "uri-reference",
                "description": "The service that tells it: `zhumeng/media`.",
            },
            "ce-subject": {
                "type": "string",
                "pattern": "^[a-z]+/.+",
                "description": "Kind and id of what it is about: `entry/0198…`.",
            },
            "ce-time": {"type": "string", "format": "date-time", "description": "When it was told, in UTC."},
            "ce-sequence": {
                "type": "string",
                "pattern": "^[0-9]+$",
                "description": "Counts the events of one subject from 1.",
            },
            "traceparent": traceparent(),
        },
    }


def request_schema() -> JsonSchemaValue:
    return {
        "type": "object",
        "description": "AMQP's `message_id` is the nonce, `user_id` the sender, `reply_to` the queue for the answer.",
        "properties": {"traceparent": traceparent()},
    }


def answer_schema() -> JsonSchemaValue:
    """What of CloudEvents an answer says; it is about a request, not told by a teller."""
    known = headers_schema()["properties"]
    told = {name: known[name] for name in ("ce-specversion", "ce-type", "ce-time")}
    return {
        "type": "object",
        "description": "AMQP's `correlation_id` is the request's.",
        "required": ["ce-specversion", "ce-id", "ce-type", "ce-time"],
        "properties": told | {"ce-id": {"type": "string", "description": "The request's id."}},
    }


def traceparent() -> JsonSchemaValue:
    return {
        "type": "string",
        "description": "W3C trace context.",
        "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
    }


def teller(event: type[Event]) -> str:
    """The service that tells an event: the first part of its topic."""
    return event.topic.partition(".")[0]


def summary(kind: type[Any]) -> str:
    """The first line of the docstring."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def words(name: str) -> str:
    """`MediaValidated` as `Media validated`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip().capitalize()
