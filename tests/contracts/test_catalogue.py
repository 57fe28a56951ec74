"""What the catalogue admits, and what it refuses when a class is declared."""

import types

import pytest
from pydantic import ValidationError

from contracts.events import CATALOGUE, Event
from contracts.events.media import MediaValidated
from contracts.events.review import ProvinceApproved, ProvinceReturned
from contracts.ingress import HandInBallot
from deploy.contracts.examples import ENTRY, STUDIO, numbered
from tests.support.factories import make


def declare(name: str, topic: str, subject: str) -> type[Event]:
    """Declare an event class of one field, `entry`."""
    fields = {"__module__": __name__, "__annotations__": {"entry": str}}
    return types.new_class(name, (Event,), {"topic": topic, "subject": subject}, lambda body: body.update(fields))


@pytest.mark.parametrize(
    ("name", "topic", "subject", "complaint"),
    [
        pytest.param(
            "EntryWithdrawn", "media.media_validated.v1", "entry",
            "EntryWithdrawn: topic 'media.media_validated.v1' is taken by MediaValidated", id="topic taken",
        ),
        pytest.param(
            "MediaValidated", "media.media_validated.v2", "entry",
            "MediaValidated: an event of that name exists", id="name taken",
        ),
        pytest.param(
            "EntryWithdrawn", "registration.entry_withdrawn.v1", "studio",
            "EntryWithdrawn: subject 'studio' is none of its fields", id="subject unknown",
        ),
        *(
            pytest.param(
                "EntryWithdrawn", topic, "entry",
                f"EntryWithdrawn: topic {topic!r} is not <service>.<fact_in_snake_case>.v<number>", id=topic or "empty",
            )
            for topic in (
                "", "entry_withdrawn.v1", "registration.entry_withdrawn", "registration.entry_withdrawn.v0",
                "registration.EntryWithdrawn.v1", "registration.entry-withdrawn.v1", "registration.entry.withdrawn.v1",
                "registration.entry_withdrawn.v1\n", "Registration.entry_withdrawn.v1", "#.entry_withdrawn.v1",
            )
        ),
    ],
)  # fmt: skip
def test_declaration_refused(name: str, topic: str, subject: str, complaint: str) -> None:
    before = list(CATALOGUE)
    with pytest.raises(TypeError) as refused:
        declare(name, topic, subject)
    assert (str(refused.value), list(CATALOGUE)) == (complaint, before)


def test_catalogue_finds_class_by_topic() -> None:
    assert [CATALOGUE[event.topic] for event in CATALOGUE] == list(CATALOGUE)


def test_catalogue_unknown_topic() -> None:
    assert ("registration.entry_withdrawn.v1" in CATALOGUE, "media.media_validated.v1" in CATALOGUE) == (False, True)


def test_subject_names_kind_and_id() -> None:
    assert make(MediaValidated, entry=numbered(77)).subject == f"entry/{numbered(77)}"


def test_subject_of_decision_is_what_was_decided_on() -> None:
    assert (make(ProvinceApproved).subject, make(ProvinceReturned).subject) == (f"studio/{STUDIO}", f"entry/{ENTRY}")


def test_event_of_newer_shape_read() -> None:
    told = make(MediaValidated)
    newer = told.model_dump(mode="json") | {"checked_by": "worker-3"}
    assert MediaValidated.model_validate(newer) == told


def test_request_with_unknown_field_refused() -> None:
    misspelt = make(HandInBallot).model_dump(mode="json") | {"castat": "2023-07-20T02:30:00Z"}
    with pytest.raises(ValidationError) as refused:
        HandInBallot.model_validate(misspelt)
    assert [(error["type"], error["loc"]) for error in refused.value.errors()] == [("extra_forbidden", ("castat",))]


@pytest.mark.parametrize("code", ["62000", "6200000", "620100", "٦٢0000", "620000\n", ""])
def test_province_code_refused(code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        make(ProvinceApproved, province=code)
    assert [error["loc"] for error in refused.value.errors()] == [("province",)]
