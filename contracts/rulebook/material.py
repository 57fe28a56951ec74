"""What a slot of an entry asks for: the container, what lies in it, and the rules for each part."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from contracts.ids import RuleId, SlotId
from contracts.rulebook.clause import Clause, Contradiction, Key, Text
from contracts.rulebook.limits import (
    AspectLimit,
    CharacterLimit,
    CountLimit,
    DurationLimit,
    FormatLimit,
    Level,
    Limit,
    NamingRule,
    ResolutionLimit,
    SizeLimit,
    SoundLimit,
)


class ArchiveContainer(Clause):
    """The material is one archive. `format` is the archive's kind (zip, rar), `size` the archive's own bytes.
    `others` says how much files matter that no part asks for (rule id `container.others`); what systems leave behind
    (`__MACOSX`, `.DS_Store`, `Thumbs.db`, empty folders) never counts, one folder around everything is as good as none.
    """

    kind: Literal["archive"]
    format: FormatLimit
    size: SizeLimit | None = None
    others: Level = "advice"


class FileContainer(Clause):
    """The material is the file itself; its format and count are its part's."""

    kind: Literal["file"]
    size: SizeLimit | None = None


Container = Annotated[ArchiveContainer | FileContainer, Field(discriminator="kind")]


class VideoRules(Clause):
    """The videos of a material. A limit that is None was not set."""

    kind: Literal["video"]
    count: CountLimit
    format: FormatLimit
    size: SizeLimit | None = None
    duration: DurationLimit | None = None
    aspect: AspectLimit | None = None
    resolution: ResolutionLimit | None = None
    sound: SoundLimit | None = None


class DocumentRules(Clause):
    """The documents of a material; `characters` counts the text of each one: the body with its tables and text boxes,
    foot- and endnotes; headers, footers, comments, hidden and deleted text are none of it, as in Word."""

    kind: Literal["document"]
    count: CountLimit
    format: FormatLimit
    size: SizeLimit | None = None
    characters: CharacterLimit | None = None


class ImageRules(Clause):
    """The pictures of a material. `embedded` says whether pictures inside a document of the same material count too;
    `resolution` is asked of each picture that is counted."""

    kind: Literal["images"]
    count: CountLimit
    format: FormatLimit
    size: SizeLimit | None = None
    resolution: ResolutionLimit | None = None
    embedded: bool = False


PartRules = Annotated[VideoRules | DocumentRules | ImageRules, Field(discriminator="kind")]


class Slot(Clause):
    """A place in an entry for one material."""

    id: SlotId
    title: Text
    required: bool
    container: Container
    rules: Annotated[tuple[PartRules, ...], Field(min_length=1)]
    naming: NamingRule | None = None

    @property
    def largest(self) -> int | None:
        """The most bytes an upload for this slot may have; None where no required limit says so."""
        size = self.container.size
        return size.largest if size and size.level == "required" else None

    @property
    def video(self) -> VideoRules | None:
        """The rules for videos, where the slot asks for any."""
        return next((part for part in self.rules if isinstance(part, VideoRules)), None)

    @property
    def document(self) -> DocumentRules | None:
        """The rules for documents, where the slot asks for any."""
        return next((part for part in self.rules if isinstance(part, DocumentRules)), None)

    @property
    def images(self) -> ImageRules | None:
        """The rules for pictures, where the slot asks for any."""
        return next((part for part in self.rules if isinstance(part, ImageRules)), None)

    def limits(self) -> Iterator[tuple[RuleId, Limit]]:
        """Every limit under the rule id its finding carries: `container.size`, `video.duration`, `naming`."""
        clauses: list[tuple[str, Clause]] = [("container", self.container)]
        clauses += [(part.kind, part) for part in self.rules]
        for prefix, clause in clauses:
            for name in type(clause).model_fields:
                if isinstance(limit := getattr(clause, name), Limit):
                    yield RuleId(f"{prefix}.{name}"), limit
        if self.naming:
            yield RuleId("naming"), self.naming

    def contradictions(self) -> Iterator[Contradiction]:
        kinds = [part.kind for part in self.rules]
        for index, kind in enumerate(kinds):
            if kind in kinds[:index]:
                yield Contradiction(f"rules[{index}]", f"the slot already has rules for {kind}; merge them")
        if isinstance(self.container, FileContainer) and len(self.rules) > 1:
            yield Contradiction("rules[1]", "one file cannot be two kinds of part; ask for an archive, or split it")


class FieldText(Clause):
    """A text to be written into the form; `characters` counts as for documents."""

    kind: Literal["text"]
    id: Key
    title: Text
    required: bool
    characters: CharacterLimit | None = None


class FieldNumber(Clause):
    """A whole number to be stated in the form."""

    kind: Literal["number"]
    id: Key
    title: Text
    required: bool
    range: CountLimit | None = None


class FieldChoice(Clause):
    """One or several of the given options."""

    kind: Literal["choice"]
    id: Key
    title: Text
    required: bool
    options: Annotated[tuple[Text, ...], Field(min_length=2)]
    several: bool = False


class FieldDate(Clause):
    """A calendar date to be stated in the form."""

    kind: Literal["date"]
    id: Key
    title: Text
    required: bool


class FieldScan(Clause):
    """A stamped paper, scanned."""

    kind: Literal["scan"]
    id: Key
    title: Text
    required: bool
    format: FormatLimit
    size: SizeLimit | None = None


FormField = Annotated[FieldText | FieldNumber | FieldChoice | FieldDate | FieldScan, Field(discriminator="kind")]
