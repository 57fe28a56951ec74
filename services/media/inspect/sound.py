"""How a track's sound is coded (ISO/IEC 14496-12, 12.2; QuickTime File Format, Sound Media)."""

from typing import Final

from services.media.inspect import mpeg4
from services.media.inspect.boxes import Box
from services.media.inspect.models import Damaged

CODECS: Final = {
    b"mp4a": "aac", b".mp3": "mp3", b"ac-3": "ac3", b"sac3": "ac3", b"ec-3": "eac3", b"alac": "alac", b"Opus": "opus",
    b"fLaC": "flac", b"samr": "amr_nb", b"sawb": "amr_wb",
}  # fmt: skip
"""Sample entries by their four letters, named as ffprobe names them."""
DECODED: Final = frozenset({*CODECS.values(), "vorbis"})
"""Codecs that are tried in a decoder; of others only their name is told."""
PLAIN: Final = frozenset({b"sowt", b"twos", b"raw ", b"NONE", b"lpcm", b"ipcm", b"fpcm", b"in24", b"in32", b"fl32",
                          b"fl64", b"ulaw", b"alaw", b"ima4"})  # fmt: skip
"""Raw sound, and codings so plain that whatever bytes there are can be played."""
USUAL: Final = frozenset({0, 1, 2, 4, 5, 29})
"""Kinds of AAC that are tried (ISO/IEC 14496-3, 1.5.1.1): Main, LC, LTP, with SBR and PS, and one that is none."""
ESCAPE: Final = 31
UNREADABLE: Final = "?"


def codec_of(described: Box | None) -> str:
    """What the first of a track's descriptions names, nothing where that is plain, UNREADABLE where it says nothing."""
    try:
        entry = next(described.children(8), None) if described else None
        return _named(entry) if entry else UNREADABLE
    except Damaged:
        return UNREADABLE


def _named(entry: Box) -> str:
    if entry.kind in PLAIN or entry.kind.startswith(b"ms"):
        return ""
    codec = CODECS.get(entry.kind, entry.kind.decode("latin-1").strip() if entry.kind.isalnum() else UNREADABLE)
    at = bytes(entry.data).find(b"esds")  # QuickTime keeps it deeper than others do
    if codec != "aac" or at < 0:
        return codec
    told, header = mpeg4.from_descriptor(bytes(entry.data[at + 8 :]))
    if told == "aac" and len(header) > 1 and (kind := _kind(header)) not in USUAL:
        return f"aac-{kind}"
    return told if told in DECODED or told.startswith("mp4v") else codec


def _kind(header: bytes) -> int:
    """The audio object type (ISO/IEC 14496-3, 1.6.2.1)."""
    first = header[0] >> 3
    return 32 + ((header[0] & 7) << 3 | header[1] >> 5) if first == ESCAPE else first
