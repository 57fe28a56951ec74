"""The Event every fact derives from, and the catalogue of all that were declared."""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

TOPIC = re.compile(r"^[a-z]+\.[a-z]+(_[a-z]+)*\.v[1-9]\d*$")


class Fact(BaseModel):
    """A frozen piece of an event. Unknown fields are dropped: a newer minor shape stays readable."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Event(Fact):
    """One fact that happened, in the past tense, with enough of it that a hearer need not call back.

    `class MediaValidated(Event, topic="media.media_validated.v1", subject="material")` names the routing
    key and the field holding the id of the thing it is about; events of one subject are told in order.
    """

    topic: ClassVar[str]
    subject_field: ClassVar[str]

    at: AwareDatetime
    """When it became true, by the teller's clock, in UTC."""

    def __init_subclass__(cls, *, topic: str, subject: str, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.topic, cls.subject_field = topic, subject

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        if cls.subject_field not in cls.model_fields:
            raise TypeError(f"{cls.__name__}: subject {cls.subject_field!r} is none of its fields")
        CATALOGUE.add(cls)

    @property
    def subject(self) -> str:
        """`entry/0198…`: the kind and the id of the thing this is about (CloudEvents `subject`)."""
        return f"{self.subject_field}/{getattr(self, self.subject_field)}"


class Catalogue:
    """Every declared event, by topic. Two events of one topic or one name cannot be declared."""

    def __init__(self) -> None:
        self._by_topic: dict[str, type[Event]] = {}

    def add(self, event: type[Event]) -> None:
        """Admit a class, or raise TypeError saying what is wrong with its topic or name."""
        if not TOPIC.fullmatch(event.topic):
            raise TypeError(f"{event.__name__}: topic {event.topic!r} is not <service>.<fact_in_snake_case>.v<number>")
        if event.topic in self._by_topic:
            raise TypeError(
                f"{event.__name__}: topic {event.topic!r} is taken by {self._by_topic[event.topic].__name__}"
            )
        if event.__name__ in {known.__name__ for known in self}:
            raise TypeError(f"{event.__name__}: an event of that name exists")
        self._by_topic[event.topic] = event

    def __iter__(self) -> Iterator[type[Event]]:
        return iter(self._by_topic.values())

    def __getitem__(self, topic: str) -> type[Event]:
        """The class of a topic; KeyError where no event has it."""
        return self._by_topic[topic]

    def __contains__(self, topic: str) -> bool:
        return topic in self._by_topic


CATALOGUE = Catalogue()
