"""What else a campaign asks for: reports, reach, activities, named rosters and duties, and what people are told."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from contracts.rulebook.clause import Clause, Contradiction, Key, Line, Text
from contracts.rulebook.measures import Span
from contracts.rulebook.moment import Moment
from contracts.rulebook.review import Authority


class Report(Clause):
    """A report somebody owes. `due` None: the notice names no day."""

    id: Key
    title: Text
    by: Authority
    due: Moment | None = None
    with_pictures: bool = False
    assumed: bool = False


class CoverageGoal(Clause):
    """How far a campaign is to reach: at least so many of `unit` for each `per`."""

    id: Key
    title: Text
    per: Literal["campaign", "province", "city", "county", "caravan"]
    unit: Literal["sites", "people", "activities", "counties"]
    at_least: Annotated[int, Field(ge=1)]


class Activity(Clause):
    """Something that is held besides the entries. `announced_later`: dates follow in a notice of their own."""

    id: Key
    title: Text
    venue: Literal["main", "linked", "online"]
    parts: tuple[Text, ...] = ()
    announced_later: bool = False


class Duty(Clause):
    """Something a participant has to do or must not do."""

    id: Key
    title: Text
    on: Text


class RosterGroup(Clause):
    """The members of a roster that belong to one region, in the notice's words and order."""

    region: Line
    members: Annotated[tuple[Line, ...], Field(min_length=1)]


class Roster(Clause):
    """A list of names a notice publishes. `count` is what the notice says it holds."""

    id: Key
    title: Text
    count: Annotated[int, Field(ge=1)]
    groups: Annotated[tuple[RosterGroup, ...], Field(min_length=1)]

    def contradictions(self) -> Iterator[Contradiction]:
        names = [name for group in self.groups for name in group.members]
        if len(names) != self.count:
            yield Contradiction("count", f"count says {self.count}, {len(names)} names are listed; mend one of them")
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Contradiction("groups", f"{name} is listed more than once; keep one")


Milestone = Literal[
    "certification-submitted",
    "certification-returned",
    "certification-approved",
    "material-checked",
    "entry-submitted",
    "entry-returned",
    "entry-approved",
    "deadline-near",
    "award-granted",
    "results-published",
]


class NoticeRule(Clause):
    """Who is told what happened, and by which way. `before` belongs to deadline-near alone."""

    when: Milestone
    to: Annotated[tuple[Literal["applicant", "city", "province", "national"], ...], Field(min_length=1)]
    by: Annotated[tuple[Literal["inbox", "mail"], ...], Field(min_length=1)]
    before: Span | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        if self.when == "deadline-near" and (self.before is None or self.before <= timedelta(0)):
            yield Contradiction("before", "say how long before the deadline, such as before: 3d")
        if self.when != "deadline-near" and self.before is not None:
            yield Contradiction("before", "only deadline-near has a before; take it out")
