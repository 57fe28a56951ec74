"""What an `esds` says of a stream (ISO/IEC 14496-1, 7.2.6), and the picture MPEG-4 part 2 declares (14496-2, 6.2.3)."""

from typing import Final, NamedTuple

from services.media.inspect.bits import Bits, Declared, aspect
from services.media.inspect.models import Damaged

OBJECTS: Final = {
    0x20: "mpeg4", 0x21: "h264", 0x23: "hevc", 0x60: "mpeg2video", 0x61: "mpeg2video", 0x62: "mpeg2video",
    0x63: "mpeg2video", 0x64: "mpeg2video", 0x65: "mpeg2video", 0x6A: "mpeg1video", 0x6C: "mjpeg", 0x6D: "png",
    0xB1: "vp9", 0x40: "aac", 0x66: "aac", 0x67: "aac", 0x68: "aac", 0x69: "mp3", 0x6B: "mp3", 0xA5: "ac3",
    0xA6: "eac3", 0xAD: "opus", 0xDD: "vorbis",
}  # fmt: skip
"""Codecs by objectTypeIndication, named as ffprobe names them."""
STREAM, DECODER, SPECIFIC = 3, 4, 5
"""Tags of the descriptors on the way."""
ASPECTS: Final = ((1, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33))
EXTENDED_ASPECT: Final = 15


class Stream(NamedTuple):
    """A codec's name and its own header."""

    codec: str
    header: bytes


def from_descriptor(data: bytes) -> Stream:
    """The decoder's configuration in an `esds`, its version and flags left out."""
    stream = _descriptor(data, STREAM)
    flags = stream[2] if len(stream) > 2 else 0
    at = 3 + 2 * bool(flags & 0x80) + 2 * bool(flags & 0x20)
    at += 1 + stream[at] if flags & 0x40 and at < len(stream) else 0
    decoder = _descriptor(stream[at:], DECODER)
    codec = OBJECTS.get(decoder[0], f"mp4v-{decoder[0]:02x}") if decoder else "mpeg4"
    return Stream(codec, _descriptor(decoder[13:], SPECIFIC))


def _descriptor(data: bytes, tag: int) -> bytes:
    """What a descriptor holds; nothing where another one stands in its place."""
    if not data or data[0] != tag:
        return b""
    length = 0
    for index, byte in enumerate(data[1:5]):
        length = length << 7 | byte & 0x7F
        if not byte & 0x80:
            return data[index + 2 : index + 2 + length]
    raise Damaged("damaged", "esds")


def from_header(header: bytes) -> Declared | None:
    """The layer a header declares; None where it declares none, or one that is no rectangle."""
    at = header.find(b"\0\0\1")
    while at >= 0 and not (at + 4 < len(header) and 0x20 <= header[at + 3] <= 0x2F):
        at = header.find(b"\0\0\1", at + 3)
    return _layer(Bits(header[at + 4 : at + 64], "VOL")) if at >= 0 else None


def _layer(bits: Bits) -> Declared | None:
    bits.take(9)
    if bits.take(1):
        bits.take(7)
    index = bits.take(4)
    wide, high = (bits.take(8), bits.take(8)) if index == EXTENDED_ASPECT else (1, 1)
    wide, high = ASPECTS[index] if index < len(ASPECTS) else (wide, high)
    if bits.take(1):
        bits.take(3)
        if bits.take(1):
            bits.take(79)
    if bits.take(2):
        return None
    bits.take(1)
    resolution = bits.take(16)
    bits.take(1)
    if bits.take(1):
        bits.take(max(1, (resolution - 1).bit_length()))
    bits.take(1)
    width = bits.take(13)
    bits.take(1)
    return Declared(bits.size(width, bits.take(13)), aspect(wide, high))
