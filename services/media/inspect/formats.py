"""What a file is, by its first bytes; the extension is believed only where they do not tell."""

from typing import Final

from services.media.inspect.models import Damaged, Family
from services.media.inspect.names import extension

LOOK: Final = 4096
"""Bytes that are enough to tell."""
SIGNS: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"PK\3\4", "zip"), (0, b"PK\5\6", "zip"), (0, b"PK\7\x08", "zip"), (0, b"Rar!\x1a\x07", "rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"), (0, b"\x1f\x8b", "gz"), (0, b"BZh", "bz2"), (0, b"\xfd7zXZ\0", "xz"),
    (257, b"ustar", "tar"), (0, b"\xff\xd8\xff", "jpg"), (0, b"\x89PNG\r\n\x1a\n", "png"), (0, b"GIF8", "gif"),
    (0, b"BM", "bmp"), (0, b"II*\0", "tif"), (0, b"MM\0*", "tif"), (8, b"WEBP", "webp"), (0, b"%PDF-", "pdf"),
    (0, b"{\\rtf", "rtf"), (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"), (8, b"AVI ", "avi"),
    (0, b"\x1aE\xdf\xa3", "mkv"), (0, b"0&\xb2u\x8ef\xcf\x11", "wmv"), (0, b"FLV\1", "flv"),
    (0, b"\0\0\1\xba", "mpg"), (0, b"\0\0\1\xb3", "mpg"), (0, b".RMF", "rmvb"), (0, b"MZ", "exe"),
    (0, b"\x7fELF", "exe"), (0, b"#EXTM3U", "m3u8"), (0, b"ID3", "mp3"), (8, b"WAVE", "wav"), (0, b"ftyp", ""),
)  # fmt: skip
BRANDS: Final = {
    b"qt  ": "mov", b"M4A ": "m4a", b"M4B ": "m4a", b"heic": "heic", b"heix": "heic", b"mif1": "heic", b"msf1": "heic",
    b"avif": "avif", b"crx ": "cr3", b"f4v ": "flv",
}  # fmt: skip
"""Major brands that are no mp4."""
OFFICE: Final = ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx"))
OLD_OFFICE: Final = (("WordDocument", "doc"), ("Workbook", "xls"), ("PowerPoint Document", "ppt"))
ENCRYPTED: Final = "EncryptedPackage"
"""What an OLE file holds where a docx was saved with a password (MS-OFFCRYPTO, 2.3)."""
FAMILIES: Final[dict[Family, frozenset[str]]] = {
    "video": frozenset(
        {"mp4", "mov", "m4v", "avi", "mkv", "webm", "wmv", "asf", "flv", "f4v", "mpg", "mpeg", "ts", "mts", "m2ts"}
        | {"rm", "rmvb", "3gp", "vob", "ogv", "m3u8"}
    ),
    "document": frozenset({"docx", "doc", "wps", "pdf", "rtf", "odt", "pages", "docm", "dot", "dotx"}),
    "images": frozenset({"jpg", "png", "gif", "bmp", "tif", "webp", "heic", "avif", "psd", "svg", "cr3"}),
    "archive": frozenset({"zip", "rar", "7z", "gz", "bz2", "xz", "tar"}),
}
SPELT: Final = {"jpeg": "jpg", "jpe": "jpg", "jfif": "jpg", "tiff": "tif", "tgz": "gz", "heif": "heic"}


def format_of(first: bytes, name: str) -> str:
    """The format as a lower-case extension: `mp4`, `jpg`, `zip`; `unknown` where neither bytes nor name tell. Office
    documents look like any `zip` or `ole` here; `office` and `old_office` tell them apart."""
    said = SPELT.get(extension(name), extension(name))
    if first[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"pnot"):
        return _movie(first)
    for at, sign, kind in SIGNS:
        if kind and first.startswith(sign, at):
            return kind
    if first[:1] == b"\x47" and first[188:189] == b"\x47":
        return "ts"
    known = {kind for _, _, kind in SIGNS} | {"mp4", "mov", "docx"}
    return said if said and said not in known and said.isascii() and said.isalnum() and len(said) <= 8 else "unknown"


def _movie(first: bytes) -> str:
    """By brand (ISO/IEC 14496-12, 4.3): a QuickTime file that also promises to be an mp4 is one."""
    if first[4:8] != b"ftyp":
        return "mov"
    length = min(int.from_bytes(first[:4], "big"), len(first))
    brands = [first[8:12], *(first[at : at + 4] for at in range(16, length - 3, 4))]
    other = BRANDS.get(brands[0])
    if other == "mov" and any(brand[:3] in (b"iso", b"mp4", b"avc") for brand in brands):
        return "mp4"
    return other or ("3gp" if brands[0][:2] == b"3g" else "mp4")


def office(names: set[bytes]) -> str:
    """What a zip is by the names of its members: an office document has its content types at the top."""
    if b"[Content_Types].xml" in names:
        for folder, kind in OFFICE:
            if any(name.startswith(folder) for name in names):
                return kind
    return "zip"


def old_office(directory: bytes) -> str:
    """What an OLE file is by the names in its directory; `ole` where they do not tell. Damaged where it is a newer
    document behind a password."""
    if ENCRYPTED.encode("utf-16-le") in directory:
        raise Damaged("encrypted", "Office")
    return next((kind for name, kind in OLD_OFFICE if name.encode("utf-16-le") in directory), "ole")


def family_of(kind: str, name: str) -> Family:
    """The kind of part a file is, by its format; by its name's extension where the format does not tell."""
    said = SPELT.get(extension(name), extension(name)) if kind in ("unknown", "ole") else kind
    return next((family for family, kinds in FAMILIES.items() if said in kinds), "other")
