"""What a member of a zip is called: the bytes may be in any encoding a computer in China ever wrote."""

import re
import unicodedata
import zlib
from typing import Final

UNICODE_PATH: Final = 0x7075
"""Info-ZIP's Unicode Path Extra Field (APPNOTE 4.6.9): version, CRC-32 of the raw name, the name in UTF-8."""
LEFTOVERS: Final = frozenset({".ds_store", "thumbs.db", "desktop.ini", "__macosx", ".spotlight-v100", ".trashes"})


def decoded(raw: bytes, extras: dict[int, bytes]) -> str:
    """The name meant. The Unicode field counts only while its CRC matches the raw name; then UTF-8, whether flagged
    or not, GB18030 and Big5 as Windows has it are tried strictly; bytes that fit none are escaped. Never fails."""
    field = extras.get(UNICODE_PATH, b"")
    right = len(field) > 5 and field[0] == 1 and int.from_bytes(field[1:5], "little") == zlib.crc32(raw)
    for data, encoding in ((field[5:] if right else raw, "utf-8"), (raw, "utf-8"), (raw, "gb18030"), (raw, "cp950")):
        name = _strictly(data, encoding)
        if name is not None:
            return name
    return raw.decode("ascii", "backslashreplace")


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
    return "".join(map(_safe, unicodedata.normalize("NFC", name.replace("\\", "/"))))


def _safe(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") else letter


def is_leftover(name: str) -> bool:
    """Whether a system or an open Word left this behind: `__MACOSX`, `Thumbs.db`, `._picture.jpg`, `~$text.docx`."""
    parts = name.casefold().replace("\\", "/").split("/")
    return any(part in LEFTOVERS for part in parts) or parts[-1].startswith(("._", "~$"))


def leads_outside(name: str) -> bool:
    """Whether unpacking under this name would leave the folder, on any system, or hide part of the name."""
    path = name.replace("\\", "/")
    drive = re.match(r"[A-Za-z]:", path) is not None
    return path.startswith("/") or drive or "\0" in path or ".." in path.split("/") or not path.strip("/ ")


def extension(name: str) -> str:
    """The lower-case extension without its dot; empty where there is none."""
    stem, dot, ending = name.rsplit("/", 1)[-1].rpartition(".")
    return ending.strip().casefold() if dot and stem else ""
