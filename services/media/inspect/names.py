"""What a member of a zip is called: the bytes may be in any encoding a computer in China ever wrote."""

import re
import unicodedata
import zlib
from collections.abc import Iterator
from typing import Final

from services.media.inspect.models import Fault

UNICODE_PATH: Final = 0x7075
"""Info-ZIP's Unicode Path Extra Field (APPNOTE 4.6.9): version, CRC-32 of the raw name, the name in UTF-8."""
LEFTOVERS: Final = frozenset(
    {".ds_store", "thumbs.db", "desktop.ini", "__macosx", ".spotlight-v100", ".trashes", "icon\r"}
)

UPWARD: Final = re.compile(r"\.\.(\.* [. ]*)?")
"""The folder above, and what Windows makes it by leaving out spaces and full stops at the end."""
LONGEST: Final = 255
"""Bytes of one name that every file system takes."""
DEEPEST: Final = 32
"""Folders in one another."""
NAMELESS: Final = "(无名 unnamed)"
RESERVED: Final = frozenset({"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in "123456789¹²³")})
FORBIDDEN: Final = frozenset('<>:"|?*')
TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of text, so that `gpj.exe` reads as a picture."""


def decoded(raw: bytes, extras: dict[int, bytes]) -> str:
    """The name meant. The Unicode field counts only while its CRC matches the raw name; then UTF-8, whether flagged
    or not, GB18030 and Big5 as Windows has it are tried strictly; bytes that fit none are escaped as in an address,
    `%FB`, for a backslash would end a folder's name. Never fails."""
    field = extras.get(UNICODE_PATH, b"")
    right = len(field) > 5 and field[0] == 1 and int.from_bytes(field[1:5], "little") == zlib.crc32(raw)
    for data, encoding in ((field[5:] if right else raw, "utf-8"), (raw, "utf-8"), (raw, "gb18030"), (raw, "cp950")):
        name = _strictly(data, encoding)
        if name is not None:
            return name
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw)


def _strictly(data: bytes, encoding: str) -> str | None:
    """The text, or None where it is not in this encoding. GB18030 has a private place for nearly every pair of bytes,
    so a letter from there means that the name is in another encoding."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    foreign = encoding == "gb18030" and any(unicodedata.category(letter) in ("Co", "Cn") for letter in text)
    return None if foreign else text


def shown(name: str) -> str:
    """The name safe to print: Windows' backslashes as slashes; control and format characters escaped, so that none
    can end a line or turn the direction of the text around; letters composed, which macOS takes apart."""
    return "".join(map(_safe, unicodedata.normalize("NFC", name.replace("\\", "/")))) or NAMELESS


def _safe(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") else letter


def is_leftover(name: str) -> bool:
    """Whether a system or an open Word left this behind: `__MACOSX`, `Thumbs.db`, `._picture.jpg`, `~$text.docx`."""
    parts = name.casefold().replace("\\", "/").split("/")
    return any(part in LEFTOVERS for part in parts) or parts[-1].startswith(("._", "~$"))


def faults(name: str, *others: str) -> Iterator[Fault]:
    """What is wrong with a name, on any system it may be unpacked on; `others` are what some programs take it for."""
    if outside := next(filter(None, map(leads_outside, (name, *others))), None):
        yield Fault("path", outside, shown(name))
    elif odd := unusable(name):
        yield Fault("name", odd, shown(name))


def leads_outside(name: str) -> str | None:
    """How unpacking under this name would leave the folder, on any system, or hide part of the name."""
    path = name.replace("\\", "/")
    tricks = {
        "/…": path.startswith("/"),
        "C:": re.match(r"[A-Za-z]:", path) is not None,
        "..": any(map(UPWARD.fullmatch, path.split("/"))),
        "NUL": "\0" in path,
        "": not path.strip("/ "),
    }
    return next((trick or "(空 empty)" for trick, met in tricks.items() if met), None)


def unusable(name: str) -> str | None:
    """Why a file of this name cannot be unpacked everywhere, or does not show its real name: what Windows reserves
    (Microsoft, Naming Files, Paths, and Namespaces), what turns text around, what is longer than file systems allow."""
    parts = name.replace("\\", "/").rstrip("/").split("/")
    for part in parts:
        if len(part.encode(errors="surrogatepass")) > LONGEST:
            return f"> {LONGEST} B"
        if hidden := next((letter for letter in part if letter in TURNING or ord(letter) < 32), None):
            return f"U+{ord(hidden):04X}"
        if part.partition(".")[0].rstrip().casefold() in RESERVED:
            return part.partition(".")[0]
        if part not in (".", "") and part[-1] in ". ":
            return f"…{part[-1]!r}"
        if forbidden := next((letter for letter in part if letter in FORBIDDEN), None):
            return forbidden
    return f"> {DEEPEST}" if len(parts) > DEEPEST else None


def plain(path: str) -> str:
    """The same path as any system takes it: without empty parts and those that stay where they are."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def folders(path: str) -> Iterator[str]:
    """The folders a path lies in, from the outermost."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def extension(name: str) -> str:
    """The lower-case extension without its dot; empty where there is none."""
    stem, dot, ending = name.rsplit("/", 1)[-1].rpartition(".")
    return ending.strip().casefold() if dot and stem else ""
