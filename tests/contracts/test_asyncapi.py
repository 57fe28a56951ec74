"""The AsyncAPI document is whole: every reference leads somewhere, every example is real, everyone is in it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.events.voting import VoteCast
from contracts.ingress import HandInBallot
from deploy.contracts.asyncapi import document
from deploy.contracts.files import ROOT, SCHEMAS
from deploy.contracts.page import page
from deploy.contracts.schemas import contracts, events

HEARD = {"notify": (MediaValidated,), "review": (MediaValidated, MaterialUploaded), "voting": (HandInBallot,)}
DOCUMENT = document(HEARD)
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]


def references(node: object) -> Iterator[str]:
    """Every `$ref` in the document."""
    match node:
        case {"$ref": str(ref)}:
            yield ref
        case dict():
            for part in node.values():
                yield from references(part)
        case list():
            for part in node:
                yield from references(part)


def follow(ref: str) -> Any:
    """What a reference leads to; KeyError or FileNotFoundError when it leads nowhere."""
    if ref.startswith("./"):
        return json.loads((ROOT / SCHEMAS / ref).read_text("utf-8"))
    node = DOCUMENT
    for key in ref.removeprefix("#/").split("/"):
        node = node[key]
    return node


def bindings(name: str) -> Any:
    return DOCUMENT["channels"][name]["bindings"]["amqp"]


def test_every_reference_leads_somewhere() -> None:
    refs = set(references(DOCUMENT))
    assert [ref for ref in sorted(refs) if not follow(ref)] == []


def test_every_message_is_one_contract() -> None:
    payloads = {name: message["payload"]["$ref"] for name, message in MESSAGES.items()}
    assert payloads == {contract.model.__name__: f"./{contract.name}.json" for contract in contracts()}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_example_valid(name: str) -> None:
    message = MESSAGES[name]
    [example] = message["examples"]
    headers = {**message["headers"], "components": DOCUMENT["components"]}
    wrong = [
        *Draft202012Validator(follow(message["payload"]["$ref"])).iter_errors(example["payload"]),
        *Draft202012Validator(headers).iter_errors(example["headers"]),
    ]
    assert wrong == []


def test_header_of_another_topic_refused() -> None:
    message = MESSAGES["MediaValidated"]
    headers = {**message["headers"], "components": DOCUMENT["components"]}
    sample = message["examples"][0]["headers"] | {"ce-type": "media.material_uploaded.v1"}
    assert [error.json_path for error in Draft202012Validator(headers).iter_errors(sample)] == ["$['ce-type']"]


def test_operation_carries_only_messages_of_its_channel() -> None:
    strangers = [
        (name, message["$ref"])
        for name, operation in DOCUMENT["operations"].items()
        for message in operation["messages"]
        if not message["$ref"].startswith(f"{operation['channel']['$ref']}/messages/")
    ]
    assert strangers == []


def test_each_event_is_told_by_the_service_its_topic_names() -> None:
    told = [name for name, operation in DOCUMENT["operations"].items() if operation["action"] == "send"]
    assert told == [f"{event.topic.split('.')[0]}.tells.{event.__name__}" for event in events()]


def test_each_hearer_keeps_a_quorum_queue_for_each_topic() -> None:
    queues = {
        name: channel["x-queue-type"] for name, channel in DOCUMENT["channels"].items() if "x-queue-type" in channel
    }
    assert queues == {
        "notify.media.media_validated.v1": "quorum",
        "review.media.media_validated.v1": "quorum",
        "review.media.material_uploaded.v1": "quorum",
        "voting.ingress.ballot.v1": "quorum",
        "zhumeng.log": "stream",
        "zhumeng.votes": "stream",
    }


def test_hearings_are_the_mapping() -> None:
    heard = [name for name in DOCUMENT["operations"] if ".hears." in name]
    assert heard == [
        "notify.hears.MediaValidated", "review.hears.MediaValidated", "review.hears.MaterialUploaded",
        "voting.hears.HandInBallot",
    ]  # fmt: skip


def test_event_is_routed_by_its_topic_over_the_durable_exchange() -> None:
    assert (DOCUMENT["channels"]["media.media_validated.v1"]["address"], bindings("media.media_validated.v1")) == (
        "media.media_validated.v1",
        {
            "is": "routingKey",
            "exchange": {"name": "zhumeng.events", "type": "topic", "durable": True, "autoDelete": False, "vhost": "/"},
            "bindingVersion": "0.3.0",
        },
    )


def test_streams_carry_the_votes_and_everything_else() -> None:
    names = ("zhumeng.log", "zhumeng.votes")
    carried = {name: sorted(DOCUMENT["channels"][name]["messages"]) for name in names}
    all_else = sorted(event.__name__ for event in events() if event is not VoteCast)
    assert carried == {"zhumeng.log": all_else, "zhumeng.votes": ["VoteCast"]}


def test_request_names_its_answer() -> None:
    operation = DOCUMENT["operations"]["zhumeng.answers.HandInBallot"]
    assert (operation["action"], bindings("ingress.ballot.v1")["exchange"]["name"], operation["reply"]["messages"]) == (
        "receive",
        "zhumeng.ingress",
        [{"$ref": "#/channels/ingress.ballot.v1.answer/messages/BallotAnswer"}],
    )


def test_page_says_who_tells_and_hears() -> None:
    [row] = [line for line in page(HEARD).splitlines() if line.startswith("| [`media.media_validated.v1`]")]
    assert row == (
        "| [`media.media_validated.v1`](#mediavalidated) | media | notify, review "
        "| A package was checked against the rulebook; `fail` when a required rule was broken. |"
    )


def test_page_marks_personal_data() -> None:
    assert page({}).count("| `pii` | Contact | **Personal data.** |") == 2
