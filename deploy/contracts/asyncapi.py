"""The AsyncAPI 3.0 document: channels, messages and who tells and hears them, with RabbitMQ bindings."""

from importlib.metadata import version

from contracts.events import Event
from contracts.events.voting import VoteCast
from contracts.ingress import INGRESS, Ingress
from deploy.contracts.hearers import Hearers
from deploy.contracts.messages import (
    BINDING,
    Node,
    answer_schema,
    headers_schema,
    messages,
    request_schema,
    summary,
    teller,
)
from deploy.contracts.schemas import answer_name, events

EXCHANGE, INGRESS_EXCHANGE, LOG, VOTES = "zhumeng.events", "zhumeng.ingress", "zhumeng.log", "zhumeng.votes"
STREAMED = (VoteCast,)
"""Events that go into a stream of their own and not over the exchange."""
FROM_ANY_POINT = "Read with `x-stream-offset`."
DESCRIPTION = """筑梦各服务之间的事件，以及前端可以发往总线的消息。

Events between Zhumeng's services, and what a frontend may publish. Bodies are JSON.
Metadata travels as CloudEvents 1.0 in AMQP 0-9-1 headers with the prefix `ce-`.
Deliveries may repeat: `ce-id` is the same on every repeat.
"""


def document(heard: Hearers) -> Node:
    """The whole document; `heard` says which service keeps a queue for which topics."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:zhumeng:bus",
        "info": {
            "title": "Zhumeng (筑梦) event bus",
            "version": version("zhumeng"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"bus": server()},
        "channels": event_channels() | queue_channels(heard) | stream_channels() | ingress_channels(),
        "operations": tellings() | hearings(heard) | readings() | answerings(),
        "components": {
            "messages": messages(),
            "schemas": {
                "CloudEventHeaders": headers_schema(),
                "RequestHeaders": request_schema(),
                "AnswerHeaders": answer_schema(),
            },
        },
    }


def server() -> Node:
    return {
        "host": "{host}:{port}",
        "protocol": "amqp",
        "protocolVersion": "0.9.1",
        "description": "RabbitMQ 3.10 or later. Each user may do only its part.",
        "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "5672"}},
        "security": [{"type": "userPassword"}],
    }


def event_channels() -> Node:
    return {
        event.topic: routed(EXCHANGE, event, f"{event.__name__}, under its own routing key.")
        for event in events()
        if event not in STREAMED
    }


def routed(exchange: str, kind: type[Event] | type[Ingress], description: str) -> Node:
    """A routing key of a topic exchange."""
    binding = {
        "is": "routingKey",
        "exchange": {"name": exchange, "type": "topic", "durable": True, "autoDelete": False, "vhost": "/"},
        "bindingVersion": BINDING,
    }
    return {
        "address": kind.topic,
        "description": description,
        "messages": refer([kind.__name__]),
        "bindings": {"amqp": binding},
    }


def queue_channels(heard: Hearers) -> Node:
    """One quorum queue for each service and each topic it hears."""
    return {
        queue_of(service, kind): queue(
            queue_of(service, kind), "quorum", [kind.__name__], f"{kind.__name__} as {service} hears it."
        )
        for service, kinds in sorted(heard.items())
        for kind in kinds
    }


def queue_of(service: str, kind: type[Event] | type[Ingress]) -> str:
    return f"{service}.{kind.topic}"


def queue(name: str, queue_type: str, carried: list[str], description: str) -> Node:
    binding = {
        "is": "queue",
        "queue": {"name": name, "durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"},
        "bindingVersion": BINDING,
    }
    return {
        "address": name,
        "description": description,
        "messages": refer(carried),
        "bindings": {"amqp": binding},
        "x-queue-type": queue_type,
    }


def stream_channels() -> Node:
    """The two histories anyone entitled may read from any point, again and again."""
    everything = [event.__name__ for event in events() if event not in STREAMED]
    votes = [event.__name__ for event in STREAMED]
    return {
        LOG: queue(LOG, "stream", everything, f"Every event but votes, bound to `{EXCHANGE}` by `#`. {FROM_ANY_POINT}"),
        VOTES: queue(VOTES, "stream", votes, f"Counted votes, each once, appended in batches. {FROM_ANY_POINT}"),
    }


def ingress_channels() -> Node:
    """What frontends may write to, and where each gets its answer."""
    channels: Node = {}
    for request in INGRESS:
        channels[request.topic] = routed(INGRESS_EXCHANGE, request, f"{request.__name__}, from a frontend.")
        channels[answer_name(request)] = {
            "address": None,
            "description": "The queue the frontend named in `reply_to`; `correlation_id` is the request's.",
            "messages": refer([request.answer.__name__]),
        }
    return channels


def tellings() -> Node:
    """`send`, by the service that is the first part of the topic."""
    return {
        f"{teller(event)}.tells.{event.__name__}": operation(
            "send",
            VOTES if event in STREAMED else event.topic,
            [event.__name__],
            f"{teller(event)} tells that: {summary(event)}",
        )
        | {"bindings": {"amqp": {"deliveryMode": 2, "mandatory": True, "timestamp": True, "bindingVersion": BINDING}}}
        for event in events()
    }


def hearings(heard: Hearers) -> Node:
    return {
        f"{service}.hears.{kind.__name__}": operation(
            "receive", queue_of(service, kind), [kind.__name__], f"{service} hears {kind.__name__}."
        )
        | {"bindings": {"amqp": {"ack": True, "bindingVersion": BINDING}}}
        for service, kinds in sorted(heard.items())
        for kind in kinds
    }


def readings() -> Node:
    carried = {name: sorted(channel["messages"]) for name, channel in stream_channels().items()}
    return {
        "anyone.replays.log": operation("receive", LOG, carried[LOG], "Read the history of everything from any point."),
        "anyone.replays.votes": operation("receive", VOTES, carried[VOTES], "Read the vote stream from any point."),
    }


def answerings() -> Node:
    """A frontend's request and the answer it gets."""
    return {
        f"zhumeng.answers.{request.__name__}": operation("receive", request.topic, [request.__name__], summary(request))
        | {
            "reply": {
                "address": {"location": "$message.header#/reply_to", "description": "The AMQP property `reply_to`."},
                "channel": {"$ref": f"#/channels/{answer_name(request)}"},
                "messages": [{"$ref": f"#/channels/{answer_name(request)}/messages/{request.answer.__name__}"}],
            }
        }
        for request in INGRESS
    }


def operation(action: str, channel: str, carried: list[str], said: str) -> Node:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": said,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in carried],
    }


def refer(names: list[str]) -> Node:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}
