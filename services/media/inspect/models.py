"""What is measured in a package before any rule is asked, and what a verdict consists of."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from contracts.events.media import Finding
from contracts.ids import Sha256
from contracts.rulebook.measures import Pixels

FaultCode = Literal[
    "truncated", "damaged", "encrypted", "split", "too-many", "bomb", "overlap", "path", "link", "method", "size",
    "crc", "header", "duplicate", "surplus", "nested", "name", "case", "folder", "ambiguous", "empty", "absurd", "dtd",
    "blank", "no-video", "several-videos", "missing-samples", "undecodable", "undecodable-sound", "flawed",
    "flawed-sound", "sound-coding", "partly", "picture", "macros", "template",
    "local-template", "linked", "ole", "altchunk", "dde", "resave", "coding", "unchecked",
]  # fmt: skip
"""What can be wrong with bytes whatever the rulebook says; `unchecked` is what this engine cannot look into."""

Family = Literal["video", "document", "images", "archive", "other"]
"""What kind of part a file is, whatever its format; the names of the rulebook's parts where it has one."""


class Damaged(Exception):
    """A file's own bytes contradict themselves. Raised inside parsers, a `Fault` outside them."""

    def __init__(self, code: FaultCode, measured: str) -> None:
        super().__init__(f"{code}: {measured}")
        self.code: FaultCode = code
        self.measured = measured


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the bytes themselves. `file` is None where the package itself is meant; `inside` is what
    kind of file it is, where the fault is in what the file holds and not in how the archive holds it."""

    code: FaultCode
    measured: str
    file: str | None = None
    inside: Family | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """The one real video stream of a file. `coded` is the picture as encoded, `shown` after stretching by the sample
    aspect and rotating; `duration` is what the stream presents. `codec` as ffprobe names it, such as `h264`."""

    codec: str
    coded: Pixels
    shown: Pixels
    duration: timedelta
    audio: bool


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, `shown` after its EXIF orientation."""

    shown: Pixels


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture inside a document. `key` tells equal pictures apart from different ones: size and CRC-32."""

    name: str
    format: str
    shown: Pixels | None
    key: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Danger:
    """Something in a document that runs or loads something when it is opened."""

    code: FaultCode
    measured: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text document: its characters as Word counts 字数, the pictures in it, and what is dangerous in it."""

    characters: int
    pictures: tuple[Embedded, ...] = ()
    dangers: tuple[Danger, ...] = ()


Content = Video | Image | Document


@dataclass(frozen=True, slots=True)
class File:
    """One file of a package, what systems leave behind aside. `format` is what the bytes are (`mp4`, `docx`, `jpg`…),
    the extension only where the bytes do not tell. `content` is None where it was not asked for or not readable;
    `claims` is what the name alone says it is."""

    name: str
    size: int
    format: str
    family: Family
    key: tuple[int, int]
    content: Content | None = None
    claims: Family = "other"


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """Everything measured in one upload. `format` is the archive's (`zip`, `rar`) or the file's own;
    `sha256` is over all its bytes, None where not all were read; `files` is None where they could not be listed."""

    format: str
    size: int
    sha256: Sha256 | None
    files: tuple[File, ...] | None = None
    faults: tuple[Fault, ...] = ()
    put_off: bool = False
    """Whether there are pictures that are still to be decoded."""

    @property
    def complete(self) -> bool:
        """Whether every byte was read: the hash, every CRC and what every member really inflates to are proven too,
        and that pictures and sound can be decoded."""
        return self.sha256 is not None and not self.put_off


@dataclass(frozen=True, slots=True)
class Claim:
    """What the ticket said about the bytes before they came."""

    size: int
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Naming:
    """The upload's file name, and the words a rulebook's naming template stands for."""

    name: str
    applicant: str
    province: str
    title: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`fail` when a required rule was broken, `advice` when only advice was; every rule asked has its finding."""

    outcome: Literal["pass", "advice", "fail"]
    findings: tuple[Finding, ...]
