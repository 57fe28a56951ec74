"""What can be entered: tracks, their themes, how many entries, and the slots each entry has."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from contracts.ids import ThemeId, TrackId
from contracts.rulebook.clause import Clause, Contradiction, Key, Text
from contracts.rulebook.material import FormField, Slot


class Theme(Clause):
    """A theme an entry may be made for."""

    id: ThemeId
    title: Text


class EntriesLimit(Clause):
    """How many entries one applicant may have in a track. `min` 1 or more makes the track obligatory; `per_theme`
    is the most for any one theme. One entry is for one theme where the track has themes."""

    min: Annotated[int, Field(ge=0)]
    max: Annotated[int, Field(ge=1)]
    per_theme: Annotated[int, Field(ge=1)] | None = None


class Track(Clause):
    """A kind of entry. `applicants` names the kinds admitted to it; empty means all of them."""

    id: TrackId
    title: Text
    applicants: tuple[Key, ...] = ()
    themes: tuple[Theme, ...] = ()
    entries: EntriesLimit
    fields: tuple[FormField, ...] = ()
    slots: tuple[Slot, ...] = ()

    def contradictions(self) -> Iterator[Contradiction]:
        limit = self.entries
        if not self.slots and not self.fields:
            yield Contradiction("", "this track asks for nothing; give it slots, fields or both")
        if limit.min > limit.max:
            yield Contradiction("entries.max", "max is less than min, so nobody could ever apply; swap or mend them")
        if limit.per_theme and not self.themes:
            yield Contradiction("entries.per_theme", "the track has no themes; add themes or take per_theme out")
        if limit.per_theme and self.themes and limit.min > limit.per_theme * len(self.themes):
            reach = limit.per_theme * len(self.themes)
            yield Contradiction("entries.min", f"min is more than the {reach} the themes allow; lower it or add themes")
        if limit.per_theme and self.themes and limit.max > limit.per_theme * len(self.themes):
            reach = limit.per_theme * len(self.themes)
            yield Contradiction("entries.max", f"max can never be reached, the themes allow {reach}; lower it")
